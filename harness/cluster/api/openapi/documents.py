"""The documents under /openapi: an index, one document a group and version (v3), and all definitions in one (v2)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from harness.cluster.api.discovery import catalogue
from harness.cluster.api.openapi.custom import name_of_custom, schemas_of
from harness.cluster.api.openapi.operations import paths
from harness.cluster.api.openapi.recorded import GVK, META, PREFIX, Schema, closure, name_of, name_of_kind, references
from harness.cluster.api.openapi.wire import encode
from harness.cluster.store import Registry, Served
from harness.kube.objects import thaw

_NEWER = frozenset(
    {"allOf", "anyOf", "default", "nullable", "not", "oneOf"}
)  # words that v2 does not have or that are not published there
_INFO = {"title": "Kubernetes", "version": "unversioned"}
_ALWAYS = tuple(META + kind for kind in ("DeleteOptions", "Patch", "Status", "ObjectMeta", "ListMeta"))
_SENT = (("autoscaling", "v1", "Scale"), ("policy", "v1", "Eviction"), ("authentication.k8s.io", "v1", "TokenRequest"))


@lru_cache(maxsize=8)
def index(registry: Registry, metrics: bool) -> bytes:
    """/openapi/v3: where the document of each group and version is, with a digest by which clients cache it."""
    found = {}
    for place, (group, version) in _places(registry, metrics).items():
        digest = hashlib.sha256(document(registry, metrics, group, version) or b"").hexdigest()[:32].upper()
        found[place] = {"serverRelativeURL": f"/openapi/v3/{place}?hash={digest}"}
    return orjson.dumps({"paths": found})


@lru_cache(maxsize=128)
def document(registry: Registry, metrics: bool, group: str, version: str) -> bytes | None:
    """/openapi/v3/api/v1 and /openapi/v3/apis/<group>/<version>; None when it is not served."""
    served = catalogue(registry, metrics).served(group, version)
    if not served:
        return None
    found = {path: item for entry in served for path, item in paths(entry, schema_name(entry)).items()}
    body = {"openapi": "3.0.0", "info": _INFO, "paths": found, "components": {"schemas": _schemas(served)}}
    return orjson.dumps(body)


@lru_cache(maxsize=4)
def swagger(registry: Registry, metrics: bool) -> dict[str, Any]:
    """/openapi/v2: all definitions, in the older dialect."""
    entries = [
        entry
        for group, version in _places(registry, metrics).values()
        for entry in catalogue(registry, metrics).served(group, version)
    ]
    definitions = {name: _older(schema) for name, schema in _schemas(entries).items()}
    return {"swagger": "2.0", "info": _INFO, "paths": {}, "definitions": definitions}


@lru_cache(maxsize=4)
def swagger_json(registry: Registry, metrics: bool) -> bytes:
    """The same, encoded as JSON."""
    return orjson.dumps(swagger(registry, metrics))


@lru_cache(maxsize=4)
def swagger_wire(registry: Registry, metrics: bool) -> bytes:
    """The same, encoded as protobuf."""
    return encode(swagger(registry, metrics))


def schema_name(entry: Served) -> str:
    """The name of the schema of a type's kind."""
    return (None if entry.custom else name_of(entry.resource)) or name_of_custom(entry)


def _places(registry: Registry, metrics: bool) -> dict[str, tuple[str, str]]:
    versions = catalogue(registry, metrics).versions()
    return {(f"apis/{group}/{version}" if group else f"api/{version}"): (group, version) for group, version in versions}


def _schemas(served: Sequence[Served]) -> dict[str, Schema]:
    own: dict[str, Schema] = {}
    wanted = list(_ALWAYS)
    for entry in served:
        name = None if entry.custom else name_of(entry.resource)
        if name is None:
            own.update(schemas_of(entry))
        else:
            wanted += [name, f"{name}List"]
    wanted += [name for kind in _SENT if (name := name_of_kind(kind[0], kind[1], kind[2])) is not None]
    wanted += [name for schema in own.values() for name in references(schema)]
    found = {**closure(wanted), **own}
    return {name: found[name] for name in sorted(found)}


def _older(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of OpenAPI v3 as v2 writes it."""
    found: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            found[key] = {name: _older(part) for name, part in value.items()}
        elif key in {"items", "additionalProperties"} and isinstance(value, Mapping):
            found[key] = _older(value)
        elif key == "$ref":
            found[key] = value.replace(PREFIX, "#/definitions/")
        elif key not in _NEWER:
            found[key] = thaw(value)
    parts: list[Mapping[str, Any]] = list(schema.get("allOf") or ())
    if len(parts) == 1 and "$ref" in parts[0]:
        found["$ref"] = parts[0]["$ref"].replace(PREFIX, "#/definitions/")
    if "oneOf" in schema and GVK not in schema:
        found["type"] = "string"
    return found
