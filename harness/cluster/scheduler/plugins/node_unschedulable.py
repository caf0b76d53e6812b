"""NodeUnschedulable: a cordoned node takes only pods that tolerate the taint `node.kubernetes.io/unschedulable`."""

from __future__ import annotations

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import FITS, Check, ClusterEvent, LocalFilter, Refusal
from harness.cluster.scheduler.plugins.taint_toleration import tolerates
from harness.cluster.scheduler.podinfo import PodInfo

REASON = "node(s) were unschedulable"
_TAINT = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class NodeUnschedulable(LocalFilter):
    """Filter."""

    name = "NodeUnschedulable"
    events = frozenset({"Node/Add", "Node/UpdateNodeTaint", "Pod/UpdatePodToleration"})

    def check(self, pod: PodInfo) -> Check | None:
        """Refuse cordoned nodes."""
        if _tolerated(pod):
            return None

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            return (Refusal(REASON),) if node.is_unschedulable else FITS

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A node that is not cordoned comes, one is uncordoned, or the pod tolerates cordons now."""
        if event.label == "Pod/UpdatePodToleration":
            return _tolerated(pod)
        before = event.old is not None and not (event.old.get("spec") or {}).get("unschedulable")
        return event.new is not None and not (event.new.get("spec") or {}).get("unschedulable") and not before


def _tolerated(pod: PodInfo) -> bool:
    return any(tolerates(toleration, _TAINT) for toleration in pod.spec.get("tolerations") or ())
