"""The scheduler's picture of the nodes: what each offers and has given away, kept up to date by one change at a time.

As upstream (`pkg/scheduler/backend/cache`, 1.34) every change of a node or of a pod on it gives that NodeInfo a new, never repeated generation, so
an answer that depends on one node only can be kept under (pod equivalence class, node generation). Each node has a slot, a small number that stays its own
while it exists: what plugins know of all nodes stands in arrays over the slots, and `generations` says which slots changed since one last looked. Nodes are
listed zone by zone in turn, as in upstream's node tree, which matters when only a part of a large cluster is scored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from harness.cluster.scheduler.arrays import np
from harness.cluster.scheduler.podinfo import Amounts, HostPort, PodInfo, amounts_of
from harness.kube import quantity
from harness.kube.objects import Object, labels_of, name_of

if TYPE_CHECKING:
    import numpy.typing as npt

ZONE_LABEL = "topology.kubernetes.io/zone"
REGION_LABEL = "topology.kubernetes.io/region"
NO_DOMAIN = -1
_SLOTS = 64  # room to begin with


class NodeInfo:
    """One node with the pods on it. `node` is None while only its pods are known (the node object has gone)."""

    __slots__ = (
        "affine",
        "allocatable",
        "generation",
        "image_sizes",
        "is_unschedulable",
        "labels",
        "name",
        "node",
        "non_zero_memory",
        "non_zero_milli_cpu",
        "pods",
        "pods_max",
        "ports",
        "slot",
        "taints",
        "used_ephemeral",
        "used_memory",
        "used_milli_cpu",
        "used_scalars",
    )

    def __init__(self, name: str, slot: int = 0) -> None:
        self.name = name
        self.slot = slot
        self.generation = 0
        self.node: Object | None = None
        self.labels: Mapping[str, str] = {}
        self.taints: Sequence[Mapping[str, Any]] = ()
        self.is_unschedulable = False
        self.allocatable = Amounts()
        self.pods_max = 0
        self.image_sizes: Mapping[str, int] = {}
        self.pods: dict[str, PodInfo] = {}
        self.affine: dict[str, PodInfo] = {}  # those with terms of affinity or anti-affinity
        self.used_milli_cpu = self.used_memory = self.used_ephemeral = 0
        self.non_zero_milli_cpu = self.non_zero_memory = 0
        self.used_scalars: dict[str, int] = {}
        self.ports: list[HostPort] = []

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
        if pod.has_affinity:
            self.affine[pod.key] = pod
        self._count(pod, 1)
        self.ports.extend(pod.host_ports)

    def remove(self, key: str) -> PodInfo:
        """A pod ended or has gone."""
        pod = self.pods.pop(key)
        self.affine.pop(key, None)
        self._count(pod, -1)
        for port in pod.host_ports:
            self.ports.remove(port)
        return pod

    def copy(self) -> NodeInfo:
        """The same node, to try something with it."""
        twin = NodeInfo(self.name, self.slot)
        for attribute in self.__slots__:
            setattr(twin, attribute, getattr(self, attribute))
        twin.pods, twin.affine = dict(self.pods), dict(self.affine)
        twin.used_scalars, twin.ports = dict(self.used_scalars), list(self.ports)
        return twin

    def _count(self, pod: PodInfo, sign: int) -> None:
        requests, non_zero = pod.requests, pod.non_zero
        self.used_milli_cpu += sign * requests.milli_cpu
        self.used_memory += sign * requests.memory_bytes
        self.used_ephemeral += sign * requests.ephemeral_bytes
        self.non_zero_milli_cpu += sign * non_zero.milli_cpu
        self.non_zero_memory += sign * non_zero.memory_bytes
        for name, amount in requests.scalars:
            self.used_scalars[name] = self.used_scalars.get(name, 0) + sign * amount


class Domains:
    """The values of one topology label as numbers: `ids` by slot (NO_DOMAIN where the label is missing), `values` by number."""

    def __init__(self, nodes: Sequence[NodeInfo], key: str, slots: int) -> None:
        self.ids = np.full(slots, NO_DOMAIN, dtype=np.int64)
        self.number: dict[str, int] = {}
        for node in nodes:
            value = node.labels.get(key)
            if value is not None:
                self.ids[node.slot] = self.number.setdefault(value, len(self.number))

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.number)


class Cluster:
    """All nodes with their pods, and the labels of namespaces. `generation` changes with every change."""

    def __init__(self) -> None:
        self.generation = 0
        self.slots: list[NodeInfo | None] = []
        self.namespaces: dict[str, Mapping[str, str]] = {}
        self.namespaces_generation = 0
        self.labels_generation = 0  # moves when a node comes, goes or changes its labels
        self.images_generation = 0  # moves when a node comes, goes or reports other images
        self.affine_pods = 0  # pods on nodes with terms of affinity or anti-affinity
        self.priorities: dict[int, int] = {}  # how many pods on nodes have a priority
        self._nodes: dict[str, NodeInfo] = {}
        self._free: list[int] = []
        self._where: dict[str, str] = {}  # pod key -> node name
        self._listed: list[NodeInfo] | None = None
        self._domains: dict[str, Domains] = {}
        self._domains_generation = -1
        self._having: dict[str, int] = {}
        self._having_generation = -1

    @cached_property
    def generations(self) -> npt.NDArray[np.int64]:
        """The generation of each slot's node; there from the first node on."""
        return np.zeros(_SLOTS, dtype=np.int64)

    def nodes(self) -> Sequence[NodeInfo]:
        """The nodes that exist, one zone after the other in turn."""
        if self._listed is None:
            self._listed = self._interleaved()
            self._order: npt.NDArray[np.int64] = np.array([node.slot for node in self._listed], dtype=np.int64)
        return self._listed

    def order(self) -> npt.NDArray[np.int64]:
        """The slots of `nodes()`."""
        self.nodes()
        return self._order

    def get(self, name: str) -> NodeInfo | None:
        """The node, if it exists."""
        found = self._nodes.get(name)
        return found if found is not None and found.node is not None else None

    def at(self, slot: int) -> NodeInfo:
        """The node in a slot. Raises LookupError."""
        node = self.slots[slot]
        if node is None:
            raise LookupError(f"slot {slot} of the scheduler's picture has no node")
        return node

    def domains(self, key: str) -> Domains:
        """The values of a topology label."""
        if self._domains_generation != self.labels_generation:
            self._domains.clear()
            self._domains_generation = self.labels_generation
        found = self._domains.get(key)
        if found is None:
            found = self._domains[key] = Domains(self.nodes(), key, len(self.generations))
        return found

    def images_having(self, image: str) -> int:
        """How many nodes hold the image."""
        if self._having_generation != self.images_generation:
            self._having_generation = self.images_generation
            self._having.clear()
            for node in self.nodes():
                for name in node.image_sizes:
                    self._having[name] = self._having.get(name, 0) + 1
        return self._having.get(image, 0)

    def set_node(self, node: Object) -> NodeInfo:
        """A node was added or changed."""
        info = self._info(name_of(node))
        zone_before = None if info.node is None else zone_of(info)
        labels_before, images_before = info.labels, info.image_sizes
        info.set_node(node)
        if zone_of(info) != zone_before:
            self._listed = None
        if zone_before is None or labels_before != info.labels:
            self.labels_generation += 1
        if zone_before is None or images_before != info.image_sizes:
            self.images_generation += 1
        self._touch(info)
        return info

    def remove_node(self, name: str) -> None:
        """A node object has gone; its pods, until they go as well, are remembered."""
        info = self._nodes[name]
        info.node, info.image_sizes, info.labels = None, {}, {}
        self._listed = None
        self.labels_generation += 1
        self.images_generation += 1
        self._touch(info)
        if not info.pods:
            self._forget(info)

    def set_pod(self, pod: PodInfo, node: str) -> None:
        """A pod on `node` was added or changed."""
        self.remove_pod(pod.key)
        info = self._info(node)
        info.add(pod)
        self._where[pod.key] = node
        self.affine_pods += pod.has_affinity
        self.priorities[pod.priority] = self.priorities.get(pod.priority, 0) + 1
        self._touch(info)

    def remove_pod(self, key: str) -> PodInfo | None:
        """A pod ended or has gone; harmless when it was on no node."""
        name = self._where.pop(key, None)
        if name is None:
            return None
        info = self._nodes[name]
        pod = info.remove(key)
        self.affine_pods -= pod.has_affinity
        self.priorities[pod.priority] -= 1
        if not self.priorities[pod.priority]:
            del self.priorities[pod.priority]
        self._touch(info)
        if info.node is None and not info.pods:
            self._forget(info)
        return pod

    def node_of(self, key: str) -> NodeInfo | None:
        """The node that a pod is on."""
        name = self._where.get(key)
        return None if name is None else self._nodes[name]

    def set_namespace(self, name: str, labels: Mapping[str, str] | None) -> None:
        """A namespace has these labels now; None: it has gone."""
        if labels is None:
            self.namespaces.pop(name, None)
        else:
            self.namespaces[name] = labels
        self.namespaces_generation += 1

    def _info(self, name: str) -> NodeInfo:
        found = self._nodes.get(name)
        if found is None:
            slot = self._free.pop() if self._free else len(self.slots)
            found = self._nodes[name] = NodeInfo(name, slot)
            if slot == len(self.slots):
                self.slots.append(found)
                if slot == len(self.generations):
                    self.generations = np.concatenate([self.generations, np.zeros(slot, dtype=np.int64)])
                    self.labels_generation += 1
            self.slots[slot] = found
        return found

    def _forget(self, info: NodeInfo) -> None:
        del self._nodes[info.name]
        self.slots[info.slot] = None
        self._free.append(info.slot)

    def _touch(self, info: NodeInfo) -> None:
        self.generation += 1
        info.generation = self.generation
        self.generations[info.slot] = self.generation

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
