"""Names, labels and annotations of objects (apimachinery `api/validation/objectmeta.go`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.validation.causes import invalid, required
from harness.kube.errors import Cause
from harness.kube.names import label_faults, qualified_name_faults, service_faults, subdomain_faults, value_faults
from harness.kube.resources import (
    API_SERVICES,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CUSTOM_RESOURCE_DEFINITIONS,
    NAMESPACES,
    ROLE_BINDINGS,
    ROLES,
    SERVICES,
    Resource,
)

_ANNOTATIONS_BYTES_MAX = 256 * 1024
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_PATH_NAMES = frozenset(
    resource.group_resource for resource in (ROLES, ROLE_BINDINGS, CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, API_SERVICES)
)


def check_name(resource: Resource, name: str) -> list[Cause]:
    """Whether objects of this type may have this name."""
    if resource.group_resource in _PATH_NAMES:
        faults = [f"may not contain '{mark}'" for mark in ("/", "%") if mark in name]
        faults += [f"may not be '{name}'"] if name in {".", ".."} else []
    elif resource.group_resource == NAMESPACES.group_resource:
        faults = label_faults(name)
    elif resource.group_resource == SERVICES.group_resource:
        faults = service_faults(name)
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
        causes += [invalid(field, text, fault) for fault in value_faults(text)]
    return causes
