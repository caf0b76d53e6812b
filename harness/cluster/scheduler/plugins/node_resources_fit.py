"""NodeResourcesFit: the requests of all pods on a node stay within its allocatable resources; the emptier node is better (LeastAllocated).

Follows `pkg/scheduler/framework/plugins/noderesources/{fit,least_allocated}.go` (1.34) with the default resources cpu and memory, weight 1 each.
A request above the node's whole allocatable amount cannot be resolved by removing pods.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    MAX_NODE_SCORE,
    Check,
    ClusterEvent,
    LocalFilter,
    LocalScore,
    Points,
    Refusal,
    Whole,
)
from harness.cluster.scheduler.podinfo import Amounts, PodInfo, requests_of
from harness.kube.objects import Object, name_of

TOO_MANY_PODS = "Too many pods"


@dataclass(frozen=True)
class Shortage:
    """One resource of which a node has too little left."""

    resource: str
    requested: int
    used: int
    capacity: int

    @property
    def reason(self) -> str:
        """upstream's text."""
        return TOO_MANY_PODS if self.resource == "pods" else f"Insufficient {self.resource}"

    @property
    def resolvable(self) -> bool:
        """Whether an empty node would do."""
        return self.resource == "pods" or self.requested <= self.capacity


def shortages(pod: PodInfo, node: NodeInfo) -> list[Shortage]:
    """What the node lacks for the pod, in upstream's order."""
    found = []
    if len(node.pods) + 1 > node.pods_max:
        found.append(Shortage("pods", 1, len(node.pods), node.pods_max))
    wanted, offered = pod.requests, node.allocatable
    if wanted.milli_cpu and wanted.milli_cpu > offered.milli_cpu - node.used_milli_cpu:
        found.append(Shortage("cpu", wanted.milli_cpu, node.used_milli_cpu, offered.milli_cpu))
    if wanted.memory_bytes and wanted.memory_bytes > offered.memory_bytes - node.used_memory:
        found.append(Shortage("memory", wanted.memory_bytes, node.used_memory, offered.memory_bytes))
    if wanted.ephemeral_bytes and wanted.ephemeral_bytes > offered.ephemeral_bytes - node.used_ephemeral:
        found.append(
            Shortage("ephemeral-storage", wanted.ephemeral_bytes, node.used_ephemeral, offered.ephemeral_bytes)
        )
    if wanted.scalars:
        capacities = dict(offered.scalars)
        for name, amount in wanted.scalars:
            used, capacity = node.used_scalars.get(name, 0), capacities.get(name, 0)
            if amount > 0 and amount > capacity - used:
                found.append(Shortage(name, amount, used, capacity))
    return found


def least_allocated(pod: PodInfo, node: NodeInfo) -> int:
    """The share that would stay free, cpu and memory alike, in whole percent."""
    total, weights = 0, 0
    for capacity, requested in (
        (node.allocatable.milli_cpu, node.non_zero_milli_cpu + pod.scored.milli_cpu),
        (node.allocatable.memory_bytes, node.non_zero_memory + pod.scored.memory_bytes),
    ):
        if capacity == 0:
            continue
        weights += 1
        if requested <= capacity:
            total += (capacity - requested) * MAX_NODE_SCORE // capacity
    return total // weights if weights else 0


class NodeResourcesFit(LocalFilter, LocalScore):
    """Filter and score."""

    name = "NodeResourcesFit"
    events = frozenset(
        {"Pod/Delete", "Pod/UpdatePodScaleDown", "Node/Add", "Node/UpdateNodeAllocatable", "Node/UpdateNodeTaint"}
    )

    def check(self, pod: PodInfo) -> Check | None:
        """Refuse nodes with too little left."""

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            found = shortages(pod, node)
            if not found:
                return FITS
            resolvable = all(shortage.resolvable for shortage in found)
            return tuple(Refusal(shortage.reason, resolvable) for shortage in found)

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A pod goes or shrinks in what this one wants, a node comes that would hold it empty, or grows, or loses a taint."""
        if event.label == "Pod/UpdatePodScaleDown":
            return _shrunk(pod, event)
        if event.label in {"Pod/Delete", "Node/UpdateNodeTaint"} or event.new is None:
            return True
        after = _empty(event.new)
        if shortages(pod, after):
            return False
        return event.old is None or _grew(pod, _empty(event.old), after)

    def points(self, pod: PodInfo) -> Points | None:
        """LeastAllocated."""
        return lambda node: least_allocated(pod, node)

    def normalise(self, points: Whole) -> Whole:
        """Already 0..100."""
        return points


def _empty(node: Object) -> NodeInfo:
    info = NodeInfo(name_of(node))
    info.set_node(node)
    return info


def _grew(pod: PodInfo, before: NodeInfo, after: NodeInfo) -> bool:
    if after.pods_max > before.pods_max:
        return True
    return any(
        wanted > 0 and now > was for wanted, was, now in _rows(pod.requests, before.allocatable, after.allocatable)
    )


def _shrunk(pod: PodInfo, event: ClusterEvent) -> bool:
    if event.old is None or event.new is None:
        return False
    if event.new["metadata"].get("uid") == pod.uid:
        return True
    if not event.new["spec"].get("nodeName"):
        return False
    before = requests_of(event.old["spec"], event.old.get("status"))
    after = requests_of(event.new["spec"], event.new.get("status"))
    return any(wanted > 0 and was > now for wanted, was, now in _rows(pod.requests, before, after))


def _rows(wanted: Amounts, one: Amounts, two: Amounts) -> list[tuple[int, int, int]]:
    ones, twos = dict(one.scalars), dict(two.scalars)
    return [
        (wanted.milli_cpu, one.milli_cpu, two.milli_cpu),
        (wanted.memory_bytes, one.memory_bytes, two.memory_bytes),
        (wanted.ephemeral_bytes, one.ephemeral_bytes, two.ephemeral_bytes),
        *((amount, ones.get(name, 0), twos.get(name, 0)) for name, amount in wanted.scalars),
    ]
