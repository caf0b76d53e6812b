"""NodeVolumeLimits: a CSI driver attaches no more volumes to a node than its CSINode allows.

Follows `nodevolumelimits/csi.go` (1.34). In-tree volumes that are migrated to CSI are not translated: they do not count here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    ClusterEvent,
    FilterState,
    NodeByNode,
    Refusal,
    WideFilter,
)
from harness.cluster.scheduler.podinfo import PodInfo, claims_of
from harness.cluster.scheduler.volumes import Volumes, class_of
from harness.kube.objects import Object, name_of, namespace_of

REASON = "node(s) exceed max volume count"


def limits_of(csi_node: Object | None) -> Mapping[str, int]:
    """How many volumes each driver may attach; drivers without a limit are not named."""
    drivers = (csi_node or {}).get("spec", {}).get("drivers") or ()
    return {
        str(driver["name"]): int(driver["allocatable"]["count"])
        for driver in drivers
        if (driver.get("allocatable") or {}).get("count") is not None
    }


class _Attached(NodeByNode):
    """The pod's volumes against what each node has."""

    def __init__(self, pod: PodInfo, volumes: Volumes) -> None:
        self._volumes = volumes
        self._wanted = self._handles(pod)

    def check(self, node: NodeInfo) -> tuple[Refusal, ...]:
        """Volumes that are there already, of pods or as attachments, count once."""
        limits = limits_of(self._volumes.csi_node(node.name))
        if not limits or not self._wanted:
            return FITS
        attached: dict[str, str] = {}
        for other in node.pods.values():
            if other.claims:
                attached.update(self._handles(other))
        present = Counter(attached.values())
        for handle, driver in self._volumes.attachments(node.name).items():
            if handle not in attached:
                present[driver] += 1
        new = Counter(driver for handle, driver in self._wanted.items() if handle not in attached)
        exceeded = any(driver in limits and present[driver] + more > limits[driver] for driver, more in new.items())
        return (Refusal(REASON, resolvable=True),) if exceeded else FITS

    def _handles(self, pod: PodInfo) -> dict[str, str]:
        """The volumes of a pod as handle: driver."""
        found = {}
        for name in pod.claims:
            claim = self._volumes.claim(pod.namespace, name)
            if claim is not None and (known := self._driver(claim)) is not None:
                driver, handle = known
                found[f"{driver}/{handle}"] = driver
        return found

    def _driver(self, claim: Object) -> tuple[str, str] | None:
        volume = self._volumes.volume(str(claim["spec"].get("volumeName") or ""))
        if volume is not None:
            csi = volume["spec"].get("csi")
            return None if csi is None else (str(csi["driver"]), str(csi["volumeHandle"]))
        storage_class = self._volumes.storage_class(class_of(claim))
        if storage_class is None:
            return None
        return str(storage_class["provisioner"]), f"unbound-{namespace_of(claim)}/{name_of(claim)}"


class NodeVolumeLimits(WideFilter):
    """Filter."""

    name = "NodeVolumeLimits"
    events = frozenset(
        {"CSINode/Add", "CSINode/Update", "Pod/Delete", "PersistentVolumeClaim/Add", "VolumeAttachment/Delete"}
    )

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def state(self, pod: PodInfo, _cluster: Cluster) -> FilterState | None:
        """Skipped without claims."""
        return _Attached(pod, self._volumes) if pod.claims else None

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A limit rises, a pod with volumes or an attachment goes, a claim of the pod is created."""
        if event.label == "CSINode/Update":
            before, after = limits_of(event.old), limits_of(event.new)
            return any(limit > before.get(driver, 0) for driver, limit in after.items())
        if event.label == "Pod/Delete":
            return event.old is not None and any(claims_of(event.old["spec"], name_of(event.old)))
        if event.label == "PersistentVolumeClaim/Add":
            claim = event.new
            return claim is not None and namespace_of(claim) == pod.namespace and name_of(claim) in pod.claims
        if event.label == "VolumeAttachment/Delete":
            return any("persistentVolumeClaim" in volume for volume in pod.spec.get("volumes") or ())
        return True
