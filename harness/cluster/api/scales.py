"""The scale subresource of workloads, and of custom types that have one (autoscaling/v1 Scale). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.api.tables.columns import label_selector
from harness.cluster.store import Served
from harness.cluster.store.apply.scale import SCALES
from harness.cluster.store.scalepaths import at_path, patch_at
from harness.cluster.store.validation.causes import invalid
from harness.kube.errors import ApiError, BadRequest, Invalid
from harness.kube.objects import Object

_KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def require_replicas(served: Served, obj: Object) -> None:
    """A custom object has a scale once it says how many. Raises the 500 that upstream answers."""
    path = served.scale.spec_replicas
    if served.custom and at_path(obj, path) is None:
        text = f'the spec replicas field "{path}" does not exist'
        raise ApiError(f"Internal error occurred: {text}", details={"causes": [{"message": text}]})


def refuse_apply(served: Served) -> None:
    """Raises the 500 that upstream answers to the apply of a custom type's Scale."""
    if served.custom:
        text = (
            "failed to create manager for existing fields: failed to convert live object (/; autoscaling/v1, Kind=Scale) to proper "
            "version: request to convert CR to an invalid group/version: autoscaling/v1"
        )
        raise _Unconvertible(text)


class _Unconvertible(ApiError):
    """An error without a reason."""

    code, reason = 500, ""


def scale_of(served: Served, obj: Object) -> dict[str, Any]:
    """The Scale of an object."""
    paths = served.scale
    wanted, present = at_path(obj, paths.spec_replicas), at_path(obj, paths.status_replicas)
    if served.custom:
        selector = "" if paths.selector is None else str(at_path(obj, paths.selector) or "")
        told = {"selector": selector} if selector else {}
    else:
        told = {"selector": label_selector((obj.get("spec") or {}).get("selector"))}
    return {
        "kind": SCALES.kind,
        "apiVersion": SCALES.api_version,
        "metadata": {key: obj["metadata"][key] for key in _KEPT if key in obj["metadata"]},
        "spec": {"replicas": wanted} if wanted else {},
        "status": {"replicas": present or 0, **told},
    }


def replicas_patch(served: Served, name: str, scale: Mapping[str, Any]) -> dict[str, Any]:
    """The change of the object `name` that a Scale asks for. Raises BadRequest, Invalid."""
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int):
        raise BadRequest(f"spec.replicas of a Scale has to be a whole number, got {replicas!r}")
    if replicas < 0 and served.custom:
        cause = invalid(served.scale.spec_replicas, replicas, "should be a non-negative integer")
        raise Invalid.of(served.resource, name, [cause])
    if replicas < 0:
        raise Invalid.of(SCALES, name, [invalid("spec.replicas", replicas, "must be greater than or equal to 0")])
    patch = patch_at(served.scale.spec_replicas, replicas)
    version = (scale.get("metadata") or {}).get("resourceVersion")
    if version:
        patch["metadata"] = {"resourceVersion": version}
    return patch
