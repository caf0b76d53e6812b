"""Services (`pkg/apis/core/validation`, and the port range of the service registry)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.validation.causes import duplicate, forbidden, invalid, required, unsupported
from harness.cluster.store.validation.names import check_labels
from harness.cluster.store.validation.values import PROTOCOLS, address, one_of, port_number, port_or_name
from harness.kube.errors import Cause
from harness.kube.names import label_faults, subdomain_faults

Checked = Mapping[str, Any]
_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_NODE_PORTS = range(30000, 32768)
_POLICIES = ("Cluster", "Local")


def check_service(service: Checked) -> list[Cause]:
    """Ports, addresses and policies."""
    spec = service["spec"]
    kind, ports = spec.get("type"), spec.get("ports") or ()
    causes: list[Cause] = []
    if not ports and spec.get("clusterIP") != "None" and kind != "ExternalName":
        causes.append(required("spec.ports"))
    if kind == "LoadBalancer" and spec.get("clusterIP") == "None":
        causes.append(invalid("spec.clusterIPs[0]", "None", "may not be set to 'None' for LoadBalancer services"))
    if kind == "ExternalName":
        name = spec.get("externalName", "")
        causes += [required("spec.externalName")] if not name else []
        causes += [invalid("spec.externalName", name, f) for f in subdomain_faults(name.rstrip("."))] if name else []
    causes += _ports(ports, named=len(ports) > 1)
    causes += check_labels("spec.selector", spec.get("selector") or {})
    causes += one_of("spec.sessionAffinity", spec.get("sessionAffinity"), ("ClientIP", "None"))
    if kind != "ExternalName":
        addresses = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
        for position, text in enumerate(addresses):
            if text not in {"", "None"}:
                causes += address(f"spec.clusterIPs[{position}]", text)
    for position, text in enumerate(spec.get("externalIPs") or ()):
        causes += address(f"spec.externalIPs[{position}]", text)
    causes += _type(kind, ports)
    causes += one_of("spec.externalTrafficPolicy", spec.get("externalTrafficPolicy"), _POLICIES)
    return causes + one_of("spec.internalTrafficPolicy", spec.get("internalTrafficPolicy"), _POLICIES)


def check_service_update(new: Checked, old: Checked) -> list[Cause]:
    """The cluster IP stays, except where the type changes."""
    before, after = old["spec"], new["spec"]
    if before.get("type") == "ExternalName" or after.get("type") == "ExternalName" or not before.get("clusterIPs"):
        return []
    if after.get("clusterIPs") == before.get("clusterIPs") and after.get("clusterIP") == before.get("clusterIP"):
        return []
    return [invalid("spec.clusterIPs[0]", list(after.get("clusterIPs") or ()), "may not change once set")]


def _ports(ports: Any, *, named: bool) -> list[Cause]:
    causes: list[Cause] = []
    names: list[str] = []
    places: list[tuple[Any, Any]] = []
    for position, port in enumerate(ports):
        here, name = f"spec.ports[{position}]", port.get("name", "")
        if named and not name:
            causes.append(required(f"{here}.name"))
        elif name:
            causes += [invalid(f"{here}.name", name, fault) for fault in label_faults(name)]
            if name in names:
                causes.append(duplicate(f"{here}.name", name))
            names.append(name)
        causes += port_number(f"{here}.port", port.get("port"))
        causes += (
            []
            if port.get("protocol") in PROTOCOLS
            else [unsupported(f"{here}.protocol", port.get("protocol"), PROTOCOLS)]
        )
        causes += port_or_name(f"{here}.targetPort", port.get("targetPort"))
    for position, port in enumerate(ports):
        place = (port.get("protocol"), port.get("port"))
        if place in places:
            shown = {
                "Name": "",
                "Protocol": place[0],
                "AppProtocol": None,
                "Port": place[1],
                "TargetPort": 0,
                "NodePort": 0,
            }
            causes.append(duplicate(f"spec.ports[{position}]", shown))
        places.append(place)
    return causes


def _type(kind: Any, ports: Any) -> list[Cause]:
    if kind not in _TYPES:
        return [unsupported("spec.type", kind, _TYPES)]
    causes: list[Cause] = []
    for position, port in enumerate(ports):
        number, here = port.get("nodePort"), f"spec.ports[{position}].nodePort"
        if number and kind in {"ClusterIP", "ExternalName"}:
            causes.append(forbidden(here, f"may not be used when `type` is '{kind}'"))
        elif number and number not in _NODE_PORTS:
            span = f"{_NODE_PORTS[0]}-{_NODE_PORTS[-1]}"
            detail = f"provided port is not in the valid range. The range of valid ports is {span}"
            causes.append(invalid(here, number, detail))
    return causes
