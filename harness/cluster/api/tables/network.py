"""Tables of services, their endpoints, ingresses and network policies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.api.tables.columns import (
    NONE,
    UNKNOWN,
    UNSET,
    Column,
    Printer,
    age,
    dig,
    label_map,
    label_selector,
    name_column,
    some,
)
from harness.kube.objects import Object, name_of
from harness.kube.resources import (
    ENDPOINT_SLICES,
    ENDPOINTS,
    INGRESS_CLASSES,
    INGRESSES,
    NETWORK_POLICIES,
    SERVICES,
)

_SHOWN = 3


def _balancers(obj: Object) -> str:
    """The addresses of a load balancer, each once, sorted."""
    entries = dig(obj, "status", "loadBalancer", "ingress") or ()
    return ",".join(sorted({entry.get("ip") or entry.get("hostname") or "" for entry in entries} - {""}))


def _external(service: Object) -> str:
    spec = service.get("spec") or {}
    kind, own = spec.get("type"), ",".join(spec.get("externalIPs") or ())
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        return ",".join(filter(None, (_balancers(service), own))) or "<pending>"
    return (own or NONE) if kind in {"ClusterIP", "NodePort"} else UNKNOWN


def _service(service: Object, now_us: int) -> list[Any]:
    spec = service.get("spec") or {}
    addresses = spec.get("clusterIPs") or ()
    return [
        name_of(service),
        spec.get("type", ""),
        addresses[0] if addresses else NONE,
        _external(service),
        ",".join(map(_port, spec.get("ports") or ())) or NONE,
        age(service, now_us),
        label_map(spec.get("selector")),
    ]


def _port(port: Mapping[str, Any]) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}"


def _endpoints(endpoints: Object, now_us: int) -> list[Any]:
    found: list[str] = []
    for subset in endpoints.get("subsets") or ():
        addresses = [entry["ip"] for entry in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        if not ports:
            found += addresses
        found += [_host_port(address, port["port"]) for port in ports for address in addresses]
    return [name_of(endpoints), some(found, _SHOWN, ",") if found else NONE, age(endpoints, now_us)]


def _host_port(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _endpoint_slice(endpoint_slice: Object, now_us: int) -> list[Any]:
    ports = [str(port.get("port") or port.get("name") or "*") for port in endpoint_slice.get("ports") or ()]
    addresses = [a for entry in endpoint_slice.get("endpoints") or () for a in entry.get("addresses") or ()]
    return [
        name_of(endpoint_slice),
        endpoint_slice.get("addressType", ""),
        some(ports, _SHOWN, ",") if ports else UNSET,
        some(addresses, _SHOWN, ",") if addresses else UNSET,
        age(endpoint_slice, now_us),
    ]


def _ingress(ingress: Object, now_us: int) -> list[Any]:
    spec = ingress.get("spec") or {}
    hosts = [rule["host"] for rule in spec.get("rules") or () if rule.get("host")]
    return [
        name_of(ingress),
        spec.get("ingressClassName") or NONE,
        some(hosts, _SHOWN, ",") if hosts else "*",
        _balancers(ingress),
        "80, 443" if spec.get("tls") else "80",
        age(ingress, now_us),
    ]


def _ingress_class(ingress_class: Object, now_us: int) -> list[Any]:
    spec = ingress_class.get("spec") or {}
    found, words = spec.get("parameters"), NONE
    if found is not None:
        kind = f"{found['kind']}.{found['apiGroup']}" if found.get("apiGroup") else found["kind"]
        words = f"{kind}/{found['name']}"
    return [name_of(ingress_class), spec.get("controller", ""), words, age(ingress_class, now_us)]


def _policy(policy: Object, now_us: int) -> list[Any]:
    return [name_of(policy), label_selector(dig(policy, "spec", "podSelector")), age(policy, now_us)]


def _named(names: Sequence[str]) -> tuple[Column, ...]:
    return (name_column(), *map(Column, names))


NETWORK: Mapping[str, Printer] = {
    SERVICES.group_resource: Printer(
        (*_named(("Type", "Cluster-IP", "External-IP", "Port(s)", "Age")), Column("Selector", priority=1)), _service
    ),
    ENDPOINTS.group_resource: Printer(_named(("Endpoints", "Age")), _endpoints),
    ENDPOINT_SLICES.group_resource: Printer(_named(("AddressType", "Ports", "Endpoints", "Age")), _endpoint_slice),
    INGRESSES.group_resource: Printer(_named(("Class", "Hosts", "Address", "Ports", "Age")), _ingress),
    INGRESS_CLASSES.group_resource: Printer(_named(("Controller", "Parameters", "Age")), _ingress_class),
    NETWORK_POLICIES.group_resource: Printer(_named(("Pod-Selector", "Age")), _policy),
}
