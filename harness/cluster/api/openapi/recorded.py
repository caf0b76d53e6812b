"""The schemas of the built-in kinds as OpenAPI v3 publishes them, recorded from a real API server (fixtures/facts/kubernetes-openapi.json.xz)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from fixtures.facts import packed
from harness.kube.resources import Resource

PREFIX = "#/components/schemas/"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
GVK = "x-kubernetes-group-version-kind"
Schema = Mapping[str, Any]


@cache
def schemas() -> Mapping[str, Schema]:
    """All recorded schemas by their name."""
    found: Mapping[str, Schema] = packed("kubernetes-openapi")["schemas"]
    return found


@cache
def _names() -> Mapping[tuple[str, str, str], str]:
    return {
        (kind["group"], kind["version"], kind["kind"]): name
        for name, schema in schemas().items()
        for kind in schema.get(GVK, ())
        if len(schema[GVK]) == 1
    }


def name_of_kind(group: str, version: str, kind: str) -> str | None:
    """The name of a kind's schema; None for a kind that was not recorded."""
    return _names().get((group, version, kind))


def name_of(resource: Resource) -> str | None:
    """The name of the schema of a resource's kind."""
    return name_of_kind(resource.group, resource.version, resource.kind)


def closure(names: Iterable[str]) -> dict[str, Schema]:
    """These schemas and all that they refer to, in the order of their names."""
    found: dict[str, Schema] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found and name in schemas():
            found[name] = schemas()[name]
            waiting.extend(references(found[name]))
    return {name: found[name] for name in sorted(found)}


def references(value: Any) -> Iterator[str]:
    """The names of the schemas that a schema refers to."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key == "$ref" and isinstance(item, str):
                yield item.removeprefix(PREFIX)
            else:
                yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)
