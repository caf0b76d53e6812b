"""Ownership through the scale subresource: of a parent's entries only those of the replicas count there, and go back as such (`scalehandler.go`).

Upstream looks the times up under names that the scale's entries do not have, so an update through scale has no time; so it is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.cluster.store.apply.fieldsets import of_paths
from harness.cluster.store.apply.managers import Ground, Managed, Manager, Owned, after_apply, after_update, owned
from harness.cluster.store.apply.ownership import Write
from harness.cluster.store.apply.shapes import Shape, of_message
from harness.kube.objects import Object

SCALE_VERSION = "autoscaling/v1"
_IN_SCALE = of_paths(("f:spec", "f:replicas"))


def scale_shape(api_version: str) -> Shape | None:
    """The shape of a Scale."""
    return of_message("autoscaling.Scale") if api_version == SCALE_VERSION else None


def scaled(
    write: Write, managed: Managed, old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]
) -> Managed:
    """The parent's entries after the Scale `old` became `new`; `path` is where the parent has its replicas."""
    scale = after_update(_ground(), _to_scale(managed, path), _manager(write), old, new, write.now)
    return _to_parent(write, managed, scale, path)


def scale_applied(
    write: Write, managed: Managed, old: Mapping[str, Any], config: Mapping[str, Any], path: tuple[str, ...], force: bool
) -> tuple[Any, Managed]:
    """The Scale (None when it stays) and the parent's entries after an apply. Raises ApplyConflict."""
    new, scale = after_apply(_ground(), _to_scale(managed, path), _manager(write), old, config, write.now, force=force)
    return new, _to_parent(write, managed, scale, path)


def replicas_path(obj: Object, declared: str | None) -> tuple[str, ...]:
    """Where the replicas are: `.spec.replicas`, or what a custom type declares."""
    return tuple(f"f:{part}" for part in (declared or ".spec.replicas").strip(".").split("."))


def _ground() -> Ground:
    return Ground(scale_shape, SCALE_VERSION, of_paths(("f:status",)))


def _manager(write: Write) -> Manager:
    return Manager.of(write.manager, write.operation, SCALE_VERSION, "scale")


def _to_scale(managed: Managed, path: tuple[str, ...]) -> Managed:
    result: Managed = {}
    for manager, entry in managed.items():
        if entry.fields.has(path):
            inside = manager if manager.operation == "Apply" else replace(manager, api_version=SCALE_VERSION)
            result[inside] = owned(_IN_SCALE, SCALE_VERSION, entry.time)
    return result


def _to_parent(write: Write, managed: Managed, scale: Managed, path: tuple[str, ...]) -> Managed:
    replicas, waiting = of_paths(path), dict(scale)
    result: Managed = {}
    for manager, entry in managed.items():
        if not entry.fields.has(path):
            result[manager] = entry
        elif manager in waiting:
            result[manager] = entry
            del waiting[manager]
        else:
            rest = entry.fields.difference(replicas)
            if rest:
                result[manager] = replace(entry, encoded=rest.encoded())
    for manager, entry in waiting.items():
        if entry.fields.has(("f:spec", "f:replicas")):
            outside = manager if manager.operation == "Apply" else replace(manager, api_version=write.api_version)
            kept = result.get(outside)
            fields = replicas if kept is None else replicas.union(kept.fields)
            result[outside] = Owned(fields.encoded(), write.api_version, None)
    return result
