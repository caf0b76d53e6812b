"""OpenAPI: the fields of every kind (from the recorded types and from the schemas of definitions), and what kubectl asks of it before it applies.

Without descriptions: `kubectl explain` lists fields and types. `kubectl apply` looks here whether a kind can be patched with `fieldValidation`; validation
is the server's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from harness.cluster.store import Registry, Served
from harness.cluster.store.types import Field, Message, find_message, message_of
from harness.kube.objects import thaw
from harness.kube.resources import Resource

_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_PATCHES = ("application/json-patch+json", "application/merge-patch+json")
_SCALARS: Mapping[str, Mapping[str, Any]] = {
    "string": {"type": "string"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "bool": {"type": "boolean"},
    "double": {"type": "number", "format": "double"},
    "bytes": {"type": "string", "format": "byte"},
    "Time": {"type": "string", "format": "date-time"},
    "MicroTime": {"type": "string", "format": "date-time"},
    "Quantity": {"type": "string"},
    "IntOrString": {"type": "string", "format": "int-or-string"},
    "Raw": {"type": "object"},
}


@lru_cache(maxsize=4)
def index(registry: Registry) -> bytes:
    """/openapi/v3: where the document of each group and version is."""
    paths = {}
    for name, versions in registry.versions().items():
        for version in versions:
            place = f"apis/{name}/{version}" if name else f"api/{version}"
            digest = hashlib.sha256(document(registry, name, version) or b"").hexdigest()[:32]
            paths[place] = {"serverRelativeURL": f"/openapi/v3/{place}?hash={digest}"}
    return orjson.dumps({"paths": paths})


@lru_cache(maxsize=64)
def document(registry: Registry, group: str, version: str) -> bytes | None:
    """/openapi/v3/api/v1 and /openapi/v3/apis/<group>/<version>"""
    served = [s for s in registry.served if (s.resource.group, s.resource.version) == (group, version)]
    if not served:
        return None
    return orjson.dumps(
        {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "unversioned"},
            "paths": {path: operations for entry in served for path, operations in _paths(entry).items()},
            "components": {"schemas": _schemas(served, "#/components/schemas/")},
        }
    )


def swagger(registry: Registry) -> dict[str, Any]:
    """/openapi/v2: the types only."""
    info = {"title": "Kubernetes", "version": "unversioned"}
    definitions = _schemas(list(registry.served), "#/definitions/")
    return {"swagger": "2.0", "info": info, "paths": {}, "definitions": definitions}


def _schemas(served: list[Served], prefix: str) -> dict[str, Any]:
    schemas: dict[str, Any] = {}
    for entry in served:
        message = None if entry.custom else message_of(entry.resource)
        schema = {"type": "object", **thaw(entry.schema)} if message is None else _schema(message, prefix)
        schemas[_name(entry)] = {**schema, "x-kubernetes-group-version-kind": [_gvk(entry.resource)]}
        for part in _parts(message):
            schemas.setdefault(_message_name(part), _schema(part, prefix))
    return schemas


def _parts(message: Message | None) -> Iterator[Message]:
    """Every type that a type is made of."""
    seen: dict[str, None] = {}
    waiting = [] if message is None else [message]
    while waiting:
        for field in waiting.pop().fields.values():
            part = find_message(field.item)
            if part is not None and part.name not in seen:
                seen[part.name] = None
                waiting.append(part)
                yield part


def _schema(message: Message, prefix: str) -> dict[str, Any]:
    properties = {name: _property(field, prefix) for name, field in message.fields.items()}
    if "metadata" in properties and message.fields["metadata"].item == "meta.ObjectMeta":
        typed = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
        properties = {**typed, **properties}
    return {"type": "object", "properties": properties}


def _property(field: Field, prefix: str) -> dict[str, Any]:
    message = find_message(field.item)
    item = dict(_SCALARS[field.item]) if message is None else {"$ref": prefix + _message_name(message)}
    if field.kind == "list":
        return {"type": "array", "items": item}
    if field.kind == "map":
        return {"type": "object", "additionalProperties": item}
    return item


def _paths(served: Served) -> dict[str, Any]:
    resource = served.resource
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
    scope = "/namespaces/{namespace}" if resource.namespaced else ""
    collection = f"{root}{scope}/{resource.plural}"
    return {
        collection: {"post": _operation(served, "post")},
        f"{collection}/{{name}}": {"put": _operation(served, "put"), "patch": _operation(served, "patch")},
    }


def _operation(served: Served, action: str) -> dict[str, Any]:
    reference = {"schema": {"$ref": f"#/components/schemas/{_name(served)}"}}
    operation: dict[str, Any] = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(served.resource),
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in _PARAMETERS
        ],
        "responses": {"200": {"description": "OK", "content": {"application/json": reference}}},
    }
    if action == "patch":
        operation["requestBody"] = {"content": {media: {"schema": {"type": "object"}} for media in _PATCHES}}
    return operation


def _name(served: Served) -> str:
    message = None if served.custom else message_of(served.resource)
    if message is not None:
        return _message_name(message)
    resource = served.resource
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def _message_name(message: Message) -> str:
    package, _, kind = message.name.partition(".")
    if package == "meta":
        return f"io.k8s.apimachinery.pkg.apis.meta.v1.{kind}"
    return f"io.k8s.api.{package}.v1.{kind}"


def _gvk(resource: Resource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}
