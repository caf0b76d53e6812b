"""The schemas of custom resources: what a definition declares, completed with the fields that every object has (apiextensions `controller/openapi/builder`)."""

from __future__ import annotations

from typing import Any

from harness.cluster.api.openapi.recorded import GVK, META, PREFIX, Schema, schemas
from harness.cluster.store import Served
from harness.kube.objects import thaw

_EXAMPLE = "io.k8s.api.core.v1.ConfigMap"


def name_of_custom(entry: Served) -> str:
    """`com.example.v1.Widget` for Widget of example.com/v1."""
    resource = entry.resource
    return ".".join([*reversed(resource.group.split(".")), resource.version, resource.kind])


def schemas_of(entry: Served) -> dict[str, Schema]:
    """The schema of a custom kind and that of its list."""
    name = name_of_custom(entry)
    return {name: _kind(entry), f"{name}List": _list(entry, name)}


def _kind(entry: Served) -> Schema:
    declared = thaw(entry.schema)
    properties: dict[str, Any] = dict(declared.get("properties") or {})
    typed = {key: _described(_EXAMPLE, key) for key in ("apiVersion", "kind")}
    metadata = {**_text(_EXAMPLE, "metadata"), "allOf": [{"$ref": f"{PREFIX}{META}ObjectMeta"}]}
    return {
        **declared,
        "type": "object",
        "properties": {**typed, "metadata": metadata, **_without(properties, "apiVersion", "kind", "metadata")},
        GVK: [_gvk(entry, entry.resource.kind)],
    }


def _list(entry: Served, name: str) -> Schema:
    kind, plural = entry.resource.kind, entry.resource.plural
    convention = "https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md"
    items = {"type": "array", "items": {"$ref": PREFIX + name}}
    return {
        "description": f"{kind}List is a list of {kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": _described(_EXAMPLE, "apiVersion"),
            "items": {"description": f"List of {plural}. More info: {convention}", **items},
            "kind": _described(_EXAMPLE, "kind"),
            "metadata": {
                "description": f"Standard list metadata. More info: {convention}#types-kinds",
                "allOf": [{"$ref": f"{PREFIX}{META}ListMeta"}],
            },
        },
        GVK: [_gvk(entry, f"{kind}List")],
    }


def _described(name: str, field: str) -> dict[str, Any]:
    found: dict[str, Any] = dict(schemas()[name]["properties"][field])
    return found


def _text(name: str, field: str) -> dict[str, str]:
    return {"description": schemas()[name]["properties"][field]["description"]}


def _without(properties: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key not in names}


def _gvk(entry: Served, kind: str) -> dict[str, str]:
    return {"group": entry.resource.group, "kind": kind, "version": entry.resource.version}
