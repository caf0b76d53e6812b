"""VolumeZone: a volume that carries zone or region labels is used only on nodes of these.

Follows `volumezone/volume_zone.go` (1.34). A label may name several zones, joined by `__`. Nodes without any zone or region label pass.
"""

from __future__ import annotations

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    ClusterEvent,
    FilterState,
    NodeByNode,
    Refusal,
    Verdict,
    WideFilter,
)
from harness.cluster.scheduler.podinfo import PodInfo
from harness.cluster.scheduler.volumes import Volumes, class_of, not_found
from harness.kube.objects import Object, labels_of, name_of, namespace_of

REASON = "node(s) had no available volume zone"
_GENERAL = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "topology.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region": "topology.kubernetes.io/region",
}

Topology = tuple[tuple[str, frozenset[str]], ...]


def topology_of(volume: Object) -> Topology:
    """The zone and region labels of a volume, each with the values it allows; a label with an empty value is ignored."""
    labels = labels_of(volume)
    found = []
    for key in _GENERAL:
        values = frozenset(labels[key].split("__")) if key in labels else frozenset()
        if values and all(value.strip() for value in values):
            found.append((key, frozenset(value.strip() for value in values)))
    return tuple(found)


class _Zones(NodeByNode):
    """The labels of all the pod's volumes."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology

    def check(self, node: NodeInfo) -> tuple[Refusal, ...]:
        """Each label's values have to hold the node's."""
        labels = node.labels
        if not any(key in labels for key in _GENERAL):
            return FITS
        for key, values in self._topology:
            if labels.get(key, labels.get(_GENERAL[key])) not in values:
                return (Refusal(REASON),)
        return FITS


class VolumeZone(WideFilter):
    """Filter."""

    name = "VolumeZone"
    events = frozenset(
        {
            "StorageClass/Add",
            "Node/Add",
            "Node/UpdateNodeLabel",
            "Node/UpdateNodeTaint",
            "PersistentVolumeClaim/Add",
            "PersistentVolumeClaim/Update",
            "PersistentVolume/Add",
            "PersistentVolume/Update",
        }
    )

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def admit(self, pod: PodInfo, _cluster: Cluster) -> Verdict | None:
        """Refuse a pod whose claim or bound volume is not to be found."""
        for name in _names(pod):
            claim = self._volumes.claim(pod.namespace, name)
            if claim is None:
                return Verdict(refusal=not_found("persistentvolumeclaim", name))
            volume_name = str(claim["spec"].get("volumeName") or "")
            if volume_name:
                if self._volumes.volume(volume_name) is None:
                    return Verdict(refusal=not_found("persistentvolume", volume_name))
            elif (refusal := self._unbound(claim)) is not None:
                return Verdict(refusal=refusal)
        return None

    def state(self, pod: PodInfo, _cluster: Cluster) -> FilterState | None:
        """Skipped when no volume has such labels."""
        topology: Topology = ()
        for name in _names(pod):
            claim = self._volumes.claim(pod.namespace, name)
            volume = None if claim is None else self._volumes.volume(str(claim["spec"].get("volumeName") or ""))
            topology += () if volume is None else topology_of(volume)
        return _Zones(topology) if topology else None

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A class that waits for its consumer, a node, a claim of the pod, a volume with other zones."""
        new = event.new
        if event.label == "StorageClass/Add":
            return new is not None and new.get("volumeBindingMode") == "WaitForFirstConsumer"
        if event.label.startswith("PersistentVolumeClaim/"):
            return new is not None and namespace_of(new) == pod.namespace and name_of(new) in _names(pod)
        if event.label == "PersistentVolume/Update" and event.old is not None and new is not None:
            return topology_of(event.old) != topology_of(new)
        return True

    def _unbound(self, claim: Object) -> str | None:
        name = class_of(claim)
        if not name:
            return "PersistentVolumeClaim had no pv name and storageClass name"
        storage_class = self._volumes.storage_class(name)
        if storage_class is None:
            return not_found("storageclass.storage.k8s.io", name)
        if storage_class.get("volumeBindingMode") == "WaitForFirstConsumer":
            return None
        return "PersistentVolume had no name"


def _names(pod: PodInfo) -> list[str]:
    volumes = pod.spec.get("volumes") or ()
    return [
        str(volume["persistentVolumeClaim"]["claimName"]) for volume in volumes if "persistentVolumeClaim" in volume
    ]
