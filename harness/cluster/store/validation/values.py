"""Checks of single values that many kinds share."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.cluster.store.validation.causes import duplicate, forbidden, invalid, required, unsupported
from harness.cluster.store.validation.names import check_labels
from harness.kube.errors import Cause
from harness.kube.names import qualified_name_faults

PROTOCOLS = ("SCTP", "TCP", "UDP")
_PERCENT = re.compile(r"[0-9]+%")
_PERCENT_TEXT = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')"
_PORT_TEXT = "must be between 1 and 65535, inclusive"
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")
_IP_TEXT = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def at_least(field: str, value: Any, least: int, detail: str = "") -> list[Cause]:
    """Nothing, unless the value is below `least`."""
    if value is None or value >= least:
        return []
    return [invalid(field, value, detail or f"must be greater than or equal to {least}")]


def one_of(field: str, value: Any, supported: Sequence[str]) -> list[Cause]:
    """Nothing, if the value is unset or one of these."""
    return [] if value is None or value in supported else [unsupported(field, value, supported)]


def int_or_percent(field: str, value: Any, *, most_percent: int | None = 100) -> list[Cause]:
    """A number from 0 on, or a percentage."""
    if value is None:
        return []
    if isinstance(value, int):
        return at_least(field, value, 0)
    if not _PERCENT.fullmatch(value):
        return [invalid(field, value, _PERCENT_TEXT)]
    if most_percent is not None and int(value[:-1]) > most_percent:
        return [invalid(field, value, f"must not be greater than {most_percent}%")]
    return []


def selector_faults(field: str, selector: Mapping[str, Any] | None) -> list[Cause]:
    """A label selector (`metav1/validation`)."""
    if selector is None:
        return []
    causes = check_labels(f"{field}.matchLabels", selector.get("matchLabels") or {})
    for position, term in enumerate(selector.get("matchExpressions") or ()):
        here, operator, values = f"{field}.matchExpressions[{position}]", term.get("operator"), term.get("values") or ()
        if operator in {"In", "NotIn"} and not values:
            causes.append(required(f"{here}.values", "must be specified when `operator` is 'In' or 'NotIn'"))
        elif operator in {"Exists", "DoesNotExist"} and values:
            causes.append(
                forbidden(f"{here}.values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")
            )
        elif operator not in _OPERATORS:
            causes.append(invalid(f"{here}.operator", operator, "not a valid selector operator"))
        causes += [invalid(f"{here}.key", term.get("key", ""), f) for f in qualified_name_faults(term.get("key", ""))]
    return causes


def port_number(field: str, value: Any) -> list[Cause]:
    """A port from 1 to 65535."""
    return [] if isinstance(value, int) and 1 <= value <= 65535 else [invalid(field, value, _PORT_TEXT)]


def port_or_name(field: str, value: Any) -> list[Cause]:
    """A port, or the name of one."""
    if not isinstance(value, str):
        return port_number(field, value)
    return [invalid(field, value, fault) for fault in port_name_faults(value)]


def port_name_faults(name: str) -> list[str]:
    """What keeps `name` from being an IANA service name."""
    faults: list[str] = []
    if len(name) > 15:
        faults.append("must be no more than 15 characters")
    if not re.fullmatch(r"[-a-z0-9]+", name):
        faults.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    elif not re.search(r"[a-z]", name):
        faults.append("must contain at least one letter (a-z)")
    elif "--" in name:
        faults.append("must not contain consecutive hyphens")
    elif name.startswith("-") or name.endswith("-"):
        faults.append("must not begin or end with a hyphen")
    return faults


def address(field: str, value: str) -> list[Cause]:
    """An IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return [invalid(field, value, _IP_TEXT)]
    return []


def cidr(field: str, value: str) -> list[Cause]:
    """A network in CIDR notation."""
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return [invalid(field, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    return (
        []
        if "/" in value
        else [invalid(field, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")]
    )


def duplicates(field: str, values: Iterable[Any]) -> list[Cause]:
    """Those that stand there twice."""
    seen: list[Any] = []
    causes: list[Cause] = []
    for position, value in enumerate(values):
        if value in seen:
            causes.append(duplicate(f"{field}[{position}]", value))
        seen.append(value)
    return causes
