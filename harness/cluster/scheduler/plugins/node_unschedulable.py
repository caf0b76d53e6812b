"""NodeUnschedulable: a cordoned node takes only pods that tolerate the taint node.kubernetes.io/unschedulable."""

from __future__ import annotations

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import FITS, Check, ClusterEvent, Filter, Refusal
from harness.cluster.scheduler.plugins.taint_toleration import tolerates
from harness.cluster.scheduler.podinfo import PodInfo

REASON = "node(s) were unschedulable"
_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class NodeUnschedulable(Filter):
    """Filter."""

    name = "NodeUnschedulable"
    local = True

    def check(self, pod: PodInfo, _cluster: Cluster) -> Check | None:
        """Refuse cordoned nodes."""
        if any(tolerates(toleration, _TAINT) for toleration in pod.spec.get("tolerations") or ()):
            return None
        return _test

    def helps(self, _pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A node that is not cordoned (any more)."""
        return event.node is not None and event.kind in {"NodeAdd", "NodeUpdate"} and not event.node.is_unschedulable


def _test(node: NodeInfo) -> tuple[Refusal, ...]:
    return (Refusal(REASON),) if node.is_unschedulable else FITS
