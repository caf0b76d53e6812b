"""The disruption controller: how many pods of a PodDisruptionBudget may be evicted now (`pkg/controller/disruption`, 1.34).

A pod whose eviction was granted (`status.disruptedPods`) counts as gone until it is deleted, at most for 2 minutes. Percentages and `maxUnavailable` refer
to the sum of the replicas that the pods' controllers want, as their scale says; pods without a controller do not count there. A budget of more than 1,000
pods is worked out at most once a second. A pod that several budgets select keeps them all up to date; upstream picks one and says so in an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import MINUTE, Kernel, format_time, parse_time
from harness.cluster.controllers.gotext import label_selector
from harness.cluster.controllers.kinds import Kinds, at_path
from harness.cluster.controllers.pacing import Pace
from harness.cluster.controllers.percent import scaled
from harness.cluster.controllers.pods import is_ready
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    split_key,
    uid_of,
    with_condition,
)
from harness.kube.resources import (
    DEPLOYMENTS,
    POD_DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    STATEFUL_SETS,
)
from harness.kube.selectors import from_object

_WORKLOADS = (DEPLOYMENTS, REPLICA_SETS, STATEFUL_SETS, REPLICATION_CONTROLLERS)
_UNMANAGED = (
    "Pods selected by this PodDisruptionBudget (selector: {}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated "
    'correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.'
)
_DELETION_TIMEOUT_US = 2 * MINUTE


class NoCount(Exception):
    """Pods that cannot be counted: their controller has no scale, or is not there."""


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

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named("controllermanager")
        self._kinds = Kinds(reader)
        self._pace = Pace()
        self._followed: dict[str, dict[str, None]] = {}  # by the uid of what was counted: the budgets that counted it

    def watches(self) -> Sequence[Watch]:
        """Budgets, the pods that they protect, and what wants those pods."""
        return [
            Watch(POD_DISRUPTION_BUDGETS),
            Watch(PODS, self._budgets_of),
            *(Watch(resource, self._counting) for resource in _WORKLOADS),
        ]

    def reconcile(self, key: str) -> int | None:
        """Work out one budget's status."""
        budget = self._reader.get(POD_DISRUPTION_BUDGETS, *split_key(key))
        if budget is None:
            self._pace.forget(key)
            return None
        wait_us = self._pace.wait_us(key, self._kernel.now)
        if wait_us:
            return wait_us
        selector = from_object(budget["spec"].get("selector"))
        pods = [] if selector is None else list(self._reader.list(PODS, namespace_of(budget), selector))
        self._pace.done(key, len(pods), self._kernel.now)
        if not pods:
            self._events.event(budget, "Normal", "NoPods", "No matching pods found")
        try:
            wanted = self._wanted(budget, pods)
        except NoCount as error:
            text = f"Failed to calculate the number of expected pods: {error}"
            self._events.event(budget, "Warning", "CalculateExpectedPodCountFailed", text)
            self._fail(budget, str(error))
            return None
        need = need_of(budget["spec"], len(pods), wanted)
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

    def _counting(self, workload: Object) -> Iterable[str]:
        return tuple(self._followed.get(uid_of(workload), ()))

    def _wanted(self, budget: Object, pods: Sequence[Object]) -> int:
        """The sum over the pods' controllers (getExpectedScale). Raises NoCount."""
        spec = budget["spec"]
        if spec.get("maxUnavailable") is None and not str(spec.get("minAvailable", 0)).endswith("%"):
            return len(pods)
        wanted: dict[str, int] = {}
        unmanaged = False
        for pod in pods:
            owner = controller_of(pod)
            if owner is None:
                unmanaged = True
            elif str(owner["uid"]) not in wanted:
                uid, replicas = self._scale(pod, owner)
                wanted[uid] = replicas
                self._followed.setdefault(uid, {})[key_of(budget)] = None
        if unmanaged:
            self._events.event(
                budget, "Warning", "UnmanagedPods", _UNMANAGED.format(label_selector(spec.get("selector")))
            )
        return sum(wanted.values())

    def _scale(self, obj: Object, owner: Mapping[str, Any]) -> tuple[str, int]:
        """The uid and the replicas of what controls `obj`; a Deployment counts for its ReplicaSets. Raises NoCount."""
        resource = self._kinds.find(str(owner["apiVersion"]), str(owner["kind"]))
        paths = None if resource is None else self._kinds.scale_of(resource)
        if resource is None or paths is None:
            if resource is not None:
                raise NoCount(f"{resource.group_resource} does not implement the scale subresource")
            raise NoCount(f'found no controllers for pod "{name_of(obj)}"')
        found = self._reader.get(resource, namespace_of(obj), str(owner["name"]))
        if found is None or uid_of(found) != owner["uid"]:
            raise NoCount(f'found no controllers for pod "{name_of(obj)}"')
        above = controller_of(found)
        if resource == REPLICA_SETS and above is not None and above["kind"] == DEPLOYMENTS.kind:
            return self._scale(found, above)
        return uid_of(found), int(at_path(found, paths.spec_replicas) or 0)

    def _disrupted(self, budget: Object, pods: Sequence[Object]) -> tuple[dict[str, str], int | None]:
        """Granted evictions that are still under way, and when the first of them is given up."""
        now = self._kernel.now
        granted: Mapping[str, str] = (budget.get("status") or {}).get("disruptedPods") or {}
        kept: dict[str, str] = {}
        delays: list[int] = []
        for pod in pods:
            moment = granted.get(name_of(pod))
            if moment is None or is_deleting(pod):
                continue
            left_us = parse_time(moment) + _DELETION_TIMEOUT_US - now
            if left_us > 0:
                kept[name_of(pod)] = moment
                delays.append(left_us)
            else:
                text = f"Pod was expected by PDB {key_of(budget)} to be deleted but it wasn't"
                self._events.event(pod, "Warning", "NotDeleted", text)
        return kept, min(delays, default=None)

    def _fail(self, budget: Object, message: str) -> None:
        """Nothing may be evicted while the pods cannot be counted."""
        status = {"currentHealthy": 0, "desiredHealthy": 0, "expectedPods": 0, **(budget.get("status") or {})}
        entry = _condition(budget, "False", "SyncFailed", message)
        conditions = with_condition(status.get("conditions") or (), entry, format_time(self._kernel.now))
        generation = budget["metadata"].get("generation", 1)
        wanted = {**status, "disruptionsAllowed": 0, "observedGeneration": generation, "conditions": conditions}
        if wanted != budget.get("status"):
            self._writer.replace(POD_DISRUPTION_BUDGETS, {**budget, "status": wanted}, subresource="status")

    def _write(self, budget: Object, need: Need, healthy: int, allowed: int, disrupted: Mapping[str, str]) -> None:
        entry = _condition(
            budget, "True" if allowed else "False", "SufficientPods" if allowed else "InsufficientPods", ""
        )
        conditions = (budget.get("status") or {}).get("conditions") or ()
        status: dict[str, Any] = {
            "currentHealthy": healthy,
            "desiredHealthy": need.healthy,
            "expectedPods": need.expected,
            "disruptionsAllowed": allowed,
            "observedGeneration": budget["metadata"].get("generation", 1),
            "conditions": with_condition(conditions, entry, format_time(self._kernel.now)),
        }
        if disrupted:
            status["disruptedPods"] = dict(disrupted)
        if status != budget.get("status"):
            self._writer.replace(POD_DISRUPTION_BUDGETS, {**budget, "status": status}, subresource="status")


def _condition(budget: Object, status: str, reason: str, message: str) -> dict[str, Any]:
    return {
        "type": "DisruptionAllowed",
        "status": status,
        "reason": reason,
        "message": message,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }
