"""Server-side apply of one configuration to one object: the checks of the request, the merge, and the bridge to kubectl's client-side apply.

Follows apiserver `endpoints/handlers/patch.go` and apimachinery `util/managedfields/internal` (1.34). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from harness.cluster.store.apply.alike import after_update
from harness.cluster.store.apply.fieldsets import show
from harness.cluster.store.apply.managers import (
    BEFORE_FIRST_APPLY,
    ApplyConflict,
    Ground,
    Managed,
    Manager,
    after_apply,
    conflicting,
)
from harness.cluster.store.apply.ownership import Write
from harness.cluster.store.apply.typed import Mistyped, compare, fields_of, validate
from harness.cluster.store.conversion import to_storage
from harness.kube.errors import ApiError, BadRequest
from harness.kube.objects import Object, thaw
from harness.kube.resources import Resource

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_KUBECTL = "kubectl"


class Unapplicable(ApiError):
    """A configuration that does not fit its type; upstream has no reason for it but an internal error's code."""

    code, reason = 500, ""

    def status(self) -> dict[str, Any]:
        """Without a reason."""
        return {key: value for key, value in super().status().items() if key != "reason"}


def check_config(resource: Resource, config: Any) -> dict[str, Any]:
    """The configuration as an object of the resource's kind. Raises BadRequest."""
    if not isinstance(config, Mapping):
        raise BadRequest(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{_json_type(config)} into Go value of type map[string]interface {{}}"
        )
    version, kind = config.get("apiVersion") or "", config.get("kind") or ""
    if (version, kind) != (resource.api_version, resource.kind):
        shown = (
            f"{version}, Kind={kind}" if "/" in str(version) else f"/{version}, Kind={kind}"
        )  # Go's GroupVersionKind
        raise BadRequest(f"invalid object type: {shown}")
    metadata = config.get("metadata")
    if metadata is not None and not isinstance(metadata, Mapping):
        metadata = {}
    if metadata and metadata.get("managedFields") is not None:
        raise BadRequest("metadata.managedFields must be nil")
    return dict(config)


def apply_config(
    write: Write, live: Object | None, managed: Managed, config: Mapping[str, Any], *, force: bool
) -> tuple[Any, Managed]:
    """The object (None when it stays as it is) and its entries after the apply. Raises ApplyConflict, Unapplicable."""
    ground, resource = write.ground(), write.asked.resource
    if not write.asked.storage:
        ground = _through_storage(write, ground)
    try:
        validate(ground.shape, config)
    except Mistyped as error:
        raise untyped(resource, config, error) from error
    nothing = {"apiVersion": resource.api_version, "kind": resource.kind, **write.nothing()}
    old = nothing if live is None else live
    if not managed:
        first = Manager.of(BEFORE_FIRST_APPLY, "Update", write.api_version, write.subresource)
        managed = after_update(ground, {}, first, nothing, old, write.now)
    try:
        new, left = after_apply(ground, managed, write.by, old, config, write.now, force=force)
    except ApplyConflict as error:
        if write.manager != _KUBECTL or live is None or not _allowed(write, live, error):
            raise
        new, left = after_apply(ground, managed, write.by, old, config, write.now, force=True)
    present = old if new is None else new
    if write.manager == _KUBECTL and live is not None and _annotations(present).get(LAST_APPLIED):
        new = _with_last_applied(present, config)
    return new, left


def _through_storage(write: Write, ground: Ground) -> Ground:
    """The ground on which objects are in the version of the request, which is not the stored one: other versions show them by way of that."""
    asked, stored = write.asked.resource, write.registry.storage(write.asked.resource).resource

    def view(api_version: str, obj: Any) -> Any:
        if api_version == asked.api_version:
            return obj
        return ground.view(api_version, to_storage(asked, stored, thaw(obj)))

    return Ground(ground.shape_of, ground.api_version, ground.reset, view)


def untyped(resource: Resource, config: Mapping[str, Any], error: Mistyped) -> Unapplicable:
    """A configuration that its type does not allow."""
    metadata = config.get("metadata") or {}
    place = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    return Unapplicable(f"failed to create typed patch object ({place}; {_gvk(resource)}): {error}")


def _allowed(write: Write, live: Object, error: ApplyConflict) -> bool:
    """Whether every conflict is about a field that kubectl's client-side apply set and nobody changed since."""
    try:
        last = orjson.loads(_annotations(live).get(LAST_APPLIED) or "")
    except orjson.JSONDecodeError:
        return False
    if not isinstance(last, dict) or last.get("apiVersion") != write.api_version:
        return False
    shape = write.ground().shape
    try:
        validate(shape, last)
    except Mistyped:
        return False
    change = compare(shape, last, live)
    kept = fields_of(shape, last).difference(change.modified).difference(change.added).difference(change.removed)
    allowed = {show(path) for path in kept.paths()}
    return all(field in allowed for field in conflicting(error))


def _with_last_applied(obj: Object, config: Mapping[str, Any]) -> dict[str, Any]:
    metadata = config.get("metadata") or {}
    rest = {key: value for key, value in (metadata.get("annotations") or {}).items() if key != LAST_APPLIED}
    stated: dict[str, Any] = {**metadata, "annotations": rest} if "annotations" in metadata else dict(metadata)
    text = orjson.dumps({**config, "metadata": stated}, option=orjson.OPT_SORT_KEYS).decode() + "\n"
    annotations = {**_annotations(obj), LAST_APPLIED: text}
    return {**obj, "metadata": {**obj["metadata"], "annotations": annotations}}


def _annotations(obj: Object) -> Mapping[str, str]:
    annotations: Mapping[str, str] = (obj.get("metadata") or {}).get("annotations") or {}
    return annotations


def _gvk(resource: Resource) -> str:
    return f"{resource.group}/{resource.version}, Kind={resource.kind}"


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "number"
