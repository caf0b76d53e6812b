"""Quotas, limit ranges, leases and RBAC (`pkg/apis/{core,coordination,rbac}/validation`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.validation.causes import forbidden, invalid, required, unsupported
from harness.cluster.store.validation.values import at_least
from harness.kube.errors import Cause
from harness.kube.names import qualified_name_faults, subdomain_faults
from harness.kube.quantity import parse
from harness.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CLUSTER_ROLES,
    LEASES,
    LIMIT_RANGES,
    RESOURCE_QUOTAS,
    ROLE_BINDINGS,
    ROLES,
)

Checked = Mapping[str, Any]
_COUNTS = frozenset(
    {
        "pods",
        "services",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "configmaps",
        "persistentvolumeclaims",
        "services.nodeports",
        "services.loadbalancers",
    }
)
_COMPUTE = frozenset(
    f"{prefix}{name}" for prefix in ("", "requests.", "limits.") for name in ("cpu", "memory", "ephemeral-storage")
)
_STANDARD = _COUNTS | _COMPUTE | {"requests.storage", "storage"}
_SCOPES = (
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
)
_CONFLICTS = (frozenset({"BestEffort", "NotBestEffort"}), frozenset({"Terminating", "NotTerminating"}))
_EXISTS_TEXT = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
    "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def _quota(quota: Checked) -> list[Cause]:
    spec = quota.get("spec") or {}
    causes: list[Cause] = []
    for name, amount in (spec.get("hard") or {}).items():
        field = f"spec.hard[{name}]"
        causes += [invalid(field, name, fault) for fault in qualified_name_faults(name)]
        if "/" not in name and name not in _STANDARD and not name.startswith(("hugepages-", "requests.hugepages-")):
            causes.append(invalid(field, name, "must be a standard resource type or fully qualified"))
            causes.append(invalid(field, name, "must be a standard resource for quota"))
        value = parse(amount)
        if value < 0:
            causes.append(invalid(field, amount, "must be greater than or equal to 0"))
        if (name in _COUNTS or name.startswith("count/")) and value != value.to_integral_value():
            causes.append(invalid(field, amount, "must be an integer"))
    return causes + _scopes(spec) + _scope_selector(spec)


def _scopes(spec: Checked) -> list[Cause]:
    scopes = spec.get("scopes") or ()
    if not scopes:
        return []
    causes: list[Cause] = []
    if any(scope not in _SCOPES for scope in scopes):
        causes.append(invalid("spec.scopes", list(scopes), "unsupported scope"))
    causes += [
        invalid("spec.scopes", list(scopes), "unsupported scope applied to resource")
        for name in spec.get("hard") or {}
        if name in _STANDARD and not all(_fits(scope, name) for scope in scopes if scope in _SCOPES)
    ]
    if any(pair <= set(scopes) for pair in _CONFLICTS):
        causes.append(invalid("spec.scopes", list(scopes), "conflicting scopes"))
    return causes


def _fits(scope: str, name: str) -> bool:
    return name == "pods" if scope == "BestEffort" else name == "pods" or name in _COMPUTE


def _scope_selector(spec: Checked) -> list[Cause]:
    field = "spec.scopeSelector.matchExpressions"
    causes: list[Cause] = []
    for term in (spec.get("scopeSelector") or {}).get("matchExpressions") or ():
        scope, operator, values = term.get("scopeName"), term.get("operator"), term.get("values") or ()
        if scope not in _SCOPES:
            causes.append(invalid(f"{field}.scopeName", scope, "unsupported scope"))
        if scope not in {"PriorityClass", "VolumeAttributesClass"} and operator != "Exists":
            causes.append(invalid(f"{field}.operator", operator, _EXISTS_TEXT))
        elif operator in {"In", "NotIn"} and not values:
            detail = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"
            causes.append(required(f"{field}.values", detail))
        elif operator in {"Exists", "DoesNotExist"} and values:
            detail = "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector"
            causes.append(invalid(f"{field}.values", list(values), detail))
        elif operator not in {"In", "NotIn", "Exists", "DoesNotExist"}:
            causes.append(invalid(f"{field}.operator", operator, "not a valid selector operator"))
    return causes


def _limit_range(limit_range: Checked) -> list[Cause]:
    causes: list[Cause] = []
    for position, item in enumerate((limit_range.get("spec") or {}).get("limits") or ()):
        causes += _limit_item(f"spec.limits[{position}]", item)
    return causes


def _limit_item(field: str, item: Checked) -> list[Cause]:
    kind = str(item.get("type", ""))
    causes = [invalid(f"{field}.type", kind, fault) for fault in qualified_name_faults(kind)]
    parts = {key: item.get(key) or {} for key in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio")}
    named: dict[str, None] = {}
    for key in ("max", "min"):
        named.update(dict.fromkeys(parts[key]))
        causes += _limit_names(f"{field}.{key}", parts[key])
    if kind == "Pod":
        for key in ("default", "defaultRequest"):
            if parts[key]:
                causes.append(forbidden(f"{field}.{key}", "may not be specified when `type` is 'Pod'"))
    else:
        for key in ("default", "defaultRequest"):
            named.update(dict.fromkeys(parts[key]))
            causes += _limit_names(f"{field}.{key}", parts[key])
    if kind == "PersistentVolumeClaim" and "storage" not in parts["min"] and "storage" not in parts["max"]:
        detail = "either minimum or maximum storage value is required, but neither was provided"
        causes.append(required(f"{field}.limits", detail))
    named.update(dict.fromkeys(parts["maxLimitRequestRatio"]))
    for name in sorted(named):
        causes += _limit_order(field, name, {key: amounts.get(name) for key, amounts in parts.items()})
    return causes


def _limit_names(field: str, amounts: Checked) -> list[Cause]:
    causes: list[Cause] = []
    for name in amounts:
        if "/" not in name and name not in {"cpu", "memory", "ephemeral-storage", "storage"}:
            causes.append(invalid(f"{field}[{name}]", name, "must be a standard resource type or fully qualified"))
            causes.append(invalid(f"{field}[{name}]", name, "must be a standard resource for containers"))
    return causes


def _limit_order(field: str, name: str, amounts: Mapping[str, Any]) -> list[Cause]:
    least, most, default, request = (amounts[key] for key in ("min", "max", "default", "defaultRequest"))
    causes: list[Cause] = []

    def above(one: Any, other: Any) -> bool:
        return one is not None and other is not None and parse(one) > parse(other)

    if above(least, most):
        causes.append(invalid(f"{field}.min[{name}]", least, f"min value {least} is greater than max value {most}"))
    here = f"{field}.defaultRequest[{name}]"
    if above(least, request):
        detail = f"min value {least} is greater than default request value {request}"
        causes.append(invalid(here, request, detail))
    if above(request, most):
        causes.append(invalid(here, request, f"default request value {request} is greater than max value {most}"))
    if above(request, default):
        detail = f"default request value {request} is greater than default limit value {default}"
        causes.append(invalid(here, request, detail))
    here = f"{field}.default[{name}]"
    if above(least, default):
        causes.append(invalid(here, least, f"min value {least} is greater than default value {default}"))
    if above(default, most):
        causes.append(invalid(here, most, f"default value {default} is greater than max value {most}"))
    ratio = amounts["maxLimitRequestRatio"]
    if ratio is not None and parse(ratio) < 1:
        causes.append(invalid(f"{field}.maxLimitRequestRatio[{name}]", ratio, f"ratio {ratio} is less than 1"))
    return causes


def _lease(lease: Checked) -> list[Cause]:
    spec = lease.get("spec") or {}
    duration = spec.get("leaseDurationSeconds")
    causes = at_least("spec.leaseDurationSeconds", duration, 1, "must be greater than 0")
    return causes + at_least("spec.leaseTransitions", spec.get("leaseTransitions"), 0)


def _role(role: Checked) -> list[Cause]:
    return _rules(role, namespaced=True)


def _cluster_role(role: Checked) -> list[Cause]:
    return _rules(role, namespaced=False)


def _rules(role: Checked, *, namespaced: bool) -> list[Cause]:
    causes: list[Cause] = []
    for position, rule in enumerate(role.get("rules") or ()):
        field, urls = f"rules[{position}]", rule.get("nonResourceURLs") or ()
        if not rule.get("verbs"):
            causes.append(required(f"{field}.verbs", "verbs must contain at least one value"))
        if urls:
            if namespaced:
                detail = "namespaced rules cannot apply to non-resource URLs"
                causes.append(invalid(f"{field}.nonResourceURLs", list(urls), detail))
            elif rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
                detail = "rules cannot apply to both regular resources and non-resource URLs"
                causes.append(invalid(f"{field}.nonResourceURLs", list(urls), detail))
            continue
        if not rule.get("apiGroups"):
            causes.append(required(f"{field}.apiGroups", "resource rules must supply at least one api group"))
        if not rule.get("resources"):
            causes.append(required(f"{field}.resources", "resource rules must supply at least one resource"))
    return causes


def _role_binding(binding: Checked) -> list[Cause]:
    return _binding(binding, ("Role", "ClusterRole"))


def _cluster_role_binding(binding: Checked) -> list[Cause]:
    return _binding(binding, ("ClusterRole",))


def _binding(binding: Checked, kinds: tuple[str, ...]) -> list[Cause]:
    reference = binding.get("roleRef") or {}
    causes: list[Cause] = []
    if reference.get("kind") not in kinds:
        causes.append(unsupported("roleRef.kind", reference.get("kind", ""), kinds))
    if not reference.get("name"):
        causes.append(required("roleRef.name"))
    for position, subject in enumerate(binding.get("subjects") or ()):
        causes += _subject(f"subjects[{position}]", subject)
    return causes


def _subject(field: str, subject: Checked) -> list[Cause]:
    name, kind = str(subject.get("name", "")), subject.get("kind", "")
    if not name:
        return [required(f"{field}.name")]
    if kind == "ServiceAccount":
        return [invalid(f"{field}.name", name, fault) for fault in subdomain_faults(name)]
    if kind not in {"User", "Group"}:
        return [unsupported(f"{field}.kind", kind, ("ServiceAccount", "User", "Group"))]
    return []


def _binding_update(new: Checked, old: Checked) -> list[Cause]:
    if new.get("roleRef") == old.get("roleRef"):
        return []
    return [invalid("roleRef", new.get("roleRef"), "cannot change roleRef")]


POLICY_RULES: Mapping[str, Callable[[Checked], list[Cause]]] = {
    RESOURCE_QUOTAS.group_resource: _quota,
    LIMIT_RANGES.group_resource: _limit_range,
    LEASES.group_resource: _lease,
    ROLES.group_resource: _role,
    CLUSTER_ROLES.group_resource: _cluster_role,
    ROLE_BINDINGS.group_resource: _role_binding,
    CLUSTER_ROLE_BINDINGS.group_resource: _cluster_role_binding,
}
POLICY_UPDATE_RULES: Mapping[str, Callable[[Checked, Checked], list[Cause]]] = {
    ROLE_BINDINGS.group_resource: _binding_update,
    CLUSTER_ROLE_BINDINGS.group_resource: _binding_update,
}
