"""Ownership through the scale subresource: of a parent's entries only those of the replicas count there, and go back as such (`scalehandler.go`).

Upstream looks the times up under names that the scale's entries do not have, so an update through scale has no time; so it is here.
Workloads have their replicas at `.spec.replicas`; a custom type says where. A Scale of a custom type cannot be applied, upstream neither.
"""

from __future__ import annotations

from typing import Any

from harness.cluster.store.apply.alike import after_update
from harness.cluster.store.apply.fieldsets import of_paths
from harness.cluster.store.apply.managers import Ground, Managed, Manager, Owned, after_apply, owned
from harness.cluster.store.apply.ownership import Write
from harness.cluster.store.apply.server_side import check_config, untyped
from harness.cluster.store.apply.shapes import Shape, of_message
from harness.cluster.store.apply.typed import Mistyped, validate
from harness.cluster.store.scalepaths import BUILT_IN, ScalePaths, at_path
from harness.kube.objects import Object
from harness.kube.resources import Resource

SCALE_VERSION = "autoscaling/v1"
SCALES = Resource("autoscaling", "v1", "scales", "Scale", namespaced=True)
_REPLICAS = BUILT_IN.owned
_IN_SCALE = of_paths(_REPLICAS)


def scale_shape(api_version: str) -> Shape | None:
    """The shape of a Scale."""
    return of_message("autoscaling.Scale") if api_version == SCALE_VERSION else None


def scaled(write: Write, managed: Managed, old: Object, new: Object) -> Managed:
    """The entries of a workload after its Scale was written, which turned the workload `old` into `new`."""
    paths = write.asked.scale
    before, after = _scale_of(old, paths), _scale_of(new, paths)
    inside = after_update(_GROUND, _to_scale(managed, paths), _manager(write), before, after, write.now)
    return _to_parent(write, managed, inside, paths)


def scale_applied(write: Write, managed: Managed, workload: Object, config: Any, *, force: bool) -> tuple[int, Managed]:
    """The replicas and the workload's entries after an apply of a Scale.

    Raises ApplyConflict, BadRequest, Unapplicable.
    """
    ground, old = _GROUND, _scale_of(workload, BUILT_IN)
    stated = check_config(SCALES, config)
    try:
        validate(ground.shape, stated)
    except Mistyped as error:
        raise untyped(SCALES, stated, error) from error
    new, inside = after_apply(
        ground, _to_scale(managed, BUILT_IN), _manager(write), old, stated, write.now, force=force
    )
    found = old if new is None else new
    replicas = (found.get("spec") or {}).get("replicas") or 0
    return int(replicas), _to_parent(write, managed, inside, BUILT_IN)


def _scale_of(workload: Object, paths: ScalePaths) -> dict[str, Any]:
    """What a Scale states of a workload; Go leaves zero replicas out."""
    replicas = at_path(workload, paths.spec_replicas)
    return {
        "apiVersion": SCALE_VERSION,
        "kind": "Scale",
        "metadata": {"name": workload["metadata"]["name"]},
        "spec": {"replicas": replicas} if replicas else {},
    }


_GROUND = Ground(scale_shape, SCALE_VERSION, of_paths(("f:status",)))


def _manager(write: Write) -> Manager:
    return Manager.of(write.manager, write.operation, SCALE_VERSION, "scale")


def _to_scale(managed: Managed, paths: ScalePaths) -> Managed:
    result: Managed = {}
    for manager, entry in managed.items():
        if entry.fields.has(paths.owned):
            inside = manager if manager.operation == "Apply" else manager._replace(api_version=SCALE_VERSION)
            result[inside] = owned(_IN_SCALE, SCALE_VERSION, entry.time)
    return result


def _to_parent(write: Write, managed: Managed, scale: Managed, paths: ScalePaths) -> Managed:
    replicas, waiting = of_paths(paths.owned), dict(scale)
    result: Managed = {}
    for manager, entry in managed.items():
        if not entry.fields.has(paths.owned):
            result[manager] = entry
        elif manager in waiting:
            result[manager] = entry
            del waiting[manager]
        else:
            rest = entry.fields.difference(replicas)
            if rest:
                result[manager] = entry._replace(encoded=rest.encoded())
    for manager, entry in waiting.items():
        if entry.fields.has(_REPLICAS):
            outside = manager if manager.operation == "Apply" else manager._replace(api_version=write.api_version)
            kept = result.get(outside)
            fields = replicas if kept is None else replicas.union(kept.fields)
            result[outside] = Owned(fields.encoded(), write.api_version, None)
    return result
