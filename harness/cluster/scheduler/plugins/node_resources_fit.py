"""NodeResourcesFit: the requests of all pods on a node stay within its allocatable resources; the emptier node is better (LeastAllocated).

Follows `pkg/scheduler/framework/plugins/noderesources/{fit,least_allocated}.go` (1.34) with the default resources cpu and memory, weight 1 each.
A request above the node's whole allocatable amount cannot be resolved by removing pods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import MAX_NODE_SCORE, Check, ClusterEvent, Filter, Points, Refusal, Score
from harness.cluster.scheduler.podinfo import PodInfo

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
    wanted, used, offered = pod.requests, node.requested, node.allocatable
    rows = [
        ("cpu", wanted.milli_cpu, used.milli_cpu, offered.milli_cpu),
        ("memory", wanted.memory_bytes, used.memory_bytes, offered.memory_bytes),
        ("ephemeral-storage", wanted.ephemeral_bytes, used.ephemeral_bytes, offered.ephemeral_bytes),
        *((name, amount, used.scalar(name), offered.scalar(name)) for name, amount in wanted.scalars),
    ]
    found += [Shortage(*row) for row in rows if row[1] > 0 and row[1] > row[3] - row[2]]
    return found


def least_allocated(pod: PodInfo, node: NodeInfo) -> int:
    """The share that would stay free, cpu and memory alike, in whole percent."""
    total, weights = 0, 0
    for capacity, requested in (
        (node.allocatable.milli_cpu, node.non_zero.milli_cpu + pod.non_zero.milli_cpu),
        (node.allocatable.memory_bytes, node.non_zero.memory_bytes + pod.non_zero.memory_bytes),
    ):
        if capacity == 0:
            continue
        weights += 1
        if requested <= capacity:
            total += (capacity - requested) * MAX_NODE_SCORE // capacity
    return total // weights if weights else 0


class NodeResourcesFit(Filter, Score):
    """Filter and score."""

    name = "NodeResourcesFit"
    local = True

    def check(self, pod: PodInfo, _cluster: Cluster) -> Check | None:
        """Refuse nodes with too little left."""

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            found = shortages(pod, node)
            resolvable = all(shortage.resolvable for shortage in found)
            return tuple(Refusal(shortage.reason, resolvable) for shortage in found)

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A pod that held something wanted has gone, or a node that has enough."""
        if event.kind == "AssignedPodDelete" and event.pod is not None:
            return True  # even a pod without requests frees its place in `pods`
        if event.kind == "PodUpdate":
            return event.pod_before is not None and pod.requests != event.pod_before.requests
        if event.node is None or event.kind not in {"NodeAdd", "NodeUpdate"}:
            return False
        return not shortages(pod, event.node)

    def rate(self, pod: PodInfo, _cluster: Cluster, _feasible: Sequence[NodeInfo]) -> Points | None:
        """LeastAllocated."""
        return lambda node: least_allocated(pod, node)

    def normalise(self, points: Sequence[int]) -> Sequence[int]:
        """Already 0..100."""
        return points
