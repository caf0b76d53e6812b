"""All objects of one resource type, with the indexes over them.

Answers are ordered by (namespace, name), as keys are in etcd. Every index is a dict of dicts, so nothing ever depends on the order of a set.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from harness.cluster.store.log import Stored
from harness.kube.client import IndexFunction
from harness.kube.objects import Object, controller_of, labels_of
from harness.kube.selectors import Requirement, Selector

Place = tuple[str, str]
"""(namespace, name); the namespace of what is not namespaced is empty."""


_NOTHING: Mapping[Place, Stored] = MappingProxyType({})


class Index:
    """Where the objects are that give a key."""

    def __init__(self, function: IndexFunction) -> None:
        self._function = function
        self._places: dict[str, dict[Place, Stored]] = {}

    def move(self, place: Place, old: Stored | None, new: Stored | None) -> None:
        """Follow one object's change."""
        if old is not None and new is not None:
            keys = tuple(self._function(new.obj))
            if keys == tuple(self._function(old.obj)):  # as nearly always
                for key in keys:
                    self._places[key][place] = new
                return
        if old is not None:
            for key in dict.fromkeys(self._function(old.obj)):
                entries = self._places[key]
                del entries[place]
                if not entries:
                    del self._places[key]
        if new is not None:
            for key in self._function(new.obj):
                self._places.setdefault(key, {})[place] = new

    def find(self, key: str) -> Mapping[Place, Stored]:
        """What is found under `key`."""
        return self._places.get(key, _NOTHING)


def _owner(obj: Object) -> Iterable[str]:
    owner = controller_of(obj)
    return () if owner is None else (str(owner["uid"]),)


def _node(obj: Object) -> Iterable[str]:
    node = (obj.get("spec") or {}).get("nodeName")
    return (str(node),) if node else ()


def _labels(obj: Object) -> Iterable[str]:
    labels = obj["metadata"].get("labels")
    return [f"{key}={value}" for key, value in labels.items()] if labels else ()


class _Space:
    """One namespace: by name, and in the order of names, which a change keeps instead of sorting again."""

    __slots__ = ("_names", "_objects", "by_name")

    def __init__(self) -> None:
        self.by_name: dict[str, Stored] = {}
        self._names: list[str] = []
        self._objects: list[Stored] = []

    def put(self, name: str, new: Stored | None) -> Stored | None:
        """Store or (None) take away; the answer is what was there."""
        old = self.by_name.get(name)
        place = bisect_left(self._names, name)
        if new is None:
            del self.by_name[name], self._names[place], self._objects[place]
        else:
            self.by_name[name] = new
            if old is None:
                self._names.insert(place, name)
                self._objects.insert(place, new)
            else:
                self._objects[place] = new
        return old

    def in_order(self) -> tuple[Stored, ...]:
        """By name."""
        return tuple(self._objects)


class Shelf:
    """The present objects of one resource type."""

    def __init__(self, *, pods: bool) -> None:
        self._spaces: dict[str, _Space] = {}
        self._sorted: dict[str | None, tuple[Stored, ...]] = {}
        self._labels = Index(_labels)
        self._indexes: dict[str, Index] = {"owner": Index(_owner)}
        if pods:
            self._indexes["node"] = Index(_node)

    def get(self, place: Place) -> Stored | None:
        """The object at `place`."""
        space = self._spaces.get(place[0])
        return None if space is None else space.by_name.get(place[1])

    def put(self, place: Place, new: Stored | None) -> None:
        """Store `new` at `place`, or with None take away what is there."""
        namespace, name = place
        space = self._spaces.get(namespace)
        if space is None:
            space = self._spaces[namespace] = _Space()
        old = space.put(name, new)
        for index in (self._labels, *self._indexes.values()):
            index.move(place, old, new)
        self._sorted.pop(namespace, None)
        self._sorted.pop(None, None)

    def all(self, namespace: str | None) -> tuple[Stored, ...]:
        """Everything of one namespace or (None) of all, in order."""
        found = self._sorted.get(namespace)
        if found is None:
            found = self._sorted[namespace] = self._in_order(namespace)
        return found

    def select(self, namespace: str | None, selector: Selector) -> list[Stored]:
        """What the label selector matches, in order."""
        narrowest = self._narrowest(selector)
        if narrowest is None:
            return [stored for stored in self.all(namespace) if selector.matches(labels_of(stored.obj))]
        return [
            stored
            for place, stored in sorted(narrowest.items(), key=lambda item: item[0])
            if namespace in (None, place[0]) and selector.matches(labels_of(stored.obj))
        ]

    def declare(self, name: str, function: IndexFunction) -> None:
        """Add an index, unless there is one of that name."""
        if name in self._indexes:
            return
        index = self._indexes[name] = Index(function)
        for place, stored in self._places():
            index.move(place, None, stored)

    def find(self, name: str, key: str) -> Sequence[Stored]:
        """The objects that index `name` has under `key`.

        Raises KeyError when no such index was declared.
        """
        if name not in self._indexes:
            raise KeyError(
                f"no index {name!r} was declared: there are {', '.join(self._indexes)}; call add_index first"
            )
        found = self._indexes[name].find(key)
        if len(found) < 2:
            return tuple(found.values())
        return [stored for _, stored in sorted(found.items(), key=lambda item: item[0])]

    def _in_order(self, namespace: str | None) -> tuple[Stored, ...]:
        if namespace is not None:
            space = self._spaces.get(namespace)
            return () if space is None else space.in_order()
        return tuple(chain.from_iterable(self.all(name) for name in sorted(self._spaces)))

    def _places(self) -> Iterator[tuple[Place, Stored]]:
        for namespace, space in self._spaces.items():
            for name, stored in space.by_name.items():
                yield (namespace, name), stored

    def _narrowest(self, selector: Selector) -> Mapping[Place, Stored] | None:
        """The smallest set of candidates that an `In` requirement with one value gives."""
        candidates = [self._labels.find(f"{r.key}={r.values[0]}") for r in selector.requirements if _is_equality(r)]
        return min(candidates, key=len, default=None)


def _is_equality(requirement: Requirement) -> bool:
    return requirement.operator == "In" and len(requirement.values) == 1
