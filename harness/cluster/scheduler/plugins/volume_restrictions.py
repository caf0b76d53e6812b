"""VolumeRestrictions: a claim with ReadWriteOncePod is used by one pod only; a disk that few can share is not mounted twice on a node.

Follows `volumerestrictions/volume_restrictions.go` (1.34). It is also the first that looks at claims: a claim that does not exist is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    ClusterEvent,
    FilterState,
    Flags,
    Refusal,
    Verdict,
    WideFilter,
)
from harness.cluster.scheduler.podinfo import PodInfo
from harness.cluster.scheduler.volumes import Volumes, not_found
from harness.kube.objects import name_of, namespace_of

REASON_DISK = "node(s) had no available disk"
REASON_ONE_POD = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)


def _named_claims(spec: Mapping[str, Any]) -> list[str]:
    return [
        str(volume["persistentVolumeClaim"]["claimName"])
        for volume in spec.get("volumes") or ()
        if volume.get("persistentVolumeClaim")
    ]


def _disks(spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    kinds = ("gcePersistentDisk", "awsElasticBlockStore", "iscsi", "rbd")
    return [volume for volume in spec.get("volumes") or () if any(volume.get(kind) for kind in kinds)]


def disks_conflict(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two volumes are one disk that both cannot use on a node."""

    def both(kind: str) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        return (one[kind], other[kind]) if one.get(kind) and other.get(kind) else None

    def read_only(pair: tuple[Mapping[str, Any], Mapping[str, Any]]) -> bool:
        return bool(pair[0].get("readOnly") and pair[1].get("readOnly"))

    if (pair := both("gcePersistentDisk")) and pair[0]["pdName"] == pair[1]["pdName"] and not read_only(pair):
        return True
    if (pair := both("awsElasticBlockStore")) and pair[0]["volumeID"] == pair[1]["volumeID"]:
        return True
    if (pair := both("iscsi")) and pair[0]["iqn"] == pair[1]["iqn"] and not read_only(pair):
        return True
    pair = both("rbd")
    if pair is None or read_only(pair) or not set(pair[0]["monitors"]) & set(pair[1]["monitors"]):
        return False
    return all(pair[0].get(key) == pair[1].get(key) for key in ("pool", "image"))


class _InUse(FilterState):
    """Who uses the pod's exclusive claims, on any node; and the pod's disks."""

    def __init__(self, pod: PodInfo, exclusive: Iterable[str]) -> None:
        self._pod = pod
        self._exclusive = frozenset(exclusive)
        self._disks = _disks(pod.spec)
        self._users: dict[int, int] = {}

    def put(self, slot: int, node: NodeInfo | None) -> None:
        """Count the users on the node anew."""
        self._users.pop(slot, None)
        if node is None or not self._exclusive:
            return
        users = sum(
            claim in self._exclusive
            for other in node.pods.values()
            if other.claims and other.namespace == self._pod.namespace
            for claim in _named_claims(other.spec)
        )
        if users:
            self._users[slot] = users

    def begin(self) -> None:
        """Nothing is common to the tests."""

    def passing(self) -> Flags | None:
        """Node by node."""
        return None

    def check(self, node: NodeInfo) -> tuple[Refusal, ...]:
        """Disks first, then exclusive claims."""
        for mine in self._disks:
            if any(disks_conflict(mine, theirs) for other in node.pods.values() for theirs in _disks(other.spec)):
                return (Refusal(REASON_DISK, resolvable=True),)
        return (Refusal(REASON_ONE_POD, resolvable=True),) if self._users else FITS


class VolumeRestrictions(WideFilter):
    """Filter."""

    name = "VolumeRestrictions"
    events = frozenset({"Pod/Delete", "Node/Add", "Node/UpdateNodeTaint", "PersistentVolumeClaim/Add"})

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def admit(self, pod: PodInfo, _cluster: Cluster) -> Verdict | None:
        """Refuse a pod whose claim does not exist."""
        for name in _named_claims(pod.spec):
            if self._volumes.claim(pod.namespace, name) is None:
                return Verdict(refusal=not_found("persistentvolumeclaim", name))
        return None

    def state(self, pod: PodInfo, _cluster: Cluster) -> FilterState | None:
        """Skipped without disks and exclusive claims."""
        exclusive = [
            name
            for name in _named_claims(pod.spec)
            if (claim := self._volumes.claim(pod.namespace, name)) is not None
            and "ReadWriteOncePod" in (claim["spec"].get("accessModes") or ())
        ]
        return _InUse(pod, exclusive) if exclusive or _disks(pod.spec) else None

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A node comes, a claim of the pod is created, or a pod that shares a claim or a disk with it goes."""
        if event.label == "PersistentVolumeClaim/Add":
            claim = event.new
            return (
                claim is not None and namespace_of(claim) == pod.namespace and name_of(claim) in _named_claims(pod.spec)
            )
        if event.label != "Pod/Delete" or event.old is None:
            return True
        if namespace_of(event.old) != pod.namespace:
            return False
        spec = event.old["spec"]
        if set(_named_claims(spec)) & set(_named_claims(pod.spec)):
            return True
        return any(disks_conflict(mine, theirs) for mine in _disks(pod.spec) for theirs in _disks(spec))
