"""NodePorts: two pods cannot take the same host port of one node."""

from __future__ import annotations

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import FITS, Check, ClusterEvent, Filter, Refusal
from harness.cluster.scheduler.podinfo import PodInfo

REASON = "node(s) didn't have free ports for the requested pod ports"


class NodePorts(Filter):
    """Filter."""

    name = "NodePorts"
    local = True

    def check(self, pod: PodInfo, _cluster: Cluster) -> Check | None:
        """Refuse nodes on which a wanted port is taken."""
        wanted = pod.host_ports
        if not wanted:
            return None

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            taken = any(mine.conflicts(theirs) for mine in wanted for theirs in node.ports)
            return (Refusal(REASON, resolvable=True),) if taken else FITS

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A pod that held a wanted port has gone, or a node comes."""
        if event.kind == "AssignedPodDelete" and event.pod is not None:
            return any(mine.conflicts(theirs) for mine in pod.host_ports for theirs in event.pod.host_ports)
        return event.kind == "NodeAdd"
