"""From what was sent to a draft: types checked, nulls and unknown fields gone. Custom kinds are decoded by their metadata only; their schema follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.fieldvalidation import (
    FieldCheck,
    Strictness,
    cannot_be_handled,
    note_unknown,
    refuse_patched,
    report_unknown,
    unpatchable,
)
from harness.cluster.store.registry import Served
from harness.cluster.store.schema import conform
from harness.cluster.store.types import Undecodable, decode, find_message, message_of
from harness.kube.errors import Invalid
from harness.kube.objects import Object, thaw
from harness.kube.resources import Resource

Draft = dict[str, Any]
_METADATA = find_message("meta.ObjectMeta")


def decode_object(served: Served, obj: Mapping[str, Any], *, strict: Strictness = False) -> Draft:
    """A draft of a whole object. Raises BadRequest; with `strict` also for unknown fields, those of a custom object with its schema's."""
    resource, unknown = served.resource, list[str]()
    message = None if served.custom else message_of(resource)
    try:
        if message is not None:
            draft = decode(message, obj, unknown)
        else:
            draft = thaw(obj)
            draft["metadata"] = _metadata(obj.get("metadata"), unknown)
    except Undecodable as error:
        raise cannot_be_handled(resource, str(error)) from error
    if strict and message is not None:
        report_unknown(resource, unknown, strict)
    elif strict and unknown:
        note_unknown(unknown, strict)
    return draft


def check_patched(served: Served, patched: Mapping[str, Any], strict: Strictness) -> None:
    """Look at all fields of what a patch made. Raises the refusal of a patch of which no object comes, or (`strict`) unknown fields."""
    if not strict:
        return
    resource, unknown = served.resource, list[str]()
    message = None if served.custom else message_of(resource)
    try:
        if message is not None:
            decode(message, patched, unknown)
        else:
            _metadata(patched.get("metadata"), unknown)
    except Undecodable as error:
        if isinstance(strict, FieldCheck):
            raise unpatchable(patched, strict, str(error)) from error
        raise cannot_be_handled(resource, str(error)) from error
    check = note_unknown(unknown, strict, ordered=True)
    if served.custom:
        pruned: list[str] = []
        conform(thaw(patched), served.schema, pruned)
        note_unknown(pruned, check, ordered=True)
    refuse_patched(patched, check)


def decode_metadata(resource: Resource, metadata: Any, known: Mapping[str, Any]) -> Draft:
    """The metadata alone; what equals that of `known` is shared. Raises BadRequest."""
    try:
        return _metadata(metadata, [], known)
    except Undecodable as error:
        raise cannot_be_handled(resource, str(error)) from error


def decode_status(served: Served, status: Any, before: Object) -> Draft:
    """The status alone; what equals that of the object as it is, `before`, is shared. Raises BadRequest, Invalid."""
    if served.custom:
        return _custom_status(served, status, str(before["metadata"]["name"]))
    message = message_of(served.resource)
    if message is None or "status" not in message.fields:
        return dict(status)
    try:
        draft = decode(message, {"status": status}, [], before)
    except Undecodable as error:
        raise cannot_be_handled(served.resource, str(error)) from error
    found: Draft = draft["status"]
    return found


def _custom_status(served: Served, status: Any, name: str) -> Draft:
    """The status of a custom object, pruned and checked by the part of the schema that is about it."""
    rule = (served.schema.get("properties") or {}).get("status")
    if rule is None:
        return dict(thaw(status)) if served.schema.get("x-kubernetes-preserve-unknown-fields") else {}
    draft: Draft = {"status": thaw(status)}
    causes = conform(draft, {"properties": {"status": rule}}, [])
    if causes:
        raise Invalid.of(served.resource, name, causes)
    found: Draft = draft["status"]
    return found


def _metadata(metadata: Any, unknown: list[str], known: Mapping[str, Any] | None = None) -> Draft:
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise Undecodable(
            "json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta: it has to be an object"
        )
    if _METADATA is None:
        raise LookupError("fixtures/facts/kubernetes-types.json has no meta.ObjectMeta: record the types again")
    found: list[str] = []
    draft = decode(_METADATA, metadata, found, known)
    unknown += [f"metadata.{path}" for path in found]
    return draft
