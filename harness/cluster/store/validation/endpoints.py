"""Endpoints and EndpointSlices (`pkg/apis/core/validation`, `pkg/apis/discovery/validation`)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.validation.causes import duplicate, invalid, required, unsupported
from harness.cluster.store.validation.values import PROTOCOLS, address, one_of, port_number
from harness.kube.errors import Cause
from harness.kube.names import label_faults, subdomain_faults
from harness.kube.resources import ENDPOINT_SLICES, ENDPOINTS

Checked = Mapping[str, Any]
_RANGES = (
    ("is_unspecified", "may not be unspecified (0.0.0.0 or ::)"),
    ("is_loopback", "may not be in the loopback range (127.0.0.0/8, ::1/128)"),
    ("is_link_local", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
    ("is_multicast", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
)


def _reachable(field: str, text: str) -> list[Cause]:
    """An address at which something outside of the own host can be."""
    causes = address(field, text)
    if causes:
        return [*causes, invalid(field, text, "must be a valid IP address")]
    found = ipaddress.ip_address(text)
    return [invalid(field, text, detail) for mark, detail in _RANGES if getattr(found, mark)][:1]


def _endpoints(endpoints: Checked) -> list[Cause]:
    causes: list[Cause] = []
    for number, subset in enumerate(endpoints.get("subsets") or ()):
        here, ports = f"subsets[{number}]", subset.get("ports") or ()
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            causes.append(required(here, "must specify `addresses` or `notReadyAddresses`"))
        for part in ("addresses", "notReadyAddresses"):
            for position, entry in enumerate(subset.get(part) or ()):
                causes += _address(f"{here}.{part}[{position}]", entry)
        for position, port in enumerate(ports):
            causes += _port(f"{here}.ports[{position}]", port, named=len(ports) > 1)
    return causes


def _address(field: str, entry: Checked) -> list[Cause]:
    causes = [invalid(f"{field}.hostname", entry["hostname"], f) for f in label_faults(entry.get("hostname") or "a")]
    name = entry.get("nodeName")
    causes += [invalid(f"{field}.nodeName", name, f) for f in subdomain_faults(name)] if name is not None else []
    return _reachable(f"{field}.ip", str(entry.get("ip", ""))) + causes


def _port(field: str, port: Checked, *, named: bool) -> list[Cause]:
    name, causes = port.get("name"), list[Cause]()
    if named and not name:
        causes.append(required(f"{field}.name"))
    elif name:
        causes += [invalid(f"{field}.name", name, fault) for fault in label_faults(name)]
    causes += port_number(f"{field}.port", port.get("port", 0))
    if not port.get("protocol"):
        causes.append(required(f"{field}.protocol"))
    elif port["protocol"] not in PROTOCOLS:
        causes.append(unsupported(f"{field}.protocol", port["protocol"], PROTOCOLS))
    return causes


def _endpoint_slice(endpoint_slice: Checked) -> list[Cause]:
    kind = endpoint_slice.get("addressType")
    if not kind:
        return [required("addressType")]
    causes = one_of("addressType", kind, ("FQDN", "IPv4", "IPv6"))
    if causes:
        return causes
    for position, endpoint in enumerate(endpoint_slice.get("endpoints") or ()):
        causes += _endpoint(f"endpoints[{position}]", endpoint, kind)
    names: dict[str, None] = {}
    for position, port in enumerate(endpoint_slice.get("ports") or ()):
        here, name = f"ports[{position}]", str(port.get("name") or "")
        causes += [invalid(f"{here}.name", name, fault) for fault in label_faults(name)] if name else []
        if name in names:
            causes.append(duplicate(f"{here}.name", name))
        names[name] = None
        causes += one_of(f"{here}.protocol", port.get("protocol"), PROTOCOLS)
    return causes


def _endpoint(field: str, endpoint: Checked, kind: str) -> list[Cause]:
    causes: list[Cause] = []
    if not endpoint.get("addresses"):
        causes.append(required(f"{field}.addresses", "must contain at least 1 address"))
    for number, text in enumerate(endpoint.get("addresses") or ()):
        here = f"{field}.addresses[{number}]"
        if kind == "FQDN":
            causes += [invalid(here, text, fault) for fault in subdomain_faults(text)]
        else:
            causes += address(here, text) or _reachable(here, text)
    for key, check in (("nodeName", subdomain_faults), ("hostname", label_faults)):
        if endpoint.get(key):
            causes += [invalid(f"{field}.{key}", endpoint[key], fault) for fault in check(endpoint[key])]
    return causes


ENDPOINT_RULES: Mapping[str, Callable[[Checked], list[Cause]]] = {
    ENDPOINTS.group_resource: _endpoints,
    ENDPOINT_SLICES.group_resource: _endpoint_slice,
}
