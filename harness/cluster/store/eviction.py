"""Whether a pod may be evicted (`pkg/registry/core/pod/storage/eviction.go`, Kubernetes 1.34). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.kube.errors import ApiError, Forbidden, TooManyRequests
from harness.kube.objects import Object, is_deleting, is_true, labels_of, name_of, with_condition
from harness.kube.selectors import from_object

_TEXT = "Cannot evict pod as it would violate the pod's disruption budget."


def budgets_of(pod: Object, budgets: Sequence[Object]) -> list[Object]:
    """The disruption budgets of the pod's namespace that select it."""
    found: list[Object] = []
    for budget in budgets:
        selector = from_object((budget.get("spec") or {}).get("selector"))
        if selector is not None and selector.matches(labels_of(pod)):
            found.append(budget)
    return found


def ignores_budgets(pod: Object) -> bool:
    """Pods that serve nobody are evicted whatever a budget says."""
    return is_deleting(pod) or (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed", "Pending"}


def charge(pod: Object, budgets: Sequence[Object], now: str) -> dict[str, Any] | None:
    """The new status of the budget that the eviction uses up, None when it costs nothing.

    Raises TooManyRequests, Forbidden, or ApiError (500) when more than one budget selects the pod.
    """
    if ignores_budgets(pod) or not budgets:
        return None
    if len(budgets) > 1:
        raise ApiError(
            "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
        )
    budget = budgets[0]
    status = budget.get("status") or {}
    if not is_true(pod, "Ready") and _spares_unhealthy(budget, status):
        return None
    name = name_of(budget)
    if status.get("observedGeneration", 0) < budget["metadata"].get("generation", 0):
        raise _refusal(f"The disruption budget {name} is still being processed by the server.")
    allowed = status.get("disruptionsAllowed", 0)
    if allowed < 0:
        raise Forbidden(f'poddisruptionbudgets.policy "{name}" is forbidden: pdb disruptions allowed is negative')
    if allowed == 0:
        needs, has = status.get("desiredHealthy", 0), status.get("currentHealthy", 0)
        raise _refusal(f"The disruption budget {name} needs {needs} healthy pods and has {has} currently")
    disrupted = {**(status.get("disruptedPods") or {}), name_of(pod): now}
    return {**status, "disruptionsAllowed": allowed - 1, "disruptedPods": disrupted}


def disrupt(pod: Object, now: str) -> dict[str, Any]:
    """The pod with the condition that says why it goes."""
    disrupted = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": None,
    }
    status = pod.get("status") or {}
    conditions = with_condition(status.get("conditions") or (), disrupted, now)
    return {**pod, "status": {**status, "conditions": conditions}}


def _spares_unhealthy(budget: Object, status: Mapping[str, Any]) -> bool:
    """A pod that is not ready costs no budget: always, or (the default) only while enough others are healthy."""
    if (budget.get("spec") or {}).get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    desired = status.get("desiredHealthy", 0)
    return bool(desired > 0 and status.get("currentHealthy", 0) >= desired)


def _refusal(message: str) -> TooManyRequests:
    cause = {"reason": "DisruptionBudget", "message": message}
    return TooManyRequests(_TEXT, details={"causes": [cause]})
