"""Which texts may be names, labels and keys, and what upstream says of those that may not (apimachinery `util/validation/validation.go`)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_SERVICE = "[a-z]([-a-z0-9]*[a-z0-9])?"
_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = f"({_QUALIFIED})?"
_label, _subdomain, _service, _qualified, _value = (
    re.compile(pattern) for pattern in (_LABEL, _SUBDOMAIN, _SERVICE, _QUALIFIED, _VALUE)
)

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


def label_faults(name: str) -> list[str]:
    """What keeps `name` from being an RFC 1123 label; of what would do as a subdomain, only its dots."""
    if len(name) <= 63 and _label.fullmatch(name):
        return []
    only_dots = _subdomain.fullmatch(name) is not None and _label.fullmatch(name) is None
    return _faults(name, 63, _label, "must not contain dots" if only_dots else _LABEL_TEXT)


def subdomain_faults(name: str) -> list[str]:
    """What keeps `name` from being an RFC 1123 subdomain."""
    return _faults(name, 253, _subdomain, _SUBDOMAIN_TEXT)


def service_faults(name: str) -> list[str]:
    """What keeps `name` from being an RFC 1035 label."""
    return _faults(name, 63, _service, _SERVICE_TEXT)


def value_faults(text: str) -> list[str]:
    """What keeps `text` from being the value of a label."""
    return [] if len(text) <= 63 and _value.fullmatch(text) else _faults(text, 63, _value, _VALUE_TEXT)


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
