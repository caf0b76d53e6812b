"""The cluster as one scan sees it: nodes with what runs on them, and the pods that no node takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.cloud.autoscaler.fit import Bin, shape_of
from harness.cloud.autoscaler.removal import filled
from harness.cloud.autoscaler.templates import TO_BE_DELETED
from harness.kube.client import Reader
from harness.kube.objects import Object, condition, is_deleting, is_true, name_of
from harness.kube.resources import NODES, POD_DISRUPTION_BUDGETS, PODS

PENDING_INDEX = "cluster-autoscaler/unschedulable"
_UNREADY_TAINTS = frozenset({"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"})


@dataclass(frozen=True)
class NodeView:
    """A node with its room and its pods."""

    node: Object
    bin: Bin
    pods: Sequence[Object]
    ready: bool

    @property
    def name(self) -> str:
        """The node's name."""
        return name_of(self.node)

    @property
    def group(self) -> str | None:
        """The managed node group it says it is of."""
        label = (self.node["metadata"].get("labels") or {}).get("eks.amazonaws.com/nodegroup")
        return None if label is None else str(label)

    @property
    def is_being_deleted(self) -> bool:
        """Whether the autoscaler has marked it."""
        return any(taint["key"] == TO_BE_DELETED for taint in self.node["spec"].get("taints") or ())


@dataclass(frozen=True)
class Snapshot:
    """Nodes in order of their names, pending pods in order of theirs."""

    nodes: Sequence[NodeView]
    pending: Sequence[Object]
    budgets: Sequence[Object]

    def ready(self, group: str) -> list[NodeView]:
        """The ready nodes of a group that stay."""
        return [view for view in self.nodes if view.group == group and view.ready and not view.is_being_deleted]

    def present(self, group: str) -> int:
        """How many nodes of a group are ready, those on their way out too: they still count towards the desired size."""
        return sum(view.group == group and view.ready for view in self.nodes)


def declare_index(reader: Reader) -> None:
    """Let unschedulable pods be found without looking at all pods."""
    reader.add_index(PODS, PENDING_INDEX, _pending_key)


def take(reader: Reader) -> Snapshot:
    """The present state."""
    nodes = []
    for node in reader.list(NODES):
        pods = reader.by_index(PODS, "node", name_of(node))
        nodes.append(NodeView(node, filled(Bin(shape_of(node)), pods), pods, is_ready(node)))
    return Snapshot(nodes, reader.by_index(PODS, PENDING_INDEX, "yes"), reader.list(POD_DISRUPTION_BUDGETS))


def is_ready(node: Object) -> bool:
    """Ready, and without the taints that say otherwise."""
    taints = node["spec"].get("taints") or ()
    return is_true(node, "Ready") and not any(taint["key"] in _UNREADY_TAINTS for taint in taints)


def _pending_key(pod: Object) -> Iterable[str]:
    if pod["spec"].get("nodeName") or is_deleting(pod):
        return ()
    scheduled = condition(pod, "PodScheduled")
    unschedulable = scheduled is not None and scheduled.get("status") == "False"
    return ("yes",) if unschedulable and scheduled is not None and scheduled.get("reason") == "Unschedulable" else ()
