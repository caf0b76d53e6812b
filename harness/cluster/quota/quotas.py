"""Which quotas count an object, and what a quota's usage is (`pkg/quota/v1/evaluator`, `generic.Matches`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.cluster.quota.amounts import add_all
from harness.cluster.quota.usage import CLASS_SUFFIX, compute_usage, usage_of
from harness.kube.objects import Object
from harness.kube.qos import qos_class
from harness.kube.resources import BUILT_IN, PERSISTENT_VOLUME_CLAIMS, PODS, SERVICES, Resource

_POD_NAMES = frozenset(
    {"count/pods", "pods", "cpu", "memory", "ephemeral-storage"}
    | {f"{part}.{name}" for part in ("requests", "limits") for name in ("cpu", "memory", "ephemeral-storage")}
)
_CLAIM_NAMES = frozenset({"count/persistentvolumeclaims", "persistentvolumeclaims", "requests.storage"})
_SERVICE_NAMES = frozenset({"count/services", "services", "services.loadbalancers", "services.nodeports"})
_REQUIRED = ("cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu", "requests.memory")


def charged_names(resource: Resource, names: Iterable[str]) -> list[str]:
    """Those of a quota's names that objects of this type count for."""
    return [name for name in names if _is_charged(resource, name)]


def _is_charged(resource: Resource, name: str) -> bool:
    if resource == PODS:
        if name in _POD_NAMES or name.startswith(("hugepages-", "requests.hugepages-")):
            return True
        return name.startswith("requests.") and "/" in name and CLASS_SUFFIX not in name
    if resource == PERSISTENT_VOLUME_CLAIMS:
        return name in _CLAIM_NAMES or name.endswith(tuple(f"{CLASS_SUFFIX}{n}" for n in _CLAIM_NAMES))
    if resource == SERVICES:
        return name in _SERVICE_NAMES
    return name in {f"count/{resource.group_resource}", resource.group_resource}


def tracked(names: Iterable[str], resources: Sequence[Resource] = BUILT_IN) -> list[Resource]:
    """The types of which objects have to be counted for these names; further types (custom ones) may be given."""
    wanted = list(names)
    return [resource for resource in resources if resource.namespaced and charged_names(resource, wanted)]


def counts(quota: Object, resource: Resource, obj: Mapping[str, Any]) -> bool:
    """Whether the quota counts this object: it has a name for it, and all its scopes match."""
    return bool(charged_names(resource, (quota.get("spec") or {}).get("hard") or {})) and matches_scopes(
        quota, resource, obj
    )


def matches_scopes(quota: Object, resource: Resource, obj: Mapping[str, Any]) -> bool:
    """Whether all scopes of the quota match; only pods have scopes, so a scoped quota counts nothing else."""
    return all(resource == PODS and _matches(scope, obj) for scope in _scopes(quota))


def required_error(names: Iterable[str], pod: Mapping[str, Any]) -> str:
    """Why a pod cannot be counted under these names: a quota of cpu or memory needs every container to say how much. Empty when it can."""
    spec = pod["spec"]
    own = spec.get("resources") or {}
    if own.get("requests") or own.get("limits"):
        return ""
    wanted = [name for name in _REQUIRED if name in set(names)]
    missing: dict[str, list[str]] = {}
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        resources = container.get("resources") or {}
        stated = compute_usage(resources.get("requests") or {}, resources.get("limits") or {})
        for name in wanted:
            if name not in stated:
                missing.setdefault(name, []).append(str(container["name"]))
    texts = [f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing)]
    return f"must specify {'; '.join(texts)}" if texts else ""


def usage_of_quota(quota: Object, objects: Mapping[Resource, Iterable[Object]], now_us: int) -> dict[str, str]:
    """What `status.used` has to be: of each name in `spec.hard` the sum over the objects that the quota counts."""
    hard = (quota.get("spec") or {}).get("hard") or {}
    used = dict.fromkeys(hard, "0")
    for resource, present in objects.items():
        names = frozenset(charged_names(resource, hard))
        if not names:
            continue
        total = add_all(
            {name: amount for name, amount in usage_of(resource, obj, now_us).items() if name in names}
            for obj in present
            if matches_scopes(quota, resource, obj)
        )
        used.update(total)
    return used


def _scopes(quota: Object) -> list[Mapping[str, Any]]:
    spec = quota.get("spec") or {}
    plain = [{"scopeName": scope, "operator": "Exists"} for scope in spec.get("scopes") or ()]
    return [*plain, *((spec.get("scopeSelector") or {}).get("matchExpressions") or ())]


def _matches(scope: Mapping[str, Any], pod: Mapping[str, Any]) -> bool:
    spec, name = pod["spec"], scope.get("scopeName")
    if name in {"Terminating", "NotTerminating"}:
        return bool((spec.get("activeDeadlineSeconds") is not None) == (name == "Terminating"))
    if name in {"BestEffort", "NotBestEffort"}:
        return bool((qos_class(spec) == "BestEffort") == (name == "BestEffort"))
    if name == "PriorityClass":
        return _matches_value(scope, spec.get("priorityClassName") or "")
    if name == "CrossNamespacePodAffinity":
        return any(term.get("namespaces") or "namespaceSelector" in term for term in _terms(spec))
    return False


def _matches_value(scope: Mapping[str, Any], value: str) -> bool:
    operator, values = scope.get("operator"), scope.get("values") or ()
    if operator == "Exists":
        return bool(value)
    if operator == "DoesNotExist":
        return not value
    if operator == "In":
        return value in values
    return value not in values


def _terms(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    terms: list[Mapping[str, Any]] = []
    for kind in ("podAffinity", "podAntiAffinity"):
        affinity = (spec.get("affinity") or {}).get(kind) or {}
        terms += affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        for weighted in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
            terms.append(weighted.get("podAffinityTerm") or {})
    return terms
