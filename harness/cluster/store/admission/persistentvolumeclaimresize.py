"""PersistentVolumeClaimResize: only a bound claim of a class that allows it may grow."""

from __future__ import annotations

from harness.cluster.store.admission.refusals import Draft, forbidden, name_in
from harness.kube.client import Reader
from harness.kube.objects import Object
from harness.kube.quantity import parse
from harness.kube.resources import PERSISTENT_VOLUME_CLAIMS, STORAGE_CLASSES


def require_resizable(reader: Reader, new: Draft, old: Object) -> None:
    """Raises Forbidden."""
    if parse(_size(new)) <= parse(_size(old)):
        return
    if (old.get("status") or {}).get("phase") != "Bound":
        raise forbidden(PERSISTENT_VOLUME_CLAIMS, name_in(new), "Only bound persistent volume claims can be expanded")
    name, before = new["spec"].get("storageClassName"), old["spec"].get("storageClassName")
    found = reader.get(STORAGE_CLASSES, None, name) if name and name == before else None
    if found is None or not found.get("allowVolumeExpansion"):
        why = "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize"
        raise forbidden(PERSISTENT_VOLUME_CLAIMS, name_in(new), why)


def _size(claim: Object) -> str:
    return str(((claim["spec"].get("resources") or {}).get("requests") or {}).get("storage", "0"))
