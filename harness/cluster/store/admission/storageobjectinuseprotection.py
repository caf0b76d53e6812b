"""StorageObjectInUseProtection: claims and volumes stay while they are used; controllers take the finalizers away (`pvc-protection`, `pv-protection`)."""

from __future__ import annotations

from harness.cluster.store.admission.refusals import Draft

CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
VOLUME_FINALIZER = "kubernetes.io/pv-protection"


def protect(obj: Draft, finalizer: str) -> None:
    """Add the finalizer, unless it is there."""
    finalizers = obj["metadata"].get("finalizers") or []
    if finalizer not in finalizers:
        obj["metadata"]["finalizers"] = [*finalizers, finalizer]
