"""Claims that a pod uses, and volumes that a claim has, are not removed before they are free (`pkg/controller/volume/{pvcprotection,pvprotection}`, 1.34)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.cluster.controllers.pods import is_terminal
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of, split_key
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, Resource

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"
INDEX = "claims"


def claims_of(pod: Object) -> list[str]:
    """The keys of the claims that a pod uses, those of its ephemeral volumes too."""
    keys = []
    for volume in pod["spec"].get("volumes") or ():
        if "persistentVolumeClaim" in volume:
            keys.append(f"{namespace_of(pod)}/{volume['persistentVolumeClaim']['claimName']}")
        elif "ephemeral" in volume:
            keys.append(f"{namespace_of(pod)}/{name_of(pod)}-{volume['name']}")
    return keys


class ClaimProtectionController:
    """Reconciles claims."""

    name = "persistentvolumeclaim-protection-controller"

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer
        reader.add_index(PODS, INDEX, claims_of)

    def watches(self) -> Sequence[Watch]:
        """Claims, and the pods that use them."""
        return [Watch(PERSISTENT_VOLUME_CLAIMS), Watch(PODS, claims_of)]

    def reconcile(self, key: str) -> int | None:
        """One claim: held while a pod uses it, or waits for it on a node."""
        claim = self._reader.get(PERSISTENT_VOLUME_CLAIMS, *split_key(key))
        if claim is None:
            return None
        if not is_deleting(claim):
            _hold(self._writer, PERSISTENT_VOLUME_CLAIMS, claim, CLAIM_FINALIZER)
        elif not any(_uses(pod) for pod in self._reader.by_index(PODS, INDEX, key)):
            _release(self._writer, PERSISTENT_VOLUME_CLAIMS, claim, CLAIM_FINALIZER)
        return None


class VolumeProtectionController:
    """Reconciles volumes."""

    name = "persistentvolume-protection-controller"

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer

    def watches(self) -> Sequence[Watch]:
        """Volumes."""
        return [Watch(PERSISTENT_VOLUMES)]

    def reconcile(self, key: str) -> int | None:
        """One volume: held while it is bound."""
        volume = self._reader.get(PERSISTENT_VOLUMES, None, key)
        if volume is None:
            return None
        if not is_deleting(volume):
            _hold(self._writer, PERSISTENT_VOLUMES, volume, VOLUME_FINALIZER)
        elif (volume.get("status") or {}).get("phase") != "Bound":
            _release(self._writer, PERSISTENT_VOLUMES, volume, VOLUME_FINALIZER)
        return None


def _uses(pod: Object) -> bool:
    """A pod without a node does not use anything yet; one that has ended does not any more."""
    return bool(pod["spec"].get("nodeName")) and not is_terminal(pod)


def _finalizers(obj: Object) -> Iterable[str]:
    return obj["metadata"].get("finalizers") or ()


def _hold(writer: Writer, resource: Resource, obj: Object, finalizer: str) -> None:
    if finalizer not in _finalizers(obj):
        _write(writer, resource, obj, [*_finalizers(obj), finalizer])


def _release(writer: Writer, resource: Resource, obj: Object, finalizer: str) -> None:
    if finalizer in _finalizers(obj):
        _write(writer, resource, obj, [entry for entry in _finalizers(obj) if entry != finalizer])


def _write(writer: Writer, resource: Resource, obj: Object, finalizers: list[str]) -> None:
    namespace, name = split_key(key_of(obj))
    writer.patch(resource, namespace, name, {"metadata": {"finalizers": finalizers or None}})
