"""NodePorts: two pods cannot take the same host port of one node."""

from __future__ import annotations

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import FITS, Check, ClusterEvent, LocalFilter, Refusal
from harness.cluster.scheduler.podinfo import PodInfo, host_ports_of

REASON = "node(s) didn't have free ports for the requested pod ports"


class NodePorts(LocalFilter):
    """Filter."""

    name = "NodePorts"
    events = frozenset({"Pod/Delete", "Node/Add", "Node/UpdateNodeTaint"})

    def check(self, pod: PodInfo) -> Check | None:
        """Refuse nodes on which a wanted port is taken."""
        wanted = pod.host_ports
        if not wanted:
            return None

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            taken = any(mine.conflicts(theirs) for mine in wanted for theirs in node.ports)
            return (Refusal(REASON, resolvable=True),) if taken else FITS

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A node comes or loses a taint, or a pod that held a wanted port goes."""
        if event.label != "Pod/Delete" or event.old is None:
            return True
        freed = host_ports_of(event.old["spec"])
        return any(mine.conflicts(theirs) for mine in pod.host_ports for theirs in freed)
