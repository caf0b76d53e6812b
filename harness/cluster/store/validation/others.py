"""The small kinds: configuration, storage, services, priority classes, disruption budgets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.validation.causes import forbidden, immutable, invalid, required, unsupported
from harness.cluster.store.validation.pods import check_amount
from harness.kube.errors import Cause
from harness.kube.resources import (
    CONFIG_MAPS,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    PRIORITY_CLASSES,
    SECRETS,
    SERVICES,
    STORAGE_CLASSES,
)

Checked = Mapping[str, Any]
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]+")
_DATA_BYTES_MAX = 1024 * 1024
_ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
_USER_PRIORITY_MAX = 1_000_000_000


def _data(obj: Checked) -> list[Cause]:
    causes: list[Cause] = []
    size_bytes = 0
    for part in ("data", "binaryData"):
        for key, text in (obj.get(part) or {}).items():
            size_bytes += len(text.encode())
            if not _DATA_KEY.fullmatch(key):
                detail = (
                    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
                    "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
                )
                causes.append(invalid(f"{part}[{key}]", key, detail))
    if size_bytes > _DATA_BYTES_MAX:
        causes.append(Cause("", "FieldValueTooLong", f"Too long: may not be more than {_DATA_BYTES_MAX} bytes"))
    return causes


def _data_update(new: Checked, old: Checked) -> list[Cause]:
    if not old.get("immutable"):
        return []
    causes = [] if new.get("immutable") else [forbidden("immutable", "field is immutable when `immutable` is set")]
    changed = [part for part in ("data", "binaryData") if new.get(part) != old.get(part)]
    return causes + [forbidden(part, "field is immutable when `immutable` is set") for part in changed]


def _secret_update(new: Checked, old: Checked) -> list[Cause]:
    return immutable("type", new.get("type"), old.get("type")) + _data_update(new, old)


def _access_modes(spec: Checked) -> list[Cause]:
    modes = spec.get("accessModes") or ()
    if not modes:
        return [required("spec.accessModes", "at least 1 access mode is required")]
    return [unsupported("spec.accessModes", mode, _ACCESS_MODES) for mode in modes if mode not in _ACCESS_MODES]


def _claim(claim: Checked) -> list[Cause]:
    spec = claim["spec"]
    causes = _access_modes(spec)
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        return [*causes, required("spec.resources[storage]")]
    return causes + check_amount("spec.resources[storage]", storage, positive=True)


def _claim_update(new: Checked, old: Checked) -> list[Cause]:
    """Bound once, a claim keeps its volume; only the requested size may grow."""

    def fixed(spec: Checked) -> dict[str, Any]:
        kept = {key: value for key, value in spec.items() if key != "resources"}
        return {key: value for key, value in kept.items() if key != "volumeName" or old["spec"].get("volumeName")}

    if fixed(new["spec"]) == fixed(old["spec"]):
        return []
    detail = "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
    return [forbidden("spec", detail)]


def _volume(volume: Checked) -> list[Cause]:
    spec = volume["spec"]
    causes = _access_modes(spec)
    storage = (spec.get("capacity") or {}).get("storage")
    causes += [required("spec.capacity")] if storage is None else check_amount("spec.capacity[storage]", storage)
    sources = (
        "csi",
        "hostPath",
        "nfs",
        "local",
        "awsElasticBlockStore",
        "fc",
        "iscsi",
        "rbd",
        "cephfs",
        "azureDisk",
        "azureFile",
    )
    if not any(source in spec for source in sources):
        causes.append(required("spec", "must specify a volume type"))
    csi = spec.get("csi")
    if csi is not None:
        causes += [required(f"spec.csi.{key}") for key in ("driver", "volumeHandle") if not csi.get(key)]
    return causes


def _volume_update(new: Checked, old: Checked) -> list[Cause]:
    if all(new["spec"].get(key) == old["spec"].get(key) for key in ("csi", "hostPath", "nfs", "local")):
        return []
    return [forbidden("spec.persistentvolumesource", "spec.persistentvolumesource is immutable after creation")]


def _service(service: Checked) -> list[Cause]:
    spec = service["spec"]
    if not spec.get("ports") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
        return [required("spec.ports")]
    causes: list[Cause] = []
    for position, port in enumerate(spec.get("ports") or ()):
        for key in ("port", "targetPort"):
            number = port.get(key)
            if number is None or (isinstance(number, int) and not 1 <= number <= 65535):
                causes.append(
                    invalid(f"spec.ports[{position}].{key}", number, "must be between 1 and 65535, inclusive")
                )
    return causes


def _service_update(new: Checked, old: Checked) -> list[Cause]:
    before = old["spec"].get("clusterIP")
    return immutable("spec.clusterIP", new["spec"].get("clusterIP"), before) if before else []


def _priority_class(priority_class: Checked) -> list[Cause]:
    name, value = priority_class["metadata"]["name"], priority_class.get("value", 0)
    if name.startswith("system-"):
        if name in {"system-cluster-critical", "system-node-critical"}:
            return []
        detail = "priority class names with 'system-' prefix are reserved for system use only. error: "
        return [forbidden("metadata.name", f"{detail}{name} is not a known system priority class")]
    if value > _USER_PRIORITY_MAX:
        return [forbidden("value", f"maximum allowed value of a user defined priority is {_USER_PRIORITY_MAX}")]
    return []


def _priority_class_update(new: Checked, old: Checked) -> list[Cause]:
    if new.get("value", 0) != old.get("value", 0):
        return [forbidden("value", "may not be changed in an update.")]
    return immutable("preemptionPolicy", new.get("preemptionPolicy"), old.get("preemptionPolicy"))


def _storage_class(storage_class: Checked) -> list[Cause]:
    return [] if storage_class.get("provisioner") else [required("provisioner")]


def _storage_class_update(new: Checked, old: Checked) -> list[Cause]:
    causes = [
        forbidden(key, f"updates to {key} are forbidden.")
        for key in ("parameters", "provisioner", "reclaimPolicy")
        if new.get(key) != old.get(key)
    ]
    return causes + immutable("volumeBindingMode", new.get("volumeBindingMode"), old.get("volumeBindingMode"))


def _budget(budget: Checked) -> list[Cause]:
    spec = budget.get("spec") or {}
    if "minAvailable" in spec and "maxUnavailable" in spec:
        return [invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")]
    return []


OTHER_RULES: Mapping[str, Callable[[Checked], list[Cause]]] = {
    CONFIG_MAPS.group_resource: _data,
    SECRETS.group_resource: _data,
    PERSISTENT_VOLUME_CLAIMS.group_resource: _claim,
    PERSISTENT_VOLUMES.group_resource: _volume,
    SERVICES.group_resource: _service,
    PRIORITY_CLASSES.group_resource: _priority_class,
    STORAGE_CLASSES.group_resource: _storage_class,
    POD_DISRUPTION_BUDGETS.group_resource: _budget,
}
OTHER_UPDATE_RULES: Mapping[str, Callable[[Checked, Checked], list[Cause]]] = {
    CONFIG_MAPS.group_resource: _data_update,
    SECRETS.group_resource: _secret_update,
    PERSISTENT_VOLUME_CLAIMS.group_resource: _claim_update,
    PERSISTENT_VOLUMES.group_resource: _volume_update,
    SERVICES.group_resource: _service_update,
    PRIORITY_CLASSES.group_resource: _priority_class_update,
    STORAGE_CLASSES.group_resource: _storage_class_update,
}
