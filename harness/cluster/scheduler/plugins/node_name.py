"""NodeName: a pod that names its node fits only there."""

from __future__ import annotations

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import FITS, Check, ClusterEvent, Filter, Refusal
from harness.cluster.scheduler.podinfo import PodInfo

REASON = "node(s) didn't match the requested node name"


class NodeName(Filter):
    """Filter."""

    name = "NodeName"
    local = True

    def check(self, pod: PodInfo, _cluster: Cluster) -> Check | None:
        """Refuse all other nodes."""
        wanted = pod.spec.get("nodeName")
        if not wanted:
            return None

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            return FITS if node.name == wanted else (Refusal(REASON),)

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """The named node appears."""
        return event.kind == "NodeAdd" and event.node is not None and event.node.name == pod.spec.get("nodeName")
