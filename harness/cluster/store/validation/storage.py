"""Claims, volumes and storage classes (`pkg/apis/{core,storage}/validation`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.validation.causes import forbidden, immutable, invalid, required, unsupported
from harness.cluster.store.validation.pods import check_amount
from harness.cluster.store.validation.values import one_of, selector_faults
from harness.kube.errors import Cause
from harness.kube.names import qualified_name_faults, subdomain_faults
from harness.kube.quantity import parse
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, STORAGE_CLASSES

Checked = Mapping[str, Any]
_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_SOURCES = [
    "hostPath",
    "gcePersistentDisk",
    "awsElasticBlockStore",
    "glusterfs",
    "flocker",
    "nfs",
    "rbd",
    "quobyte",
    "cephfs",
    "iscsi",
    "cinder",
    "fc",
    "flexVolume",
    "azureFile",
    "vsphereVolume",
    "azureDisk",
    "photonPersistentDisk",
    "portworxVolume",
    "scaleIO",
    "local",
    "storageos",
    "csi",
]
_CLAIM_TEXT = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
)


def _modes(field: str, spec: Checked) -> list[Cause]:
    modes = spec.get("accessModes") or ()
    if not modes:
        return [required(field, "at least 1 access mode is required")]
    causes = [unsupported(field, mode, _ACCESS_MODES) for mode in modes if mode not in _ACCESS_MODES]
    if "ReadWriteOncePod" in modes and len(modes) > 1:
        causes.append(forbidden(field, "may not use ReadWriteOncePod with other access modes"))
    return causes


def check_claim_spec(field: str, spec: Checked) -> list[Cause]:
    """The spec of a claim, or of a template of claims."""
    causes = _modes(f"{field}.accessModes", spec) + selector_faults(f"{field}.selector", spec.get("selector"))
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        causes.append(required(f"{field}.resources[storage]"))
    else:
        causes += check_amount(f"{field}.resources[storage]", storage, positive=True)
    name = spec.get("storageClassName")
    if name:
        causes += [invalid(f"{field}.storageClassName", name, fault) for fault in subdomain_faults(name)]
    return causes + one_of(f"{field}.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))


def _claim(claim: Checked) -> list[Cause]:
    return check_claim_spec("spec", claim["spec"])


def _claim_update(new: Checked, old: Checked) -> list[Cause]:
    """Only the size of a bound claim may grow; a volume, and a class where there was none, may be named once."""
    before, after = old["spec"], new["spec"]
    bound = (old.get("status") or {}).get("phase") == "Bound"

    def fixed(spec: Checked) -> dict[str, Any]:
        freed = {"resources", "volumeAttributesClassName"} if bound else set[str]()
        freed |= {key for key in ("volumeName", "storageClassName") if not before.get(key)}
        return {key: value for key, value in spec.items() if key not in freed}

    if fixed(before) != fixed(after):
        return [forbidden("spec", _CLAIM_TEXT)]
    was, now = (((spec.get("resources") or {}).get("requests") or {}).get("storage", 0) for spec in (before, after))
    given = ((old.get("status") or {}).get("capacity") or {}).get("storage", 0)
    if parse(now) < parse(was) and parse(now) <= parse(given):  # an expansion that does not succeed may be taken back
        return [forbidden("spec.resources.requests.storage", "field can not be less than status.capacity")]
    return []


def _volume(volume: Checked) -> list[Cause]:
    spec = volume["spec"]
    causes = _modes("spec.accessModes", spec)
    capacity = spec.get("capacity") or {}
    if not capacity:
        causes.append(required("spec.capacity"))
    if list(capacity) != ["storage"]:
        causes.append(unsupported("spec.capacity", capacity, ("storage",)))
    for name, amount in capacity.items():
        causes += check_amount(f"spec.capacity[{name}]", amount, positive=True)
    policy = spec.get("persistentVolumeReclaimPolicy")
    causes += one_of("spec.persistentVolumeReclaimPolicy", policy, ("Delete", "Recycle", "Retain"))
    affinity = spec.get("nodeAffinity")
    if affinity is not None and affinity.get("required") is None:
        causes.append(required("spec.nodeAffinity.required", "must specify required node constraints"))
    present = [source for source in _SOURCES if source in spec]
    for source in present[1:]:
        causes.append(forbidden(f"spec.{source}", "may not specify more than 1 volume type"))
    if not present:
        causes.append(required("spec", "must specify a volume type"))
    else:
        causes += _source(present[0], spec[present[0]], affinity)
    name = spec.get("storageClassName")
    if name:
        causes += [invalid("spec.storageClassName", name, fault) for fault in subdomain_faults(name)]
    return causes + one_of("spec.volumeMode", spec.get("volumeMode"), ("Block", "Filesystem"))


def _source(kind: str, source: Checked, affinity: Any) -> list[Cause]:
    field, path = f"spec.{kind}", str(source.get("path", ""))
    causes: list[Cause] = []
    if kind == "nfs":
        causes = [required(f"{field}.{key}") for key in ("server", "path") if not source.get(key)]
        if not path.startswith("/"):
            causes.append(invalid(f"{field}.path", path, "must be an absolute path"))
    elif kind in {"hostPath", "local"}:
        if not path:
            causes.append(required(f"{field}.path"))
        elif ".." in path.split("/"):
            causes.append(invalid(f"{field}.path", path, "must not contain '..'"))
        if kind == "local" and affinity is None:
            causes.append(required("spec.nodeAffinity", "Local volume requires node affinity"))
    elif kind == "csi":
        driver = str(source.get("driver", ""))
        causes = [] if driver else [required(f"{field}.driver")]
        causes += [invalid(f"{field}.driver", driver, fault) for fault in subdomain_faults(driver.lower())]
        if not source.get("volumeHandle"):
            causes.append(required(f"{field}.volumeHandle"))
    return causes


def _volume_update(new: Checked, old: Checked) -> list[Cause]:
    if all(new["spec"].get(source) == old["spec"].get(source) for source in _SOURCES):
        return immutable("spec.volumeMode", new["spec"].get("volumeMode"), old["spec"].get("volumeMode"))
    return [forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")]


def _storage_class(storage_class: Checked) -> list[Cause]:
    provisioner = storage_class.get("provisioner") or ""
    causes = [] if provisioner else [required("provisioner")]
    if provisioner:
        causes += [invalid("provisioner", provisioner, fault) for fault in qualified_name_faults(provisioner.lower())]
    if "" in (storage_class.get("parameters") or {}):
        causes.append(invalid("parameters", "", "field can not be empty."))
    causes += one_of("reclaimPolicy", storage_class.get("reclaimPolicy"), ("Delete", "Retain"))
    modes = ("Immediate", "WaitForFirstConsumer")
    return causes + one_of("volumeBindingMode", storage_class.get("volumeBindingMode"), modes)


def _storage_class_update(new: Checked, old: Checked) -> list[Cause]:
    causes = [
        forbidden(key, f"updates to {key} are forbidden.")
        for key in ("parameters", "provisioner", "reclaimPolicy")
        if new.get(key) != old.get(key)
    ]
    return causes + immutable("volumeBindingMode", new.get("volumeBindingMode"), old.get("volumeBindingMode"))


STORAGE_RULES: Mapping[str, Callable[[Checked], list[Cause]]] = {
    PERSISTENT_VOLUME_CLAIMS.group_resource: _claim,
    PERSISTENT_VOLUMES.group_resource: _volume,
    STORAGE_CLASSES.group_resource: _storage_class,
}
STORAGE_UPDATE_RULES: Mapping[str, Callable[[Checked, Checked], list[Cause]]] = {
    PERSISTENT_VOLUME_CLAIMS.group_resource: _claim_update,
    PERSISTENT_VOLUMES.group_resource: _volume_update,
    STORAGE_CLASSES.group_resource: _storage_class_update,
}
