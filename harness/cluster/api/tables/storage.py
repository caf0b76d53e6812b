"""Tables of volumes, claims, their attachments, storage classes and CSI drivers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.api.tables.columns import UNSET, Column, Printer, age, dig, name_column
from harness.kube.objects import Object, is_deleting, name_of
from harness.kube.resources import (
    CSI_DRIVERS,
    CSI_NODES,
    CSI_STORAGE_CAPACITIES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    VOLUME_ATTACHMENTS,
)

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
_DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


def _access(modes: Sequence[str] | None) -> str:
    return ",".join(short for mode, short in _MODES.items() if mode in (modes or ()))


def _phase(obj: Object) -> str:
    return "Terminating" if is_deleting(obj) else str(dig(obj, "status", "phase") or "")


def _volume(volume: Object, now_us: int) -> list[Any]:
    spec = volume.get("spec") or {}
    claim = spec.get("claimRef")
    return [
        name_of(volume),
        dig(spec, "capacity", "storage") or "",
        _access(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        _phase(volume),
        f"{claim.get('namespace')}/{claim.get('name')}" if claim else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName", UNSET),
        dig(volume, "status", "reason") or "",
        age(volume, now_us),
        spec.get("volumeMode", UNSET),
    ]


def _claim(claim: Object, now_us: int) -> list[Any]:
    spec, status = claim.get("spec") or {}, claim.get("status") or {}
    bound = bool(spec.get("volumeName"))
    return [
        name_of(claim),
        _phase(claim),
        spec.get("volumeName", ""),
        (dig(status, "capacity", "storage") or "0") if bound else "",
        _access(status.get("accessModes")) if bound else "",
        spec.get("storageClassName", ""),
        spec.get("volumeAttributesClassName", UNSET),
        age(claim, now_us),
        spec.get("volumeMode", UNSET),
    ]


def _storage_class(storage_class: Object, now_us: int) -> list[Any]:
    annotations = storage_class["metadata"].get("annotations") or {}
    mark = " (default)" if annotations.get(_DEFAULT_CLASS) == "true" else ""
    return [
        name_of(storage_class) + mark,
        storage_class.get("provisioner", ""),
        storage_class.get("reclaimPolicy", ""),
        storage_class.get("volumeBindingMode", ""),
        bool(storage_class.get("allowVolumeExpansion")),
        age(storage_class, now_us),
    ]


def _csi_driver(driver: Object, now_us: int) -> list[Any]:
    spec = driver.get("spec") or {}
    audiences = [entry.get("audience", "") for entry in spec.get("tokenRequests") or ()]
    return [
        name_of(driver),
        bool(spec.get("attachRequired")),
        bool(spec.get("podInfoOnMount")),
        bool(spec.get("storageCapacity")),
        ",".join(audiences) or UNSET,
        bool(spec.get("requiresRepublish")),
        ",".join(spec.get("volumeLifecycleModes") or ()),
        age(driver, now_us),
    ]


def _csi_node(node: Object, now_us: int) -> list[Any]:
    return [name_of(node), len(dig(node, "spec", "drivers") or ()), age(node, now_us)]


def _capacity(capacity: Object, _now_us: int) -> list[Any]:
    return [name_of(capacity), capacity["metadata"].get("creationTimestamp")]


def _attachment(attachment: Object, now_us: int) -> list[Any]:
    spec = attachment.get("spec") or {}
    return [
        name_of(attachment),
        spec.get("attacher", ""),
        dig(spec, "source", "persistentVolumeName") or "",
        spec.get("nodeName", ""),
        bool(dig(attachment, "status", "attached")),
        age(attachment, now_us),
    ]


STORAGE: Mapping[str, Printer] = {
    CSI_NODES.group_resource: Printer((name_column(), Column("Drivers", "integer"), Column("Age")), _csi_node),
    CSI_STORAGE_CAPACITIES.group_resource: Printer((name_column(), Column("Created At", "date")), _capacity),
    VOLUME_ATTACHMENTS.group_resource: Printer(
        (
            name_column(),
            Column("Attacher", format="name"),
            *map(Column, ("PV", "Node")),
            Column("Attached", "boolean"),
            Column("Age"),
        ),
        _attachment,
    ),
    PERSISTENT_VOLUMES.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass")),
            *map(Column, ("VolumeAttributesClass", "Reason", "Age")),
            Column("VolumeMode", priority=1),
        ),
        _volume,
    ),
    PERSISTENT_VOLUME_CLAIMS.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Status", "Volume", "Capacity", "Access Modes", "StorageClass")),
            *map(Column, ("VolumeAttributesClass", "Age")),
            Column("VolumeMode", priority=1),
        ),
        _claim,
    ),
    STORAGE_CLASSES.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age")),
        ),
        _storage_class,
    ),
    CSI_DRIVERS.group_resource: Printer(
        (
            name_column(),
            *(Column(name, "boolean") for name in ("AttachRequired", "PodInfoOnMount", "StorageCapacity")),
            Column("TokenRequests"),
            Column("RequiresRepublish", "boolean"),
            *map(Column, ("Modes", "Age")),
        ),
        _csi_driver,
    ),
}
