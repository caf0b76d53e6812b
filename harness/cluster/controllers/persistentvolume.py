"""The persistent-volume controller: binds claims to volumes that exist already (`pkg/controller/volume/persistentvolume`, 1.34).

Static binding only: a claim gets the volume reserved for it or named by it, else the smallest that suits it. Nothing is provisioned: a claim of a class with a
provisioner says that it waits for one. A claim whose class waits for its first consumer is bound once the scheduler has chosen a node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.cluster.scheduler.volumes import SELECTED_NODE, best_volume, class_of, is_for, suits
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_NO_PROVISIONER = "kubernetes.io/no-provisioner"
_VOLUME = "volume:"


class PersistentVolumeController:
    """Keys: `namespace/name` of a claim, `volume:name` of a volume."""

    name = "persistentvolume-controller"

    def __init__(self, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(self.name)

    def watches(self) -> Sequence[Watch]:
        """Claims and volumes; a new volume may be what an unbound claim waits for."""
        return [Watch(PERSISTENT_VOLUME_CLAIMS, self._of_claim), Watch(PERSISTENT_VOLUMES, self._of_volume)]

    def reconcile(self, key: str) -> int | None:
        """One claim or one volume."""
        if key.startswith(_VOLUME):
            volume = self._reader.get(PERSISTENT_VOLUMES, None, key.removeprefix(_VOLUME))
            if volume is not None:
                self._settle_volume(volume)
            return None
        claim = self._reader.get(PERSISTENT_VOLUME_CLAIMS, *split_key(key))
        if claim is not None and not is_deleting(claim):
            self._settle_claim(claim)
        return None

    def _of_claim(self, claim: Object) -> Iterable[str]:
        yield key_of(claim)
        if claim["spec"].get("volumeName"):
            yield f"{_VOLUME}{claim['spec']['volumeName']}"

    def _of_volume(self, volume: Object) -> Iterable[str]:
        yield f"{_VOLUME}{name_of(volume)}"
        reference = volume["spec"].get("claimRef")
        if reference is not None:
            yield f"{reference['namespace']}/{reference['name']}"
            return
        for claim in self._reader.list(PERSISTENT_VOLUME_CLAIMS):
            if _phase(claim) != "Bound" and suits(volume, claim):
                yield key_of(claim)

    def _settle_claim(self, claim: Object) -> None:
        if _phase(claim) == "Bound":
            if self._reader.get(PERSISTENT_VOLUMES, None, str(claim["spec"].get("volumeName"))) is None:
                self._set_phase(claim, "Lost")
                self._events.event(
                    claim,
                    "Warning",
                    "ClaimLost",
                    "Bound claim has lost its PersistentVolume. Data on the volume is lost!",
                )
            return
        volume = self._volume_for(claim)
        if volume is None:
            if _phase(claim) != "Lost":
                self._set_phase(claim, "Pending")
                self._say_why_unbound(claim)
            return
        self._bind(claim, volume)

    def _volume_for(self, claim: Object) -> Object | None:
        if self._waits_for_consumer(claim):
            # The scheduler reserves the volume for the claim; the claim itself then needs nothing more.
            volumes = self._reader.list(PERSISTENT_VOLUMES)
            return best_volume(claim, (volume for volume in volumes if volume["spec"].get("claimRef") is not None))
        named = claim["spec"].get("volumeName")
        if named:
            volume = self._reader.get(PERSISTENT_VOLUMES, None, str(named))
            return volume if volume is not None and suits(volume, claim) else None
        return best_volume(claim, self._reader.list(PERSISTENT_VOLUMES))

    def _waits_for_consumer(self, claim: Object) -> bool:
        storage_class = self._class(claim)
        if storage_class is None or storage_class.get("volumeBindingMode") != "WaitForFirstConsumer":
            return False
        return SELECTED_NODE not in (claim["metadata"].get("annotations") or {}) and not claim["spec"].get("volumeName")

    def _class(self, claim: Object) -> Object | None:
        return self._reader.get(STORAGE_CLASSES, None, class_of(claim)) if class_of(claim) else None

    def _bind(self, claim: Object, volume: Object) -> None:
        """Both sides point to each other, then both are Bound."""
        reference = {
            "apiVersion": claim["apiVersion"],
            "kind": claim["kind"],
            "namespace": namespace_of(claim),
            "name": name_of(claim),
            "uid": uid_of(claim),
        }
        by_us = {} if volume["spec"].get("claimRef") else {BOUND_BY_CONTROLLER: "yes"}
        patch: dict[str, Any] = {"metadata": {"annotations": by_us}, "spec": {"claimRef": reference}}
        volume = self._writer.patch(PERSISTENT_VOLUMES, None, name_of(volume), patch)
        self._set_volume_phase(volume, "Bound")
        by_us = {} if claim["spec"].get("volumeName") else {BOUND_BY_CONTROLLER: "yes"}
        annotations = {BIND_COMPLETED: "yes", **by_us}
        patch = {"metadata": {"annotations": annotations}, "spec": {"volumeName": name_of(volume)}}
        self._writer.patch(PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), patch)
        status = {
            "phase": "Bound",
            "accessModes": volume["spec"].get("accessModes") or [],
            "capacity": volume["spec"].get("capacity") or {},
        }
        self._writer.patch(
            PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), {"status": status}, subresource="status"
        )

    def _settle_volume(self, volume: Object) -> None:
        """Available without a claim, Bound with one, Released when it has gone."""
        reference = volume["spec"].get("claimRef")
        if reference is None or not reference.get("uid"):
            self._set_volume_phase(volume, "Available")
            return
        claim = self._reader.get(PERSISTENT_VOLUME_CLAIMS, str(reference["namespace"]), str(reference["name"]))
        if claim is not None and is_for(reference, claim):
            self._set_volume_phase(volume, "Bound")
            return
        self._set_volume_phase(volume, "Released")
        if volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete" and not is_deleting(volume):
            self._writer.delete(PERSISTENT_VOLUMES, None, name_of(volume), uid=uid_of(volume))

    def _say_why_unbound(self, claim: Object) -> None:
        if self._waits_for_consumer(claim):
            text = "waiting for first consumer to be created before binding"
            self._events.event(claim, "Normal", "WaitForFirstConsumer", text)
            return
        storage_class = self._class(claim)
        provisioner = str((storage_class or {}).get("provisioner") or _NO_PROVISIONER)
        if provisioner != _NO_PROVISIONER and not claim["spec"].get("volumeName"):
            text = (
                f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system "
                "administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
            )
            self._events.event(claim, "Normal", "ExternalProvisioning", text)
        elif not class_of(claim):
            text = "no persistent volumes available for this claim and no storage class is set"
            self._events.event(claim, "Normal", "FailedBinding", text)
        elif storage_class is None:
            text = f'storageclass.storage.k8s.io "{class_of(claim)}" not found'
            self._events.event(claim, "Warning", "ProvisioningFailed", text)

    def _set_phase(self, claim: Object, phase: str) -> None:
        if _phase(claim) != phase:
            patch = {"status": {"phase": phase}}
            self._writer.patch(
                PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), patch, subresource="status"
            )

    def _set_volume_phase(self, volume: Object, phase: str) -> None:
        if _phase(volume) != phase:
            patch = {"status": {"phase": phase}}
            self._writer.patch(PERSISTENT_VOLUMES, None, name_of(volume), patch, subresource="status")


def _phase(obj: Object) -> str:
    return str((obj.get("status") or {}).get("phase") or "")
