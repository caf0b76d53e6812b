"""Defaults of the small kinds: namespaces, services, secrets, storage, RBAC, priority."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from harness.kube.resources import (
    CLUSTER_ROLE_BINDINGS,
    CSI_DRIVERS,
    NAMESPACES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PRIORITY_CLASSES,
    ROLE_BINDINGS,
    SECRETS,
    SERVICES,
    STORAGE_CLASSES,
)

Draft = dict[str, Any]
_RBAC = "rbac.authorization.k8s.io"


def _namespace(namespace: Draft) -> None:
    namespace["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = namespace["metadata"].get("name")
    namespace.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])


def _service(service: Draft) -> None:
    spec = service.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    if spec["type"] != "ExternalName":
        spec.setdefault("internalTrafficPolicy", "Cluster")
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))


def _secret(secret: Draft) -> None:
    secret.setdefault("type", "Opaque")
    texts = secret.pop("stringData", None) or {}
    if texts:
        encoded = {key: base64.b64encode(str(text).encode()).decode() for key, text in texts.items()}
        secret["data"] = {**(secret.get("data") or {}), **encoded}


def _volume(volume: Draft) -> None:
    spec = volume.setdefault("spec", {})
    spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
    spec.setdefault("volumeMode", "Filesystem")


def _claim(claim: Draft) -> None:
    spec = claim.setdefault("spec", {})
    spec.setdefault("volumeMode", "Filesystem")


def _storage_class(storage_class: Draft) -> None:
    storage_class.setdefault("reclaimPolicy", "Delete")
    storage_class.setdefault("volumeBindingMode", "Immediate")


def _csi_driver(driver: Draft) -> None:
    spec = driver.setdefault("spec", {})
    spec.setdefault("attachRequired", True)
    spec.setdefault("fsGroupPolicy", "ReadWriteOnceWithFSType")
    spec.setdefault("podInfoOnMount", False)
    spec.setdefault("requiresRepublish", False)
    spec.setdefault("seLinuxMount", False)
    spec.setdefault("storageCapacity", False)
    spec.setdefault("volumeLifecycleModes", ["Persistent"])


def _priority_class(priority_class: Draft) -> None:
    priority_class.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _binding(binding: Draft) -> None:
    if isinstance(binding.get("roleRef"), dict):
        binding["roleRef"].setdefault("apiGroup", _RBAC)
    for subject in binding.get("subjects") or ():
        if subject.get("kind") in {"User", "Group"}:
            subject.setdefault("apiGroup", _RBAC)


OTHERS: Mapping[str, Callable[[Draft], None]] = {
    NAMESPACES.group_resource: _namespace,
    SERVICES.group_resource: _service,
    SECRETS.group_resource: _secret,
    PERSISTENT_VOLUMES.group_resource: _volume,
    PERSISTENT_VOLUME_CLAIMS.group_resource: _claim,
    STORAGE_CLASSES.group_resource: _storage_class,
    CSI_DRIVERS.group_resource: _csi_driver,
    PRIORITY_CLASSES.group_resource: _priority_class,
    ROLE_BINDINGS.group_resource: _binding,
    CLUSTER_ROLE_BINDINGS.group_resource: _binding,
}
