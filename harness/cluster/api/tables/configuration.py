"""Tables of namespaces, configuration, limits, RBAC, leases, classes, definitions and the API's own registrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.api.tables.columns import Column, Printer, age, dig, name_column, wide
from harness.kube.objects import Object, condition, name_of
from harness.kube.resources import (
    API_SERVICES,
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    LEASES,
    LIMIT_RANGES,
    MUTATING_WEBHOOK_CONFIGURATIONS,
    NAMESPACES,
    PRIORITY_CLASSES,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    ROLES,
    RUNTIME_CLASSES,
    SECRETS,
    SERVICE_ACCOUNTS,
    VALIDATING_WEBHOOK_CONFIGURATIONS,
)


def _with_age(columns: tuple[Column, ...], middle: Callable[[Object], list[Any]]) -> Printer:
    """Name, some columns, Age."""
    every = (name_column(), *columns, Column("Age"))
    return Printer(every, lambda obj, now: [name_of(obj), *middle(obj), age(obj, now)])


def _created(obj: Object, _now_us: int) -> list[Any]:
    return [name_of(obj), obj["metadata"].get("creationTimestamp")]


def _data_count(obj: Object) -> int:
    return len(obj.get("data") or ()) + len(obj.get("binaryData") or ())


def _binding(binding: Object, now_us: int) -> list[Any]:
    def subjects(kind: str) -> str:
        found = [entry for entry in binding.get("subjects") or () if entry.get("kind") == kind]
        if kind == "ServiceAccount":
            return ", ".join(f"{entry.get('namespace', '')}/{entry['name']}" for entry in found)
        return ", ".join(entry["name"] for entry in found)

    role = binding.get("roleRef") or {}
    people = (subjects("User"), subjects("Group"), subjects("ServiceAccount"))
    return [name_of(binding), f"{role.get('kind')}/{role.get('name')}", age(binding, now_us), *people]


def _quota(quota: Object) -> list[Any]:
    """Used of hard, what is requested beside what is limited."""
    status = quota.get("status") or {}
    hard, used = status.get("hard") or {}, status.get("used") or {}
    texts = {name: f"{name}: {used.get(name, '0')}/{hard[name]}" for name in sorted(hard)}
    requests = [text for name, text in texts.items() if not name.startswith("limits.")]
    limits = [text for name, text in texts.items() if name.startswith("limits.")]
    return [", ".join(requests), ", ".join(limits)]


def _priority_class(priority_class: Object, now_us: int) -> list[Any]:
    return [
        name_of(priority_class),
        priority_class.get("value", 0),
        bool(priority_class.get("globalDefault")),
        age(priority_class, now_us),
        priority_class.get("preemptionPolicy", ""),
    ]


def _api_service(api_service: Object) -> list[Any]:
    service = dig(api_service, "spec", "service")
    place = "Local" if service is None else f"{service.get('namespace')}/{service.get('name')}"
    found = condition(api_service, "Available")
    state = "Unknown" if found is None else str(found.get("status"))
    return [place, state if found is None or state == "True" else f"{state} ({found.get('reason')})"]


_CREATED = Printer((name_column(), Column("Created At", "date")), _created)
_BINDING = Printer(
    (name_column(), Column("Role"), Column("Age"), *wide("Users", "Groups", "ServiceAccounts")), _binding
)
_WEBHOOKS = _with_age((Column("Webhooks", "integer"),), lambda obj: [len(obj.get("webhooks") or ())])
CONFIGURATION: Mapping[str, Printer] = {
    NAMESPACES.group_resource: _with_age((Column("Status"),), lambda obj: [dig(obj, "status", "phase") or ""]),
    CONFIG_MAPS.group_resource: _with_age((Column("Data"),), lambda obj: [_data_count(obj)]),
    SECRETS.group_resource: _with_age(
        (Column("Type"), Column("Data")), lambda obj: [obj.get("type", ""), _data_count(obj)]
    ),
    SERVICE_ACCOUNTS.group_resource: _with_age((Column("Secrets"),), lambda obj: [len(obj.get("secrets") or ())]),
    RESOURCE_QUOTAS.group_resource: _with_age((Column("Request"), Column("Limit")), _quota),
    LIMIT_RANGES.group_resource: _CREATED,
    LEASES.group_resource: _with_age((Column("Holder"),), lambda obj: [dig(obj, "spec", "holderIdentity") or ""]),
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
    RUNTIME_CLASSES.group_resource: _with_age((Column("Handler"),), lambda obj: [obj.get("handler", "")]),
    ROLES.group_resource: _CREATED,
    CLUSTER_ROLES.group_resource: _CREATED,
    CUSTOM_RESOURCE_DEFINITIONS.group_resource: _CREATED,
    ROLE_BINDINGS.group_resource: _BINDING,
    CLUSTER_ROLE_BINDINGS.group_resource: _BINDING,
    MUTATING_WEBHOOK_CONFIGURATIONS.group_resource: _WEBHOOKS,
    VALIDATING_WEBHOOK_CONFIGURATIONS.group_resource: _WEBHOOKS,
    API_SERVICES.group_resource: _with_age((Column("Service"), Column("Available")), _api_service),
}
