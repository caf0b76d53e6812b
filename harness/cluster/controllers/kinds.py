"""The resource types that exist: the built-in ones and those of CustomResourceDefinitions, for controllers that look after all kinds.

What upstream's RESTMapper and monitors are to the garbage collector, the namespace controller, the autoscaler and the disruption controller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.definitions import served_by
from harness.cluster.store.scalepaths import ScalePaths, at_path, patch_at, paths_of
from harness.kube.client import Change, Reader
from harness.kube.objects import Object, is_true, name_of
from harness.kube.resources import BUILT_IN, CUSTOM_RESOURCE_DEFINITIONS, Resource

__all__ = ["Kinds", "ScalePaths", "at_path", "patch_at"]
_BUILT_IN: Mapping[tuple[str, str], Resource] = {(one.group, one.kind): one for one in BUILT_IN}


class Kinds:
    """Knows all types, and tells of new ones."""

    def __init__(self, reader: Reader) -> None:
        self._custom: dict[str, tuple[Resource, ...]] = {}  # by the name of the definition, the stored version first
        self._scales: dict[str, ScalePaths] = {}
        self._listeners: list[Callable[[Resource], None]] = []
        reader.observe(CUSTOM_RESOURCE_DEFINITIONS, self._changed)

    def all(self) -> tuple[Resource, ...]:
        """Every type, once, in the version in which it is stored; the built-in ones first."""
        return (*BUILT_IN, *(versions[0] for versions in self._custom.values()))

    def listen(self, listener: Callable[[Resource], None]) -> None:
        """Call `listener` for every custom type, those that exist and those to come."""
        self._listeners.append(listener)
        for versions in tuple(self._custom.values()):
            listener(versions[0])

    def find(self, api_version: str, kind: str) -> Resource | None:
        """The type of a reference: group and kind have to be right, and for custom types the version has to be one that is served."""
        group = api_version.rpartition("/")[0]
        resource = _BUILT_IN.get((group, kind))
        if resource is not None:
            return resource
        for versions in self._custom.values():
            if any(one.kind == kind and one.api_version == api_version for one in versions):
                return versions[0]
        return None

    def find_kind(self, group: str, kind: str) -> Resource | None:
        """The type of a group and kind, in whatever version."""
        found = _BUILT_IN.get((group, kind))
        return found or next(
            (one for (one, *_) in self._custom.values() if (one.group, one.kind) == (group, kind)), None
        )

    def named(self, group_resource: str) -> Resource | None:
        """The type behind `jobs.batch`."""
        return next((one for one in self.all() if one.group_resource == group_resource), None)

    def scale_of(self, resource: Resource) -> ScalePaths | None:
        """Where a type keeps its scale; None for a type without the subresource."""
        if resource.group_resource in self._scales:
            return self._scales[resource.group_resource]
        return ScalePaths() if "scale" in resource.subresources else None

    def _changed(self, change: Change, definition: Object, _old: Object | None) -> None:
        name = name_of(definition)
        if change == "DELETED" or not is_true(definition, "Established"):
            self._custom.pop(name, None)
            self._scales.pop(name, None)
            return
        known = name in self._custom
        served = sorted(served_by(definition), key=lambda one: not one.storage)
        self._custom[name] = tuple(one.resource for one in served)
        self._scales.pop(name, None)
        for version in definition["spec"]["versions"]:
            scale: Mapping[str, Any] | None = (version.get("subresources") or {}).get("scale")
            if scale is not None and version.get("storage"):
                self._scales[name] = paths_of(scale)
        if not known:
            for listener in self._listeners:
                listener(self._custom[name][0])
