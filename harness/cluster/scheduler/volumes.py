"""Claims and volumes as the scheduler sees them, and the rule which volume suits which claim (component-helpers `storage/volume`, 1.34).

The persistent-volume controller decides by the same rule.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.cluster.scheduler.plugins.volume_binding import ClaimState
from harness.kube import quantity
from harness.kube.client import Reader
from harness.kube.objects import Object, is_deleting, labels_of, name_of, namespace_of
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES
from harness.kube.selectors import from_object

SELECTED_NODE = "volume.kubernetes.io/selected-node"
_CLASS_ANNOTATION = "volume.beta.kubernetes.io/storage-class"


def class_of(obj: Object) -> str:
    """The storage class of a claim or a volume; empty for none."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(_CLASS_ANNOTATION) or obj["spec"].get("storageClassName") or "")


def capacity_bytes(volume: Object) -> int:
    """What a volume offers."""
    return quantity.whole((volume["spec"].get("capacity") or {}).get("storage", 0))


def requested_bytes(claim: Object) -> int:
    """What a claim asks for."""
    resources = claim["spec"].get("resources") or {}
    return quantity.whole((resources.get("requests") or {}).get("storage", 0))


def suits(volume: Object, claim: Object) -> bool:
    """Whether an unbound claim may get the volume: free or reserved for it, same class and mode, large enough, with all access modes, matching labels."""
    reference = volume["spec"].get("claimRef")
    if reference is not None:
        return is_for(reference, claim)
    if (claim["spec"].get("volumeName") or name_of(volume)) != name_of(volume):
        return False
    if is_deleting(volume) or (volume.get("status") or {}).get("phase", "Available") not in {"Available", "Pending"}:
        return False
    if class_of(volume) != class_of(claim) or capacity_bytes(volume) < requested_bytes(claim):
        return False
    if (volume["spec"].get("volumeMode") or "Filesystem") != (claim["spec"].get("volumeMode") or "Filesystem"):
        return False
    if any(mode not in (volume["spec"].get("accessModes") or ()) for mode in claim["spec"].get("accessModes") or ()):
        return False
    selector = from_object(claim["spec"].get("selector"))
    return selector is None or selector.matches(labels_of(volume))


def is_for(reference: Object, claim: Object) -> bool:
    """Whether a volume's claimRef means this claim; without a uid it is a reservation by name."""
    if (reference.get("namespace"), reference.get("name")) != (namespace_of(claim), name_of(claim)):
        return False
    return not reference.get("uid") or reference["uid"] == claim["metadata"].get("uid")


def best_volume(claim: Object, volumes: Iterable[Object]) -> Object | None:
    """A volume reserved for the claim, else the smallest that suits it."""
    suited = [volume for volume in volumes if suits(volume, claim)]
    return min(
        suited,
        key=lambda volume: (volume["spec"].get("claimRef") is None, capacity_bytes(volume), name_of(volume)),
        default=None,
    )


class ClaimLookup:
    """Answers VolumeBinding from the cluster's objects."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def claim(self, namespace: str, name: str) -> ClaimState | None:
        """The claim's state, None when there is no such claim or it is being deleted."""
        claim = self._reader.get(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        if claim is None or is_deleting(claim):
            return None
        if (claim.get("status") or {}).get("phase") == "Bound":
            volume = self._reader.get(PERSISTENT_VOLUMES, None, str(claim["spec"]["volumeName"]))
            return ClaimState(volume, None)
        if not self.waits_for_consumer(claim):
            return ClaimState(None, None)
        volumes = self._reader.list(PERSISTENT_VOLUMES)
        return ClaimState(None, [volume for volume in volumes if suits(volume, claim)])

    def waits_for_consumer(self, claim: Object) -> bool:
        """Whether the claim's class delays binding until a pod has been placed."""
        storage_class = self._reader.get(STORAGE_CLASSES, None, class_of(claim)) if class_of(claim) else None
        return storage_class is not None and storage_class.get("volumeBindingMode") == "WaitForFirstConsumer"
