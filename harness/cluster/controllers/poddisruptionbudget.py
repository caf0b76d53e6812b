"""The disruption controller: how many pods of a PodDisruptionBudget may be evicted now (`pkg/controller/disruption`, 1.34).

A pod whose eviction was granted (`status.disruptedPods`) counts as gone until it is deleted, at most for 2 minutes. Percentages refer to the sum of the
replicas that the pods' controllers want.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import MINUTE, Kernel, format_time, parse_time
from harness.cluster.controllers.percent import scaled
from harness.cluster.controllers.pods import is_ready, is_terminal
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import (
    Object,
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    split_key,
    with_condition,
)
from harness.kube.resources import DEPLOYMENTS, JOBS, POD_DISRUPTION_BUDGETS, PODS, REPLICA_SETS
from harness.kube.selectors import from_object

_DELETION_TIMEOUT_US = 2 * MINUTE
_SCALES = {REPLICA_SETS.kind: REPLICA_SETS, DEPLOYMENTS.kind: DEPLOYMENTS, JOBS.kind: JOBS}


@dataclass(frozen=True)
class Need:
    """How many pods there should be, and how many of them have to stay healthy."""

    expected: int
    healthy: int


def need_of(spec: Mapping[str, Any], matched: int, wanted: int) -> Need:
    """`matched` pods exist, their controllers want `wanted`."""
    if spec.get("maxUnavailable") is not None:
        return Need(wanted, max(wanted - scaled(spec["maxUnavailable"], wanted, up=True), 0))
    floor = spec.get("minAvailable", 0)
    if str(floor).endswith("%"):
        return Need(wanted, scaled(floor, wanted, up=True))
    return Need(matched, int(floor))


class DisruptionController:
    """Keeps the status of budgets."""

    name = "disruption-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer

    def watches(self) -> Sequence[Watch]:
        """Budgets, and the pods that they protect."""
        return [Watch(POD_DISRUPTION_BUDGETS), Watch(PODS, self._budgets_of)]

    def reconcile(self, key: str) -> int | None:
        """Work out one budget's status."""
        budget = self._reader.get(POD_DISRUPTION_BUDGETS, *split_key(key))
        if budget is None:
            return None
        selector = from_object(budget["spec"].get("selector"))
        pods = [
            pod
            for pod in self._reader.list(PODS, namespace_of(budget), selector)
            if selector is not None and not is_terminal(pod)
        ]
        need = need_of(budget["spec"], len(pods), self._wanted(pods))
        disrupted, again_us = self._disrupted(budget, pods)
        healthy = sum(is_ready(pod) and not is_deleting(pod) and name_of(pod) not in disrupted for pod in pods)
        allowed = max(healthy - need.healthy, 0) if need.expected > 0 else 0
        self._write(budget, need, healthy, allowed, disrupted)
        return again_us

    def _budgets_of(self, pod: Object) -> Iterable[str]:
        for budget in self._reader.list(POD_DISRUPTION_BUDGETS, namespace_of(pod)):
            selector = from_object(budget["spec"].get("selector"))
            if selector is not None and selector.matches(labels_of(pod)):
                yield key_of(budget)

    def _wanted(self, pods: Sequence[Object]) -> int:
        """The sum over the pods' controllers; a Deployment counts for its ReplicaSets, a bare pod for itself."""
        wanted: dict[str, int] = {}
        for pod in pods:
            owner = controller_of(pod)
            scale = None if owner is None else self._scale(namespace_of(pod), owner)
            if scale is None:
                wanted[name_of(pod)] = 1
            else:
                wanted[scale[0]] = scale[1]
        return sum(wanted.values())

    def _scale(self, namespace: str | None, owner: Mapping[str, Any]) -> tuple[str, int] | None:
        resource = _SCALES.get(str(owner["kind"]))
        obj = None if resource is None else self._reader.get(resource, namespace, str(owner["name"]))
        if obj is None:
            return None
        above = controller_of(obj)
        if above is not None and (scale := self._scale(namespace, above)) is not None:
            return scale
        spec = obj["spec"]
        return str(obj["metadata"]["uid"]), int(spec.get("replicas", spec.get("parallelism", 1)))

    def _disrupted(self, budget: Object, pods: Sequence[Object]) -> tuple[dict[str, str], int | None]:
        """Granted evictions that are still under way, and when the first of them is given up."""
        now = self._kernel.now
        alive = {name_of(pod) for pod in pods if not is_deleting(pod)}
        granted: Mapping[str, str] = (budget.get("status") or {}).get("disruptedPods") or {}
        left = {
            name: parse_time(moment) + _DELETION_TIMEOUT_US - now for name, moment in granted.items() if name in alive
        }
        kept = {name: granted[name] for name in left if left[name] > 0}
        return kept, min((left[name] for name in kept), default=None)

    def _write(self, budget: Object, need: Need, healthy: int, allowed: int, disrupted: Mapping[str, str]) -> None:
        generation = budget["metadata"].get("generation", 1)
        entry = {
            "type": "DisruptionAllowed",
            "status": "True" if allowed else "False",
            "reason": "SufficientPods" if allowed else "InsufficientPods",
            "message": "",
            "observedGeneration": generation,
        }
        conditions = (budget.get("status") or {}).get("conditions") or ()
        status: dict[str, Any] = {
            "currentHealthy": healthy,
            "desiredHealthy": need.healthy,
            "expectedPods": need.expected,
            "disruptionsAllowed": allowed,
            "observedGeneration": generation,
            "conditions": with_condition(conditions, entry, format_time(self._kernel.now)),
        }
        if disrupted:
            status["disruptedPods"] = dict(disrupted)
        if status != budget.get("status"):
            self._writer.replace(POD_DISRUPTION_BUDGETS, {**budget, "status": status}, subresource="status")
