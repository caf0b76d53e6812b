"""NodeResourcesBalancedAllocation: prefers nodes whose cpu and memory would be used in equal shares.

Follows `noderesources/balanced_allocation.go` (1.34): (1 - half the difference of the shares) * 100, on actual requests; skipped for best-effort pods.
"""

from __future__ import annotations

from harness.cluster.scheduler.cache import NodeInfo
from harness.cluster.scheduler.framework import MAX_NODE_SCORE, LocalScore, Points, Whole
from harness.cluster.scheduler.podinfo import PodInfo


def balanced(pod: PodInfo, node: NodeInfo) -> int:
    """How even the node's use would be with the pod."""
    shares = [
        min(requested / capacity, 1.0)
        for capacity, requested in (
            (node.allocatable.milli_cpu, node.used_milli_cpu + pod.requests.milli_cpu),
            (node.allocatable.memory_bytes, node.used_memory + pod.requests.memory_bytes),
        )
        if capacity
    ]
    deviation = abs((shares[0] - shares[1]) / 2) if len(shares) == 2 else 0.0
    return int((1 - deviation) * MAX_NODE_SCORE)


class NodeResourcesBalancedAllocation(LocalScore):
    """Score."""

    name = "NodeResourcesBalancedAllocation"

    def points(self, pod: PodInfo) -> Points | None:
        """Skipped when the pod asks for neither cpu nor memory."""
        if not pod.requests.milli_cpu and not pod.requests.memory_bytes:
            return None
        return lambda node: balanced(pod, node)

    def normalise(self, points: Whole) -> Whole:
        """Already 0..100."""
        return points
