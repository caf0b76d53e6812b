"""Answers: Status objects, lists from encoded objects, and what an object shows only when it is read.

A node's lease is not rewritten while its kubelet lives (a heartbeat would be an event every ten seconds); its `renewTime` is filled in here, when it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson

from harness.clock import format_micro_time
from harness.cluster.api.http import Response
from harness.cluster.store import Served, Stored
from harness.cluster.store.conversion import from_storage
from harness.kube.errors import ApiError
from harness.kube.objects import Object
from harness.kube.resources import LEASES, Resource

_JSON = "application/json"
_NODE_LEASES = "kube-node-lease"


def answer(body: bytes, *, status: int = 200, content_type: str = _JSON, warnings: Sequence[str] = ()) -> Response:
    """A whole answer, with what the client is warned of."""
    headers = {"Warning": [_warning(text) for text in warnings]} if warnings else None
    return Response(body, status=status, content_type=content_type, headers=headers)


def _warning(text: str) -> str:
    """A Warning header without an agent's name (apimachinery `util/net.NewWarningHeader`)."""
    shown = "".join(filter(str.isprintable, text.replace("\n", " ")))
    escaped = shown.replace("\\", "\\\\").replace('"', '\\"')
    return f'299 - "{escaped}"'


def answer_value(value: Any, *, status: int = 200) -> Response:
    """A whole answer from a JSON value."""
    return answer(orjson.dumps(value), status=status)


def answer_error(error: ApiError) -> Response:
    """The Status of a refusal."""
    headers = {"Retry-After": "10"} if error.code == 429 else None
    return Response(orjson.dumps(error.status()), status=error.code, headers=headers)


def success(resource: Resource | None = None, obj: Object | None = None, *, code: int | None = None) -> dict[str, Any]:
    """A Status that says it is done."""
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
    if resource is not None and obj is not None:
        details = {"name": obj["metadata"]["name"], "kind": resource.plural, "uid": obj["metadata"]["uid"]}
        body["details"] = {**details, "group": resource.group} if resource.group else details
    if code is not None:
        body["code"] = code
    return body


def face(served: Served, now_us: int) -> Callable[[Stored], bytes]:
    """How objects of this type are encoded for a reader at this moment."""
    if served.resource == LEASES:
        return lambda stored: orjson.dumps(shown(served.resource, stored.shown(), now_us))
    if not served.storage:
        return lambda stored: orjson.dumps(from_storage(served.resource, stored.shown()))
    return Stored.encoded


def shown(resource: Resource, obj: Object, now_us: int) -> Object:
    """The object as a reader sees it at this moment."""
    if resource != LEASES or obj["metadata"].get("namespace") != _NODE_LEASES:
        return obj
    spec: Mapping[str, Any] = obj.get("spec") or {}
    return obj if "renewTime" in spec else {**obj, "spec": {**spec, "renewTime": format_micro_time(now_us)}}


def encode_list(served: Served, items: Iterable[bytes], metadata: Mapping[str, Any]) -> bytes:
    """A list object of encoded items; those of built-in types do not say again of what kind they are."""
    resource = served.resource
    head = orjson.dumps(
        {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": dict(metadata)}
    )
    if not served.custom:
        begins = tuple(orjson.dumps(begin)[:-1] + b"," for begin in _type_metas(resource))
        size = len(begins[0])
        items = (b"{" + item[size:] if item.startswith(begins) else item for item in items)
    return head[:-1] + b',"items":[' + b",".join(items) + b"]}"


def _type_metas(resource: Resource) -> tuple[dict[str, str], dict[str, str]]:
    """How an encoded object of a type begins."""
    version, kind = {"apiVersion": resource.api_version}, {"kind": resource.kind}
    return {**kind, **version}, {**version, **kind}
