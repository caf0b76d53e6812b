"""Which resource types are served: the built-in ones and those of CustomResourceDefinitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from harness.cluster.store.scalepaths import BUILT_IN as SCALE_OF_BUILT_IN
from harness.cluster.store.scalepaths import ScalePaths
from harness.kube.errors import NotFound
from harness.kube.resources import BUILT_IN, OTHER_VERSIONS, Resource

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Served:
    """One served version of a resource type; objects are stored in the version with `storage`. `schema`, `columns` and `scale` are those of a custom type."""

    resource: Resource
    custom: bool = False
    storage: bool = True
    schema: Mapping[str, Any] = field(default_factory=lambda: _NONE)
    columns: tuple[Mapping[str, Any], ...] = ()
    scale: ScalePaths = SCALE_OF_BUILT_IN


class Registry:
    """An immutable snapshot, so that any thread may read it; a change makes a new one."""

    def __init__(self, served: tuple[Served, ...] | None = None) -> None:
        self.served = served if served is not None else _built_in()
        self._by_place = {(s.resource.group, s.resource.version, s.resource.plural): s for s in self.served}
        self._storage = {s.resource.storage_key: s for s in self.served if s.storage}

    def at(self, group: str, version: str, plural: str) -> Served | None:
        """What is served at a path."""
        return self._by_place.get((group, version, plural))

    def storage(self, resource: Resource) -> Served:
        """How a type is stored. Raises NotFound when it is not served."""
        found = self._storage.get(resource.storage_key)
        if found is None:
            raise NotFound("the server could not find the requested resource", details={})
        return found

    def asked(self, resource: Resource) -> Served:
        """The version in which a client speaks of a type; as it is stored where that version is not served. Raises NotFound."""
        return self.at(resource.group, resource.version, resource.plural) or self.storage(resource)

    def versions(self) -> dict[str, list[str]]:
        """Groups with their versions, in the order of first appearance."""
        groups: dict[str, list[str]] = {}
        for served in self.served:
            versions = groups.setdefault(served.resource.group, [])
            if served.resource.version not in versions:
                versions.append(served.resource.version)
        return groups

    def with_custom(self, served: tuple[Served, ...]) -> Registry:
        """With these custom types in place of those of the same names."""
        return Registry((*self.without(served[0].resource).served, *served))

    def without(self, resource: Resource) -> Registry:
        """Without a custom type."""
        return Registry(
            tuple(s for s in self.served if not s.custom or s.resource.group_resource != resource.group_resource)
        )


def _built_in() -> tuple[Served, ...]:
    others = {stored: other for other, stored in OTHER_VERSIONS}
    found: list[Served] = []
    for resource in BUILT_IN:
        found.append(Served(resource))
        if resource in others:
            found.append(Served(others[resource], storage=False))
    return tuple(found)
