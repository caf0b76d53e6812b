"""OpenAPI, as little as kubectl needs of it: that each kind can be patched with `fieldValidation` and `dryRun`, and what schema custom types declare.

Schemas of the built-in kinds are objects without fields, so `kubectl explain` knows only the kinds; validation is the server's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from harness.cluster.store import Registry, Served
from harness.kube.objects import thaw
from harness.kube.resources import Resource

_PARAMETERS = ("dryRun", "fieldManager", "fieldValidation")
_PATCHES = ("application/json-patch+json", "application/merge-patch+json")


def index(registry: Registry) -> dict[str, Any]:
    """/openapi/v3: where the document of each group and version is."""
    paths = {}
    for name, versions in registry.versions().items():
        for version in versions:
            place = f"apis/{name}/{version}" if name else f"api/{version}"
            digest = hashlib.sha256(orjson.dumps(document(registry, name, version))).hexdigest()[:32]
            paths[place] = {"serverRelativeURL": f"/openapi/v3/{place}?hash={digest}"}
    return {"paths": paths}


def document(registry: Registry, group: str, version: str) -> dict[str, Any] | None:
    """/openapi/v3/api/v1 and /openapi/v3/apis/<group>/<version>"""
    served = [s for s in registry.served if (s.resource.group, s.resource.version) == (group, version)]
    if not served:
        return None
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": "unversioned"},
        "paths": {path: operations for entry in served for path, operations in _paths(entry.resource).items()},
        "components": {"schemas": {_schema_name(entry.resource): _schema(entry) for entry in served}},
    }


def swagger(registry: Registry) -> dict[str, Any]:
    """/openapi/v2: the kinds only."""
    definitions = {_schema_name(entry.resource): _schema(entry) for entry in registry.served}
    info = {"title": "Kubernetes", "version": "unversioned"}
    return {"swagger": "2.0", "info": info, "paths": {}, "definitions": definitions}


def _paths(resource: Resource) -> dict[str, Any]:
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
    collection = (
        f"{root}/namespaces/{{namespace}}/{resource.plural}" if resource.namespaced else f"{root}/{resource.plural}"
    )
    return {
        collection: {"post": _operation(resource, "post")},
        f"{collection}/{{name}}": {"put": _operation(resource, "put"), "patch": _operation(resource, "patch")},
    }


def _operation(resource: Resource, action: str) -> dict[str, Any]:
    reference = {"schema": {"$ref": f"#/components/schemas/{_schema_name(resource)}"}}
    operation: dict[str, Any] = {
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": _gvk(resource),
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": True}} for name in _PARAMETERS
        ],
        "responses": {"200": {"description": "OK", "content": {"application/json": reference}}},
    }
    if action == "patch":
        operation["requestBody"] = {"content": {media: {"schema": {"type": "object"}} for media in _PATCHES}}
    return operation


def _schema(served: Served) -> dict[str, Any]:
    schema: Mapping[str, Any] = served.schema if served.custom else {"description": f"{served.resource.kind}."}
    return {"type": "object", **thaw(schema), "x-kubernetes-group-version-kind": [_gvk(served.resource)]}


def _schema_name(resource: Resource) -> str:
    prefix = ".".join(reversed(resource.group.split("."))) if resource.group else "io.k8s.api.core"
    return f"{prefix}.{resource.version}.{resource.kind}"


def _gvk(resource: Resource) -> dict[str, str]:
    return {"group": resource.group, "version": resource.version, "kind": resource.kind}
