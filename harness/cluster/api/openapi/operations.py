"""The paths of a type in an OpenAPI document: which methods there are, what they take and give.

kubectl reads them to find out whether the server validates fields, which patches a kind takes and of which kind a resource is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.cluster.api.discovery.places import METRICS, sub, subresources, verbs
from harness.cluster.api.openapi.recorded import META, PREFIX, name_of_kind
from harness.cluster.store import Served

_MEDIA = ("application/json", "application/yaml")
_PATCHES = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_STRATEGIC = "application/strategic-merge-patch+json"
_LIST = (
    "allowWatchBookmarks:boolean continue fieldSelector labelSelector limit:integer resourceVersion resourceVersionMatch "
    "sendInitialEvents:boolean timeoutSeconds:integer watch:boolean"
)
_WRITE = "dryRun fieldManager fieldValidation"
_DELETE = "dryRun gracePeriodSeconds:integer ignoreStoreReadErrorWithClusterBreakingPotential:boolean orphanDependents:boolean propagationPolicy"
_WORDS = {
    "list": "list or watch objects of kind {kind}",
    "post": "create {a} {kind}",
    "deletecollection": "delete collection of {kind}",
    "get": "read the specified {kind}",
    "put": "replace the specified {kind}",
    "patch": "partially update the specified {kind}",
    "delete": "delete {a} {kind}",
}
_ACTIONS = {"create": "post", "update": "put"}
_METHODS = {"list": "get", "deletecollection": "delete"}


def paths(entry: Served, schema: str) -> dict[str, Any]:
    """Collection, object and subresources of a type whose kind has the schema of this name."""
    resource = entry.resource
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
    scoped = f"{root}/namespaces/{{namespace}}" if resource.namespaced else root
    path = f"{scoped}/{resource.plural}"
    served = set(verbs(resource, custom=entry.custom))
    found: dict[str, Any] = {}
    collection = [verb for verb in ("list", "create", "deletecollection") if verb in served]
    if resource.namespaced and "list" in served:
        found[f"{root}/{resource.plural}"] = _item(entry, schema, ["list"], ())
    outer = ("namespace",) if resource.namespaced else ()
    found[path] = _item(entry, schema, collection, outer)
    single = [verb for verb in ("get", "update", "patch", "delete") if verb in served]
    if single:
        found[f"{path}/{{name}}"] = _item(entry, schema, single, ("name", *outer))
    for name in subresources(resource):
        own = sub(name)
        kind = name_of_kind(own.group, own.version, own.kind) if own.version else schema
        found[f"{path}/{{name}}/{name}"] = _item(entry, kind or schema, list(own.verbs), ("name", *outer), own.kind)
    return found


def _item(entry: Served, schema: str, served: Sequence[str], places: tuple[str, ...], kind: str = "") -> dict[str, Any]:
    operations = {}
    for verb in served:
        action = _ACTIONS.get(verb, verb)
        operations[_METHODS.get(action, action)] = _operation(entry, action, schema, kind or entry.resource.kind)
    parameters = [_parameter(place, f"{place}:string", "path") for place in places]
    return {**operations, "parameters": [*parameters, _parameter("pretty", "pretty", "query")]}


def _operation(entry: Served, action: str, schema: str, kind: str) -> dict[str, Any]:
    resource = entry.resource
    given = {"200": _answer(f"{schema}List" if action == "list" else schema)}
    if action in {"post", "put"}:
        given["201"] = _answer(schema)
    if action in {"delete", "deletecollection"}:
        given = {"200": _answer(f"{META}Status")}
    words = _WORDS[action].format(kind=kind, a="an" if kind[0] in "AEIOU" else "a")
    operation: dict[str, Any] = {
        "description": words,
        "responses": {**given, "401": {"description": "Unauthorized"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": {"group": resource.group, "version": resource.version, "kind": kind},
    }
    if resource in METRICS:
        return operation
    names = {"list": _LIST, "delete": _DELETE, "deletecollection": f"{_LIST} {_DELETE}", "get": ""}.get(action, _WRITE)
    if action == "patch":
        names += " force:boolean"
        media = _PATCHES if entry.custom else (*_PATCHES, _STRATEGIC)
        operation["requestBody"] = _body(f"{META}Patch", media)
    elif action in {"post", "put"}:
        operation["requestBody"] = _body(schema, ("*/*",))
    elif action in {"delete", "deletecollection"}:
        operation["requestBody"] = _body(f"{META}DeleteOptions", ("*/*",))
    if names:
        operation["parameters"] = [_parameter(name.partition(":")[0], name, "query") for name in names.split()]
    return operation


def _parameter(name: str, spelled: str, place: str) -> dict[str, Any]:
    kind = spelled.partition(":")[2] or "string"
    required = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, **required, "schema": {"type": kind, "uniqueItems": True}}


def _answer(schema: str) -> dict[str, Any]:
    return {"description": "OK", "content": {media: _content(schema) for media in _MEDIA}}


def _body(schema: str, media: tuple[str, ...]) -> dict[str, Any]:
    return {"content": {name: _content(schema) for name in media}}


def _content(schema: str) -> dict[str, Any]:
    return {"schema": {"$ref": PREFIX + schema}}
