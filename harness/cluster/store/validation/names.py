"""Names, labels and annotations (apimachinery `util/validation/validation.go`, `api/validation/objectmeta.go`)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from harness.cluster.store.validation.causes import invalid, required
from harness.kube.errors import Cause
from harness.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SERVICES,
    Resource,
)

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_SERVICE = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_label, _subdomain, _service, _qualified, _value = (
    re.compile(pattern) for pattern in (_LABEL, _SUBDOMAIN, _SERVICE, _QUALIFIED, _VALUE)
)
_ANNOTATIONS_BYTES_MAX = 256 * 1024

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    f"character (e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    f"alphanumeric character (e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_SERVICE_TEXT = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an "
    f"alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '{_SERVICE}')"
)
_QUALIFIED_TEXT = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}')"
)
_VALUE_TEXT = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    f"alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
)
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_PATH_NAMES = frozenset(
    resource.group_resource for resource in (ROLES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS)
)


def label_faults(name: str) -> list[str]:
    """What keeps `name` from being an RFC 1123 label; of what would do as a subdomain, only its dots."""
    if len(name) <= 63 and _label.fullmatch(name):
        return []
    only_dots = _subdomain.fullmatch(name) is not None and _label.fullmatch(name) is None
    return _faults(name, 63, _label, "must not contain dots" if only_dots else _LABEL_TEXT)


def subdomain_faults(name: str) -> list[str]:
    """What keeps `name` from being an RFC 1123 subdomain."""
    return _faults(name, 253, _subdomain, _SUBDOMAIN_TEXT)


def check_name(resource: Resource, name: str) -> list[Cause]:
    """Whether objects of this type may have this name."""
    if resource.group_resource in _PATH_NAMES:
        faults = [f"may not contain '{mark}'" for mark in ("/", "%") if mark in name]
        faults += [f"may not be '{name}'"] if name in {".", ".."} else []
    elif resource.group_resource == NAMESPACES.group_resource:
        faults = label_faults(name)
    elif resource.group_resource == SERVICES.group_resource:
        faults = _faults(name, 63, _service, _SERVICE_TEXT)
    else:
        faults = subdomain_faults(name)
    return [invalid("metadata.name", name, fault) for fault in faults]


def check_metadata(resource: Resource, metadata: Mapping[str, Any]) -> list[Cause]:
    """Name, labels, annotations and finalizers."""
    name = metadata.get("name")
    causes = check_name(resource, name) if name else [required("metadata.name", "name or generateName is required")]
    causes += check_labels("metadata.labels", metadata.get("labels") or {})
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        causes += [invalid("metadata.annotations", key, fault) for fault in qualified_name_faults(key.lower())]
    if sum(len(key.encode()) + len(text.encode()) for key, text in annotations.items()) > _ANNOTATIONS_BYTES_MAX:
        causes.append(
            Cause(
                "metadata.annotations",
                "FieldValueTooLong",
                f"Too long: may not be more than {_ANNOTATIONS_BYTES_MAX} bytes",
            )
        )
    for position, finalizer in enumerate(metadata.get("finalizers") or ()):
        field = f"metadata.finalizers[{position}]"
        causes += [invalid(field, finalizer, fault) for fault in qualified_name_faults(finalizer)]
        is_core = resource.group != CUSTOM_RESOURCE_DEFINITIONS.group  # apiextensions has a bare name of its own
        if is_core and "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            causes.append(invalid(field, finalizer, detail))
    return causes


def check_labels(field: str, labels: Mapping[str, str]) -> list[Cause]:
    """Keys are qualified names, values at most 63 characters of a small alphabet."""
    causes: list[Cause] = []
    for key, text in labels.items():
        causes += [invalid(field, key, fault) for fault in qualified_name_faults(key)]
        if len(text) > 63 or not _value.fullmatch(text):
            causes += [invalid(field, text, fault) for fault in _faults(text, 63, _value, _VALUE_TEXT)]
    return causes


@lru_cache(maxsize=4096)
def qualified_name_faults(key: str) -> Sequence[str]:
    """What keeps `key` from being `[prefix/]name`. Remembered: the keys of labels, tolerations and resources are few."""
    prefix, slash, name = key.rpartition("/")
    faults: list[str] = []
    if "/" in prefix:
        return (
            "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_QUALIFIED}') with an optional DNS subdomain "
            "prefix and '/' (e.g. 'example.com/MyName')",
        )
    if slash and not prefix:
        faults.append("prefix part must be non-empty")
    elif slash:
        faults += [f"prefix part {fault}" for fault in subdomain_faults(prefix)]
    if not name:
        faults.append("name part must be non-empty")
    if len(name) > 63:
        faults.append("name part must be no more than 63 characters")
    if not _qualified.fullmatch(name):
        faults.append(_QUALIFIED_TEXT)
    return tuple(faults)


def _faults(text: str, length_max: int, pattern: re.Pattern[str], explained: str) -> list[str]:
    faults = [f"must be no more than {length_max} characters"] if len(text) > length_max else []
    return faults if pattern.fullmatch(text) else [*faults, explained]
