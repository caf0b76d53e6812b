"""NodeName: a pod that names its node fits only there."""

from __future__ import annotations

from harness.cluster.scheduler.cache import NodeInfo
from harness.cluster.scheduler.framework import FITS, Check, LocalFilter, Refusal
from harness.cluster.scheduler.podinfo import PodInfo

REASON = "node(s) didn't match the requested node name"


class NodeName(LocalFilter):
    """Filter. Any node that comes wakes, as upstream's default hint does."""

    name = "NodeName"
    events = frozenset({"Node/Add", "Node/UpdateNodeTaint"})

    def check(self, pod: PodInfo) -> Check | None:
        """Refuse all other nodes."""
        wanted = pod.spec.get("nodeName")
        if not wanted:
            return None

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            return FITS if node.name == wanted else (Refusal(REASON),)

        return test
