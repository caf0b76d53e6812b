"""From what was sent to a draft: types checked, nulls and unknown fields gone. Custom kinds are decoded by their metadata only; their schema follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.registry import Served
from harness.cluster.store.schema import conform
from harness.cluster.store.types import Undecodable, decode, find_message, message_of
from harness.kube.errors import BadRequest, Invalid
from harness.kube.objects import thaw
from harness.kube.resources import Resource

Draft = dict[str, Any]
_METADATA = find_message("meta.ObjectMeta")


def decode_object(served: Served, obj: Mapping[str, Any], *, strict: bool = False) -> Draft:
    """A draft of a whole object. Raises BadRequest; with `strict` also for unknown fields."""
    resource, unknown = served.resource, list[str]()
    message = None if served.custom else message_of(resource)
    try:
        if message is not None:
            draft = decode(message, obj, unknown)
        else:
            draft = thaw(obj)
            draft["metadata"] = _metadata(obj.get("metadata"), unknown)
    except Undecodable as error:
        raise _refusal(resource, str(error)) from error
    if strict:
        refuse_unknown(resource, unknown)
    return draft


def decode_metadata(resource: Resource, metadata: Any) -> Draft:
    """The metadata alone. Raises BadRequest."""
    try:
        return _metadata(metadata, [])
    except Undecodable as error:
        raise _refusal(resource, str(error)) from error


def decode_status(served: Served, status: Any, name: str) -> Draft:
    """The status alone, of the object `name`. Raises BadRequest, Invalid."""
    if served.custom:
        return _custom_status(served, status, name)
    message = message_of(served.resource)
    if message is None or "status" not in message.fields:
        return dict(status)
    try:
        draft = decode(message, {"status": status}, [])
    except Undecodable as error:
        raise _refusal(served.resource, str(error)) from error
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


def refuse_unknown(resource: Resource, unknown: list[str]) -> None:
    """Raises BadRequest when there are unknown fields."""
    if unknown:
        texts = ", ".join(f'unknown field "{path}"' for path in unknown)
        raise _refusal(resource, f"strict decoding error: {texts}")


def _metadata(metadata: Any, unknown: list[str]) -> Draft:
    if metadata is None:
        return {}
    if not isinstance(metadata, Mapping):
        raise Undecodable(
            "json: cannot unmarshal into Go struct field .metadata of type v1.ObjectMeta: it has to be an object"
        )
    if _METADATA is None:
        raise LookupError("fixtures/facts/kubernetes-types.json has no meta.ObjectMeta: record the types again")
    found: list[str] = []
    draft = decode(_METADATA, metadata, found)
    unknown += [f"metadata.{path}" for path in found]
    return draft


def _refusal(resource: Resource, why: str) -> BadRequest:
    kind = resource.kind
    return BadRequest(f'{kind} in version "{resource.version}" cannot be handled as a {kind}: {why}')
