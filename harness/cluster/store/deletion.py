"""What a delete does to an object (apiserver `registry/rest/delete.go`, pod strategy `CheckGracefulDelete`, garbage-collector finalizers).

Pure: from the object and the options to the object as it is then, and whether it is gone.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.clock import SECOND, format_time, parse_time
from harness.kube.client import Propagation
from harness.kube.objects import Object, is_deleting
from harness.kube.resources import NAMESPACES, PODS, Resource

_FOREGROUND, _ORPHAN = "foregroundDeletion", "orphan"
_TERMINAL = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True)
class Deletion:
    """What was asked for."""

    grace_period_s: int | None
    propagation: Propagation | None
    now_us: int


def after_delete(resource: Resource, obj: Object, deletion: Deletion) -> tuple[Object, bool]:
    """`obj` after the request (unchanged, or marked with deletionTimestamp and finalizers), and whether nothing holds it any more."""
    finalizers = _finalizers(obj, deletion.propagation)
    if is_deleting(obj):
        marked = _shortened(obj, deletion) if resource == PODS else obj
        if finalizers != list(obj["metadata"].get("finalizers") or ()):
            marked = _with_metadata(marked, {"finalizers": finalizers})
        return marked, is_free(resource, marked)
    grace_s = _grace(resource, obj, deletion)
    stamp = format_time(deletion.now_us + grace_s * SECOND)
    metadata = {"deletionTimestamp": stamp, "deletionGracePeriodSeconds": grace_s, "finalizers": finalizers}
    if "generation" in obj["metadata"]:
        metadata["generation"] = obj["metadata"]["generation"] + 1
    marked = _with_metadata(obj, metadata)
    if resource == NAMESPACES:
        marked = {**marked, "status": {**(obj.get("status") or {}), "phase": "Terminating"}}
    if not is_free(resource, marked):
        return marked, False
    return (marked if resource == PODS else obj), True


def is_free(resource: Resource, obj: Object) -> bool:
    """Whether an object that is being deleted is held by nothing any more."""
    metadata = obj["metadata"]
    if metadata.get("finalizers") or metadata.get("deletionGracePeriodSeconds", 0) > 0:
        return False
    return not (resource == NAMESPACES and (obj.get("spec") or {}).get("finalizers"))


def _finalizers(obj: Object, propagation: Propagation | None) -> list[str]:
    present = list(obj["metadata"].get("finalizers") or ())
    if propagation is None:
        return present
    kept = [finalizer for finalizer in present if finalizer not in {_FOREGROUND, _ORPHAN}]
    if propagation == "Foreground":
        kept.append(_FOREGROUND)
    elif propagation == "Orphan":
        kept.append(_ORPHAN)
    return kept


def _grace(resource: Resource, obj: Object, deletion: Deletion) -> int:
    """Pods end gracefully, unless they have no node or have ended already."""
    if resource != PODS:
        return 0
    spec = obj.get("spec") or {}
    if not spec.get("nodeName") or (obj.get("status") or {}).get("phase") in _TERMINAL:
        return 0
    wanted = deletion.grace_period_s
    grace_s = int(spec.get("terminationGracePeriodSeconds", 30) if wanted is None else wanted)
    return grace_s if grace_s >= 0 else 1


def _shortened(obj: Object, deletion: Deletion) -> Object:
    """A second delete may shorten the grace period, never lengthen it."""
    metadata = obj["metadata"]
    present, wanted = metadata.get("deletionGracePeriodSeconds", 0), deletion.grace_period_s
    if wanted is None or wanted >= present:
        return obj
    wanted = max(wanted, 0)
    stamp = parse_time(metadata["deletionTimestamp"]) + (wanted - present) * SECOND
    return _with_metadata(obj, {"deletionTimestamp": format_time(stamp), "deletionGracePeriodSeconds": wanted})


def _with_metadata(obj: Object, changes: dict[str, object]) -> Object:
    metadata = {**obj["metadata"], **changes}
    if not metadata.get("finalizers"):
        metadata.pop("finalizers", None)
    return {**obj, "metadata": metadata}
