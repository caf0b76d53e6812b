"""In which order a StatefulSet's pods are made, mended and removed (`updateStatefulSet` in `stateful_set_control.go`, 1.34). Pure: a plan out of a look.

OrderedReady ("monotonic") looks at one pod at a time, lowest ordinal first, and goes on only when that pod is available. Parallel does everything at
once. Ordinals that are not wanted go from the top. An update removes pods from the top, one at a time unless maxUnavailable says more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.cluster.controllers.percent import scaled
from harness.cluster.controllers.pods import available_in_us, is_available, is_terminal
from harness.cluster.controllers.statefulset.identity import ordinal_of, ordinals_of, revision_of
from harness.cluster.controllers.statefulset.status import is_created, is_running_and_ready
from harness.kube.objects import Object, is_deleting


@dataclass
class Look:
    """A StatefulSet, and what there is for each of its ordinals: the pod, or a draft of the one to create."""

    stateful_set: Object
    replicas: Sequence[Object]  # by ordinal
    condemned: Sequence[Object]  # highest ordinal first
    now_us: int
    min_ready_s: int = field(init=False)
    monotonic: bool = field(init=False)

    def __post_init__(self) -> None:
        spec = self.stateful_set["spec"]
        self.min_ready_s = int(spec.get("minReadySeconds") or 0)
        self.monotonic = spec.get("podManagementPolicy") != "Parallel"

    def available(self, pod: Object) -> bool:
        """Ready for long enough."""
        return is_available(pod, self.min_ready_s, self.now_us)

    def unavailable(self, pod: Object) -> bool:
        """Not available, or about to go."""
        return not self.available(pod) or is_deleting(pod)

    def first_unavailable(self) -> Object | None:
        """Of the wanted pods the lowest, else of the condemned the lowest."""
        every = (*self.replicas, *reversed(self.condemned))
        return next((pod for pod in every if self.unavailable(pod)), None)


def look(stateful_set: Object, pods: Sequence[Object], draft: Callable[[int], dict[str, Any]], now_us: int) -> Look:
    """Sort the pods into wanted and condemned; `draft` makes the pod of an ordinal that has none."""
    wanted = ordinals_of(stateful_set)
    by_ordinal = {ordinal_of(pod): pod for pod in pods}
    replicas = [by_ordinal[ordinal] if ordinal in by_ordinal else draft(ordinal) for ordinal in wanted]
    others = [pod for pod in pods if ordinal_of(pod) >= 0 and ordinal_of(pod) not in wanted]
    return Look(stateful_set, replicas, sorted(others, key=ordinal_of, reverse=True), now_us)


def uses_current(stateful_set: Object, ordinal: int) -> bool:
    """Whether a new pod of this ordinal is made from the current revision, not from the update's."""
    strategy = stateful_set["spec"]["updateStrategy"]
    rolling = strategy.get("rollingUpdate")
    start = ordinals_of(stateful_set).start
    if rolling is not None:
        return ordinal < start + int(rolling.get("partition") or 0)
    current = int((stateful_set.get("status") or {}).get("currentReplicas") or 0)
    return strategy["type"] == "RollingUpdate" and ordinal < start + current


@dataclass(frozen=True)
class Step:
    """What to do with one wanted pod, and whether (in order) the next one has to wait."""

    action: str = ""  # "", create, delete, mend (name, labels, claims)
    stop: bool = False


def step(seen: Look, pod: Object) -> Step:
    """The step for a wanted pod or its draft."""
    if not is_created(pod):
        return Step("create", seen.monotonic)
    if is_terminal(pod):
        return Step("" if is_deleting(pod) else "delete", True)
    if seen.monotonic and (is_deleting(pod) or not is_running_and_ready(pod) or not seen.available(pod)):
        return Step(stop=True)
    return Step("mend")


def may_condemn(seen: Look, pod: Object, first_unavailable: Object | None) -> bool:
    """Whether a pod beyond the wanted ones may be deleted now; in order, nothing goes while another one is unwell."""
    if is_deleting(pod):
        return False
    healthy = is_running_and_ready(pod) and seen.available(pod)
    return not seen.monotonic or healthy or pod is first_unavailable


def outdated(seen: Look, update: str, max_unavailable: int | str | None) -> list[Object]:
    """The pods to delete so that they come back with the update revision.

    `max_unavailable` is None while the feature gate MaxUnavailableStatefulSet is off, as it is by default up to 1.36: one at a time, from the top, the next
    only when the one above is available.
    """
    spec = seen.stateful_set["spec"]
    if spec["updateStrategy"]["type"] == "OnDelete":
        return []
    # Upstream compares the partition with the position in the set, not with the ordinal.
    partition = int((spec["updateStrategy"].get("rollingUpdate") or {}).get("partition") or 0)
    targets = [pod for position, pod in enumerate(seen.replicas) if position >= partition]
    targets.reverse()
    if max_unavailable is None:
        for pod in targets:
            if revision_of(pod) != update and not is_deleting(pod):
                return [pod]
            if seen.unavailable(pod):
                return []
        return []
    limit = max(scaled(max_unavailable, len(seen.replicas), up=False), 1)
    room = limit - sum(seen.unavailable(pod) for pod in seen.replicas)
    old = [pod for pod in targets if revision_of(pod) != update and not is_deleting(pod)]
    return old[: max(room, 0)]


def next_change_us(seen: Look) -> int | None:
    """How long until a ready pod has been ready for minReadySeconds; None when none is on its way."""
    delays = (available_in_us(pod, seen.min_ready_s, seen.now_us) for pod in (*seen.replicas, *seen.condemned))
    return min((delay for delay in delays if delay), default=None)
