"""The persistent-volume controller: binds claims and volumes (`pkg/controller/volume/persistentvolume`, 1.34).

A claim gets the volume reserved for it or named by it, else the smallest that suits it. A claim of a class with an external provisioner is marked for it and
waits; one whose class waits for its first consumer is left to the scheduler until a node is chosen. A volume whose claim is gone is Released; what the external
provisioner made it removes itself. Pending claims are tried again when a volume could suit them; upstream does so at its resync, every 15 s
(`--pvclaimbinder-sync-period`), and then tells again why a claim waits; here that is told when something about the claim changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clock import Kernel, format_time
from harness.cluster.controllers.pods import is_terminal
from harness.cluster.controllers.volumes.protection import INDEX, claims_of
from harness.cluster.controllers.volumes.provisioner import (
    PROVISIONED_BY,
    STORAGE_PROVISIONER,
    STORAGE_PROVISIONER_BETA,
)
from harness.cluster.scheduler.volumes import (
    SELECTED_NODE,
    best_volume,
    capacity_bytes,
    class_of,
    is_for,
    requested_bytes,
    suits,
)
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES

BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
BOUND_BY_CONTROLLER = "pv.kubernetes.io/bound-by-controller"
_VOLUME = "volume:"


class PersistentVolumeController:
    """Keys: `namespace/name` of a claim, `volume:name` of a volume."""

    name = "persistentvolume-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._kernel = kernel
        reader.add_index(PODS, INDEX, claims_of)
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
            if _phase(claim) != "Bound" and (
                claim["spec"].get("volumeName") == name_of(volume) or suits(volume, claim)
            ):
                yield key_of(claim)

    def _settle_claim(self, claim: Object) -> None:
        if BIND_COMPLETED in _annotations(claim):
            self._settle_bound_claim(claim)
        elif claim["spec"].get("volumeName"):
            self._settle_named_claim(claim)
        else:
            volume = self._volume_for(claim)
            if volume is not None:
                self._bind(claim, volume)
                return
            self._set_phase(claim, "Pending")
            self._say_why_unbound(claim)

    def _settle_bound_claim(self, claim: Object) -> None:
        named = claim["spec"].get("volumeName")
        volume = self._reader.get(PERSISTENT_VOLUMES, None, str(named)) if named else None
        if not named:
            self._lose(
                claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!"
            )
        elif volume is None:
            self._lose(claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
        elif volume["spec"].get("claimRef") is None or is_for(volume["spec"]["claimRef"], claim):
            self._bind(claim, volume)
        else:
            text = "Two claims are bound to the same volume, this one is bound incorrectly"
            self._lose(claim, "ClaimMisbound", text)

    def _settle_named_claim(self, claim: Object) -> None:
        volume = self._reader.get(PERSISTENT_VOLUMES, None, str(claim["spec"]["volumeName"]))
        reference = None if volume is None else volume["spec"].get("claimRef")
        if volume is None:
            self._set_phase(claim, "Pending")
        elif reference is not None and not is_for(reference, claim):
            self._set_phase(claim, "Pending")
            text = f'volume "{name_of(volume)}" already bound to a different claim.'
            self._events.event(claim, "Warning", "FailedBinding", text)
        elif reference is None and (why := mismatch(volume, claim)):
            self._set_phase(claim, "Pending")
            text = f'Cannot bind to requested volume "{name_of(volume)}": {why}'
            self._events.event(claim, "Warning", "VolumeMismatch", text)
        else:
            self._bind(claim, volume)

    def _lose(self, claim: Object, reason: str, message: str) -> None:
        if _phase(claim) != "Lost":
            self._set_phase(claim, "Lost")
            self._events.event(claim, "Warning", reason, message)

    def _volume_for(self, claim: Object) -> Object | None:
        volumes = self._reader.list(PERSISTENT_VOLUMES)
        if self._waits_for_consumer(claim):
            volumes = [volume for volume in volumes if volume["spec"].get("claimRef") is not None]
        return best_volume(claim, volumes)

    def _waits_for_consumer(self, claim: Object) -> bool:
        storage_class = self._class(claim)
        if storage_class is None or storage_class.get("volumeBindingMode") != "WaitForFirstConsumer":
            return False
        return SELECTED_NODE not in _annotations(claim) and not claim["spec"].get("volumeName")

    def _class(self, claim: Object) -> Object | None:
        return self._reader.get(STORAGE_CLASSES, None, class_of(claim)) if class_of(claim) else None

    def _bind(self, claim: Object, volume: Object) -> None:
        """Both sides point to each other, then both are Bound; what is so already is not written."""
        reference = {
            "apiVersion": claim["apiVersion"],
            "kind": claim["kind"],
            "namespace": namespace_of(claim),
            "name": name_of(claim),
            "uid": uid_of(claim),
        }
        held = volume["spec"].get("claimRef")
        if held is None or held.get("uid") != uid_of(claim):
            reference["resourceVersion"] = claim["metadata"]["resourceVersion"]
            by_us = {} if held else {"annotations": {BOUND_BY_CONTROLLER: "yes"}}
            patch: dict[str, Any] = {"metadata": by_us, "spec": {"claimRef": reference}}
            volume = self._writer.patch(PERSISTENT_VOLUMES, None, name_of(volume), patch)
        self._set_volume_phase(volume, "Bound")
        if claim["spec"].get("volumeName") != name_of(volume) or BIND_COMPLETED not in _annotations(claim):
            annotations = {BIND_COMPLETED: "yes"}
            if not claim["spec"].get("volumeName"):
                annotations[BOUND_BY_CONTROLLER] = "yes"
            patch = {"metadata": {"annotations": annotations}, "spec": {"volumeName": name_of(volume)}}
            claim = self._writer.patch(PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), patch)
        if _phase(claim) != "Bound":
            status = {
                "phase": "Bound",
                "accessModes": volume["spec"].get("accessModes") or [],
                "capacity": volume["spec"].get("capacity") or {},
            }
            self._writer.patch(
                PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), {"status": status}, subresource="status"
            )

    def _settle_volume(self, volume: Object) -> None:
        """Available without a claim, Bound with one, Released (or Failed) when it has gone."""
        reference = volume["spec"].get("claimRef")
        if reference is None or not reference.get("uid"):
            self._set_volume_phase(volume, "Available")
            return
        claim = self._reader.get(PERSISTENT_VOLUME_CLAIMS, str(reference["namespace"]), str(reference["name"]))
        if claim is None or not is_for(reference, claim):
            if _phase(volume) not in {"Released", "Failed"}:
                volume = self._set_volume_phase(volume, "Released")
            self._reclaim(volume)
        elif claim["spec"].get("volumeName") == name_of(volume):
            self._set_volume_phase(volume, "Bound")
        elif claim["spec"].get("volumeName"):
            self._give_back(volume)

    def _give_back(self, volume: Object) -> None:
        """The claim has another volume: this one is free again, or goes if it was made for the claim."""
        annotations = _annotations(volume)
        if PROVISIONED_BY in annotations and volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete":
            self._set_volume_phase(volume, "Released")
            return
        reference: dict[str, Any] | None = None
        if BOUND_BY_CONTROLLER not in annotations:  # reserved by a person: the reservation by name stays
            reference = {"uid": None}
        patch = {"metadata": {"annotations": {BOUND_BY_CONTROLLER: None}}, "spec": {"claimRef": reference}}
        self._writer.patch(PERSISTENT_VOLUMES, None, name_of(volume), patch)

    def _reclaim(self, volume: Object) -> None:
        """What the reclaim policy Delete does to a released volume; a CSI volume is its provisioner's."""
        spec = volume["spec"]
        if spec.get("persistentVolumeReclaimPolicy") != "Delete" or "csi" in spec or is_deleting(volume):
            return
        path = str((spec.get("hostPath") or {}).get("path") or "")
        if path.startswith("/tmp/") and len(path) > len("/tmp/"):
            self._writer.delete(PERSISTENT_VOLUMES, None, name_of(volume), uid=uid_of(volume))
        elif _phase(volume) != "Failed":
            text = f'error getting deleter volume plugin for volume "{name_of(volume)}": no deletable volume plugin matched'
            if path:
                text = f"host_path deleter only supports /tmp/.+ but received provided {path}"
            self._set_volume_phase(volume, "Failed", text)
            self._events.event(volume, "Warning", "VolumeFailedDelete", text)

    def _say_why_unbound(self, claim: Object) -> None:
        if self._waits_for_consumer(claim):
            self._say_what_is_waited_for(claim)
            return
        if not class_of(claim):
            text = "no persistent volumes available for this claim and no storage class is set"
            self._events.event(claim, "Normal", "FailedBinding", text)
            return
        storage_class = self._class(claim)
        if storage_class is None:
            text = f'storageclass.storage.k8s.io "{class_of(claim)}" not found'
            self._events.event(claim, "Warning", "ProvisioningFailed", text)
            return
        provisioner = str(storage_class.get("provisioner"))
        if provisioner.startswith("kubernetes.io/"):
            self._events.event(claim, "Warning", "ProvisioningFailed", f"no volume plugin matched name: {provisioner}")
            return
        if _annotations(claim).get(STORAGE_PROVISIONER) != provisioner:
            marks = {STORAGE_PROVISIONER: provisioner, STORAGE_PROVISIONER_BETA: provisioner}
            change = {"metadata": {"annotations": marks}}
            self._writer.patch(PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), change)
        text = (
            f"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system "
            "administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
        )
        self._events.event(claim, "Normal", "ExternalProvisioning", text)

    def _say_what_is_waited_for(self, claim: Object) -> None:
        """A pod that uses the claim and has no node yet, else any pod."""
        for pod in self._reader.by_index(PODS, INDEX, key_of(claim)):
            if not pod["spec"].get("nodeName") and not is_terminal(pod):
                self._events.event(
                    claim, "Normal", "WaitForPodScheduled", f"waiting for pod {name_of(pod)} to be scheduled"
                )
                return
        self._events.event(
            claim, "Normal", "WaitForFirstConsumer", "waiting for first consumer to be created before binding"
        )

    def _set_phase(self, claim: Object, phase: str) -> None:
        if _phase(claim) != phase:
            patch = {"status": {"phase": phase}}
            self._writer.patch(
                PERSISTENT_VOLUME_CLAIMS, namespace_of(claim), name_of(claim), patch, subresource="status"
            )

    def _set_volume_phase(self, volume: Object, phase: str, message: str = "") -> Object:
        if _phase(volume) == phase:
            return volume
        status = {
            "phase": phase,
            "message": message or None,
            "lastPhaseTransitionTime": format_time(self._kernel.now),
        }
        return self._writer.patch(PERSISTENT_VOLUMES, None, name_of(volume), {"status": status}, subresource="status")


def mismatch(volume: Object, claim: Object) -> str:
    """Why a claim cannot have the volume that it names (checkVolumeSatisfyClaim); empty when it can."""
    if capacity_bytes(volume) < requested_bytes(claim):
        return "requested PV is too small"
    if class_of(volume) != class_of(claim):
        return "storageClassName does not match"
    if (volume["spec"].get("volumeMode") or "Filesystem") != (claim["spec"].get("volumeMode") or "Filesystem"):
        return "incompatible volumeMode"
    if any(mode not in (volume["spec"].get("accessModes") or ()) for mode in claim["spec"].get("accessModes") or ()):
        return "incompatible accessMode"
    return ""


def _annotations(obj: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return found


def _phase(obj: Object) -> str:
    return str((obj.get("status") or {}).get("phase") or "")
