"""The scheduler's picture of the nodes: what each offers and has given away, kept up to date by one change at a time.

As upstream (`pkg/scheduler/backend/cache`, 1.34) every change of a node or of a pod on it gives that NodeInfo a new, never repeated generation, so
an answer that depends on one node only can be kept under (pod equivalence class, node generation). Nodes are listed zone by zone in turn, as in
upstream's node tree, which matters when only a part of a large cluster is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.scheduler.podinfo import Amounts, HostPort, PodInfo, amounts_of
from harness.kube import quantity
from harness.kube.objects import Object, labels_of, name_of

ZONE_LABEL = "topology.kubernetes.io/zone"
REGION_LABEL = "topology.kubernetes.io/region"


class NodeInfo:
    """One node with the pods on it. `node` is None while only its pods are known (the node object has gone)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.node: Object | None = None
        self.labels: Mapping[str, str] = {}
        self.taints: Sequence[Mapping[str, Any]] = ()
        self.is_unschedulable = False
        self.allocatable = Amounts()
        self.pods_max = 0
        self.image_sizes: Mapping[str, int] = {}
        self.pods: dict[str, PodInfo] = {}
        self.requested = Amounts()
        self.non_zero = Amounts()
        self.ports: list[HostPort] = []
        self.generation = 0

    def set_node(self, node: Object) -> None:
        """Take over a new state of the node object."""
        spec, status = node.get("spec") or {}, node.get("status") or {}
        allocatable = status.get("allocatable") or {}
        self.node = node
        self.labels = labels_of(node)
        self.taints = spec.get("taints") or ()
        self.is_unschedulable = bool(spec.get("unschedulable"))
        self.allocatable = amounts_of(allocatable)
        self.pods_max = quantity.whole(allocatable.get("pods", 0))
        self.image_sizes = {
            str(name): int(image.get("sizeBytes") or 0)
            for image in status.get("images") or ()
            for name in image.get("names") or ()
        }

    def add(self, pod: PodInfo) -> None:
        """A pod was bound here."""
        self.pods[pod.key] = pod
        self.requested = self.requested + pod.requests
        self.non_zero = self.non_zero + pod.non_zero
        self.ports.extend(pod.host_ports)

    def remove(self, key: str) -> PodInfo:
        """A pod ended or has gone."""
        pod = self.pods.pop(key)
        self.requested = self.requested - pod.requests
        self.non_zero = self.non_zero - pod.non_zero
        for port in pod.host_ports:
            self.ports.remove(port)
        return pod


class Cluster:
    """All nodes with their pods. `generation` changes with every change."""

    def __init__(self) -> None:
        self.generation = 0
        self._nodes: dict[str, NodeInfo] = {}
        self._where: dict[str, str] = {}  # pod key -> node name
        self._listed: list[NodeInfo] | None = None
        self.anti_affine: dict[
            str, PodInfo
        ] = {}  # pods on nodes with required anti-affinity: every pod has to respect them
        self.images_known = 0  # nodes that report images; 0 lets ImageLocality be skipped

    def nodes(self) -> Sequence[NodeInfo]:
        """The nodes that exist, one zone after the other in turn."""
        if self._listed is None:
            self._listed = self._interleaved()
        return self._listed

    def get(self, name: str) -> NodeInfo | None:
        """The node, if it exists."""
        found = self._nodes.get(name)
        return found if found is not None and found.node is not None else None

    def set_node(self, node: Object) -> NodeInfo:
        """A node was added or changed."""
        info = self._info(name_of(node))
        zone_before = None if info.node is None else zone_of(info)
        self.images_known -= bool(info.image_sizes)
        info.set_node(node)
        self.images_known += bool(info.image_sizes)
        if zone_of(info) != zone_before:
            self._listed = None
        self._touch(info)
        return info

    def remove_node(self, name: str) -> None:
        """A node object has gone; its pods, until they go as well, are remembered."""
        info = self._nodes[name]
        self.images_known -= bool(info.image_sizes)
        info.node, info.image_sizes = None, {}
        self._listed = None
        self._touch(info)
        if not info.pods:
            del self._nodes[name]

    def set_pod(self, pod: PodInfo, node: str) -> None:
        """A pod on `node` was added or changed."""
        self.remove_pod(pod.key)
        info = self._info(node)
        info.add(pod)
        self._where[pod.key] = node
        if pod.required_anti_affinity:
            self.anti_affine[pod.key] = pod
        self._touch(info)

    def remove_pod(self, key: str) -> PodInfo | None:
        """A pod ended or has gone; harmless when it was on no node."""
        name = self._where.pop(key, None)
        if name is None:
            return None
        info = self._nodes[name]
        pod = info.remove(key)
        self.anti_affine.pop(key, None)
        self._touch(info)
        if info.node is None and not info.pods:
            del self._nodes[name]
        return pod

    def node_of(self, key: str) -> NodeInfo | None:
        """The node that a pod is on."""
        name = self._where.get(key)
        return None if name is None else self._nodes[name]

    def _info(self, name: str) -> NodeInfo:
        if name not in self._nodes:
            self._nodes[name] = NodeInfo(name)
        return self._nodes[name]

    def _touch(self, info: NodeInfo) -> None:
        self.generation += 1
        info.generation = self.generation

    def _interleaved(self) -> list[NodeInfo]:
        zones: dict[str, list[NodeInfo]] = {}
        for info in self._nodes.values():
            if info.node is not None:
                zones.setdefault(zone_of(info), []).append(info)
        longest = max((len(nodes) for nodes in zones.values()), default=0)
        return [nodes[turn] for turn in range(longest) for nodes in zones.values() if turn < len(nodes)]


def zone_of(node: NodeInfo) -> str:
    """Region and zone as one key; empty for a node without."""
    region, zone = node.labels.get(REGION_LABEL, ""), node.labels.get(ZONE_LABEL, "")
    return f"{region}:\0:{zone}" if region or zone else ""
