"""The external provisioner beside a CSI driver (kubernetes-csi external-provisioner v5, sig-storage-lib-external-provisioner v10).

It makes a volume for every claim that is marked for its driver, once a node is chosen where the class waits for its consumer, and removes
the volumes that it made when they are released. A failure is tried again after 1 s, doubled up to 5 min. It knows no storage: a `VolumeProvisioner` does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clock import MINUTE, SECOND, Kernel
from harness.cluster.controllers.pods import Retries
from harness.cluster.scheduler.volumes import SELECTED_NODE, class_of, requested_bytes
from harness.kube.amounts import canonical
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of, split_key, uid_of
from harness.kube.provisioning import ProvisionedVolume, ProvisionError, ProvisionRequest, VolumeProvisioner
from harness.kube.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES

STORAGE_PROVISIONER = "volume.kubernetes.io/storage-provisioner"
STORAGE_PROVISIONER_BETA = "volume.beta.kubernetes.io/storage-provisioner"
PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
FINALIZER = "external-provisioner.volume.kubernetes.io/finalizer"
_VOLUME = "volume:"


class ExternalProvisioner:
    """Keys: `namespace/name` of a claim, `volume:name` of a volume."""

    def __init__(
        self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder, storage: VolumeProvisioner
    ) -> None:
        self.name = f"external-provisioner-{storage.driver}"
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(storage.driver)
        self._storage = storage
        self._retries = Retries(SECOND, 5 * MINUTE)
        self._ready_us: dict[str, int] = {}  # by claim uid: when the volume under way is made

    def watches(self) -> Sequence[Watch]:
        """Claims and volumes."""
        return [Watch(PERSISTENT_VOLUME_CLAIMS), Watch(PERSISTENT_VOLUMES, lambda volume: (_VOLUME + name_of(volume),))]

    def reconcile(self, key: str) -> int | None:
        """Make one claim's volume, or remove one volume."""
        if key.startswith(_VOLUME):
            volume = self._reader.get(PERSISTENT_VOLUMES, None, key.removeprefix(_VOLUME))
            return None if volume is None or not self._is_to_go(volume) else self._remove(volume)
        claim = self._reader.get(PERSISTENT_VOLUME_CLAIMS, *split_key(key))
        return None if claim is None or not self._is_wanted(claim) else self._provision(claim)

    def _is_wanted(self, claim: Object) -> bool:
        annotations = _annotations(claim)
        driver = annotations.get(STORAGE_PROVISIONER) or annotations.get(STORAGE_PROVISIONER_BETA)
        if claim["spec"].get("volumeName") or is_deleting(claim) or driver != self._storage.driver:
            return False
        storage_class = self._class(claim)
        if storage_class is None:
            return False
        return storage_class.get("volumeBindingMode") != "WaitForFirstConsumer" or SELECTED_NODE in annotations

    def _class(self, claim: Object) -> Object | None:
        return self._reader.get(STORAGE_CLASSES, None, class_of(claim))

    def _provision(self, claim: Object) -> int | None:
        now, uid = self._kernel.now, uid_of(claim)
        name = f"pvc-{uid}"
        if self._reader.get(PERSISTENT_VOLUMES, None, name) is not None:
            return None  # made, and not bound yet
        wait_us = self._retries.left_us(uid, now)
        if wait_us:
            return wait_us
        storage_class = self._class(claim)
        if storage_class is None:
            return None
        if uid not in self._ready_us:
            text = f'External provisioner is provisioning volume for claim "{key_of(claim)}"'
            self._events.event(claim, "Normal", "Provisioning", text)
            self._ready_us[uid] = now + self._storage.duration_us
        if self._ready_us[uid] > now:
            return self._ready_us[uid] - now
        del self._ready_us[uid]
        node = self._reader.get(NODES, None, str(_annotations(claim).get(SELECTED_NODE) or ""))
        request = ProvisionRequest(name, claim, storage_class, node, requested_bytes(claim))
        try:
            made = self._storage.provision(request)
        except ProvisionError as error:
            return self._failed(claim, error)
        self._retries.forget(uid)
        self._writer.create(PERSISTENT_VOLUMES, self._volume(request, made))
        self._events.event(claim, "Normal", "ProvisioningSucceeded", f"Successfully provisioned volume {name}")
        return None

    def _failed(self, claim: Object, error: ProvisionError) -> int | None:
        text = f'failed to provision volume with StorageClass "{class_of(claim)}": {error}'
        self._events.event(claim, "Warning", "ProvisioningFailed", text)
        delay_us = self._retries.failed(uid_of(claim), self._kernel.now)
        if error.reschedule and SELECTED_NODE in _annotations(claim):
            change = {"metadata": {"annotations": {SELECTED_NODE: None}}}
            self._writer.patch(PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), change)
        return delay_us

    def _volume(self, request: ProvisionRequest, made: ProvisionedVolume) -> dict[str, Any]:
        claim, storage_class = request.claim, request.storage_class
        csi: dict[str, Any] = {"driver": self._storage.driver, "volumeHandle": made.handle}
        if made.file_system:
            csi["fsType"] = made.file_system
        if made.attributes:
            csi["volumeAttributes"] = dict(made.attributes)
        spec: dict[str, Any] = {
            "capacity": {"storage": canonical(_binary(made.size_bytes))},
            "accessModes": list(claim["spec"].get("accessModes") or ()),
            "persistentVolumeReclaimPolicy": storage_class.get("reclaimPolicy") or "Delete",
            "storageClassName": name_of(storage_class),
            "volumeMode": claim["spec"].get("volumeMode") or "Filesystem",
            "csi": csi,
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": namespace_of(claim),
                "name": name_of(claim),
                "uid": uid_of(claim),
                "resourceVersion": claim["metadata"]["resourceVersion"],
            },
        }
        if storage_class.get("mountOptions"):
            spec["mountOptions"] = list(storage_class["mountOptions"])
        if made.topology:
            spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": [_term(labels) for labels in made.topology]}}
        metadata = {
            "name": request.volume_name,
            "annotations": {PROVISIONED_BY: self._storage.driver},
            "finalizers": [FINALIZER],
        }
        return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}

    def _is_to_go(self, volume: Object) -> bool:
        if _annotations(volume).get(PROVISIONED_BY) != self._storage.driver:
            return False
        released = (volume.get("status") or {}).get("phase") in {"Released", "Failed"}
        return released and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"

    def _remove(self, volume: Object) -> int | None:
        uid, name = uid_of(volume), name_of(volume)
        wait_us = self._retries.left_us(uid, self._kernel.now)
        if wait_us:
            return wait_us
        try:
            self._storage.delete(str(volume["spec"]["csi"]["volumeHandle"]))
        except ProvisionError as error:
            self._events.event(volume, "Warning", "VolumeFailedDelete", str(error))
            return self._retries.failed(uid, self._kernel.now)
        self._retries.forget(uid)
        if not is_deleting(volume):
            volume = self._writer.delete(PERSISTENT_VOLUMES, None, name, uid=uid)
        left = [entry for entry in volume["metadata"].get("finalizers") or () if entry != FINALIZER]
        if self._reader.get(PERSISTENT_VOLUMES, None, name) is not None:
            self._writer.patch(PERSISTENT_VOLUMES, None, name, {"metadata": {"finalizers": left or None}})
        return None


def _annotations(obj: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return found


def _term(labels: Mapping[str, str]) -> dict[str, Any]:
    expressions: Iterable[dict[str, Any]] = (
        {"key": key, "operator": "In", "values": [value]} for key, value in sorted(labels.items())
    )
    return {"matchExpressions": list(expressions)}


def _binary(size_bytes: int) -> str:
    """Bytes as a binary quantity where they are one."""
    return f"{size_bytes // 1024}Ki" if size_bytes and size_bytes % 1024 == 0 else str(size_bytes)
