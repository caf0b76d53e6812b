"""VolumeBinding: the claims of a pod exist and are bound, and their volumes can be reached from the node.

Follows `volumebinding/volume_binding.go` (1.34). A claim of a class with WaitForFirstConsumer may be unbound if a volume of that class is free that the
node can reach; which volume it gets is then decided by the volume controller, once the claim carries the chosen node.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import FITS, Check, ClusterEvent, Filter, Refusal, Verdict
from harness.cluster.scheduler.plugins.node_affinity import selector_matches
from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.objects import Object

REASON_UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
REASON_NO_VOLUME = "node(s) didn't find available persistent volumes to bind"
REASON_CONFLICT = "node(s) didn't match PersistentVolume's node affinity"


@dataclass(frozen=True)
class ClaimState:
    """What the scheduler needs to know of one claim: its volume if it is bound, else the volumes it could get (None: not to be scheduled yet)."""

    volume: Object | None
    candidates: Sequence[Object] | None


class Volumes(Protocol):
    """Looks up claims and volumes."""

    def claim(self, namespace: str, name: str) -> ClaimState | None:
        """The claim's state, None when there is no such claim (or it is being deleted)."""


class VolumeBinding(Filter):
    """Filter."""

    name = "VolumeBinding"
    local = False

    def __init__(self, volumes: Volumes) -> None:
        self._volumes = volumes

    def admit(self, pod: PodInfo, _cluster: Cluster) -> Verdict | None:
        """Refuse pods whose claims do not exist or should have been bound already."""
        for name in pod.claims:
            claim = self._volumes.claim(pod.namespace, name)
            if claim is None:
                return Verdict(refusal=f'persistentvolumeclaim "{name}" not found')
            if claim.volume is None and claim.candidates is None:
                return Verdict(refusal=REASON_UNBOUND)
        return None

    def check(self, pod: PodInfo, _cluster: Cluster) -> Check | None:
        """Refuse nodes from which a volume cannot be reached."""
        claims = [claim for name in pod.claims if (claim := self._volumes.claim(pod.namespace, name)) is not None]
        if all(claim.volume is not None and not _affinity(claim.volume) for claim in claims):
            return None

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            for claim in claims:
                if claim.volume is not None:
                    if not reaches(claim.volume, node):
                        return (Refusal(REASON_CONFLICT),)
                elif not any(reaches(volume, node) for volume in claim.candidates or ()):
                    return (Refusal(REASON_NO_VOLUME),)
            return FITS

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A claim or a volume changed, or a node."""
        return bool(pod.claims) and event.kind in {"VolumeChange", "NodeAdd", "NodeUpdate"}


def _affinity(volume: Object) -> Object | None:
    required: Object | None = (volume["spec"].get("nodeAffinity") or {}).get("required")
    return required


def reaches(volume: Object, node: NodeInfo) -> bool:
    """Whether the volume's node affinity admits the node."""
    required = _affinity(volume)
    return required is None or selector_matches(required, node.labels, node.name)
