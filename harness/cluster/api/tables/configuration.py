"""Tables of namespaces, configuration, services, RBAC, leases, priority classes and definitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.api.tables.columns import NONE, Column, Printer, age, dig, name_column, wide
from harness.kube.objects import Object, name_of
from harness.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    LEASES,
    NAMESPACES,
    PRIORITY_CLASSES,
    ROLE_BINDINGS,
    ROLES,
    SECRETS,
    SERVICE_ACCOUNTS,
    SERVICES,
)


def _with_age(names: tuple[str, ...], middle: Callable[[Object], list[Any]]) -> Printer:
    """Name, some columns, Age."""
    columns = (name_column(), *map(Column, names), Column("Age"))
    return Printer(columns, lambda obj, now: [name_of(obj), *middle(obj), age(obj, now)])


def _created(obj: Object, _now_us: int) -> list[Any]:
    return [name_of(obj), obj["metadata"].get("creationTimestamp")]


def _data_count(obj: Object) -> str:
    return str(len(obj.get("data") or ()) + len(obj.get("binaryData") or ()))


def _service(service: Object, now_us: int) -> list[Any]:
    spec = service.get("spec") or {}
    ports = [_port(port) for port in spec.get("ports") or ()]
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    external = ",".join(spec.get("externalIPs") or ())
    if spec.get("type") == "ExternalName":
        external = str(spec.get("externalName", ""))
    elif spec.get("type") == "LoadBalancer" and not external:
        entries = dig(service, "status", "loadBalancer", "ingress") or ()
        external = ",".join(entry.get("hostname") or entry.get("ip") or "" for entry in entries) or "<pending>"
    return [
        name_of(service),
        spec.get("type", ""),
        spec.get("clusterIP") or NONE,
        external or NONE,
        ",".join(ports) or NONE,
        age(service, now_us),
        selector or NONE,
    ]


def _port(port: Mapping[str, Any]) -> str:
    node_port = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{node_port}/{port.get('protocol', 'TCP')}"


def _binding(binding: Object, now_us: int) -> list[Any]:
    def subjects(kind: str) -> str:
        found = [entry for entry in binding.get("subjects") or () if entry.get("kind") == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{entry.get('namespace', '')}/{entry['name']}" for entry in found)
        return ", ".join(entry["name"] for entry in found)

    role = binding.get("roleRef") or {}
    people = (subjects("User"), subjects("Group"), subjects("ServiceAccount"))
    return [name_of(binding), f"{role.get('kind')}/{role.get('name')}", age(binding, now_us), *people]


def _priority_class(priority_class: Object, now_us: int) -> list[Any]:
    return [
        name_of(priority_class),
        priority_class.get("value", 0),
        bool(priority_class.get("globalDefault")),
        age(priority_class, now_us),
        priority_class.get("preemptionPolicy", ""),
    ]


_CREATED = Printer((name_column(), Column("Created At", "date")), _created)
_BINDING = Printer(
    (name_column(), Column("Role"), Column("Age"), *wide("Users", "Groups", "ServiceAccounts")), _binding
)
CONFIGURATION: Mapping[str, Printer] = {
    NAMESPACES.group_resource: _with_age(("Status",), lambda obj: [dig(obj, "status", "phase") or ""]),
    CONFIG_MAPS.group_resource: _with_age(("Data",), lambda obj: [_data_count(obj)]),
    SECRETS.group_resource: _with_age(("Type", "Data"), lambda obj: [obj.get("type", ""), _data_count(obj)]),
    SERVICE_ACCOUNTS.group_resource: _with_age(("Secrets",), lambda obj: [str(len(obj.get("secrets") or ()))]),
    LEASES.group_resource: _with_age(("Holder",), lambda obj: [dig(obj, "spec", "holderIdentity") or ""]),
    SERVICES.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Type", "Cluster-IP", "External-IP", "Port(s)", "Age")),
            Column("Selector", priority=1),
        ),
        _service,
    ),
    PRIORITY_CLASSES.group_resource: Printer(
        (
            name_column(),
            Column("Value", "integer"),
            Column("Global-Default", "boolean"),
            Column("Age"),
            Column("PreemptionPolicy"),
        ),
        _priority_class,
    ),
    ROLES.group_resource: _CREATED,
    CLUSTER_ROLES.group_resource: _CREATED,
    CUSTOM_RESOURCE_DEFINITIONS.group_resource: _CREATED,
    ROLE_BINDINGS.group_resource: _BINDING,
    CLUSTER_ROLE_BINDINGS.group_resource: _BINDING,
}
