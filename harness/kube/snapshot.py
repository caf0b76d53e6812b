"""A Reader over plain objects that do not change: what was listed once, or what a recording holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.kube.client import IndexFunction, Observer
from harness.kube.objects import Object, labels_of, name_of, namespace_of
from harness.kube.resources import Resource
from harness.kube.selectors import Selector


class Snapshot:
    """Implements `harness.kube.client.Reader`; an index is worked out when it is asked."""

    def __init__(self, objects: Iterable[Object] = ()) -> None:
        self._objects: dict[tuple[str, str], dict[tuple[str, str], Object]] = {}
        self._indexes: dict[tuple[Resource, str], IndexFunction] = {}
        for obj in objects:
            self.put(obj)

    def put(self, obj: Object) -> None:
        """Add one, in the place of another of its name."""
        kind = (str(obj["apiVersion"]), str(obj["kind"]))
        self._objects.setdefault(kind, {})[(namespace_of(obj) or "", name_of(obj))] = obj

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""
        return self._of(resource).get((namespace or "", name))

    def list(
        self, resource: Resource, namespace: str | None = None, selector: Selector | None = None
    ) -> Sequence[Object]:
        """Those of a type, by namespace and name."""
        return [
            obj
            for (where, _), obj in sorted(self._of(resource).items())
            if namespace in (None, where) and (selector is None or selector.matches(labels_of(obj)))
        ]

    def add_index(self, resource: Resource, index: str, function: IndexFunction) -> None:
        """Declare an index; a second declaration of the same name changes nothing."""
        self._indexes.setdefault((resource, index), function)

    def by_index(self, resource: Resource, index: str, key: str) -> Sequence[Object]:
        """The objects whose index function gave `key`. Raises KeyError for an index that was not declared."""
        function = self._indexes[resource, index]
        return [obj for obj in self.list(resource) if key in function(obj)]

    def observe(self, resource: Resource, observer: Observer) -> None:
        """Call `observer` with an ADDED for each object; nothing follows."""
        for obj in self.list(resource):
            observer("ADDED", obj, None)

    def _of(self, resource: Resource) -> Mapping[tuple[str, str], Object]:
        return self._objects.get((resource.api_version, resource.kind), {})
