"""All objects of one resource type, with the indexes over them.

Answers are ordered by (namespace, name), as keys are in etcd. Every index is a dict of dicts, so nothing ever depends on the order of a set.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from harness.cluster.store.log import Stored
from harness.kube.client import IndexFunction
from harness.kube.objects import Object, controller_of, labels_of
from harness.kube.selectors import Requirement, Selector

Place = tuple[str, str]
"""(namespace, name); the namespace of what is not namespaced is empty."""


_NOWHERE: Collection[Place] = ()


class Index:
    """Where the objects are that give a key. `part` is what the function looks at: while that is the same, the keys are."""

    def __init__(self, function: IndexFunction, part: Callable[[Object], Any] | None = None) -> None:
        self._function = function
        self._part = part
        self._keys: dict[Place, tuple[str, ...]] = {}
        self._places: dict[str, dict[Place, None]] = {}

    def move(self, place: Place, old: Object | None, new: Object | None) -> None:
        """Follow one object's change."""
        part = self._part
        if part is not None and old is not None and new is not None and part(old) is part(new):
            return
        keys = () if new is None else tuple(self._function(new))
        before = self._keys.get(place, ())
        if keys == before:  # as nearly always
            return
        for key in dict.fromkeys(before):
            entries = self._places[key]
            del entries[place]
            if not entries:
                del self._places[key]
        for key in keys:
            self._places.setdefault(key, {})[place] = None
        if keys:
            self._keys[place] = keys
        else:
            del self._keys[place]

    def find(self, key: str) -> Collection[Place]:
        """What is found under `key`."""
        return self._places.get(key, _NOWHERE)


def _owner(obj: Object) -> Iterable[str]:
    owner = controller_of(obj)
    return () if owner is None else (str(owner["uid"]),)


def _owners(obj: Object) -> Any:
    return obj["metadata"].get("ownerReferences")


def _node(obj: Object) -> Iterable[str]:
    node = (obj.get("spec") or {}).get("nodeName")
    return (str(node),) if node else ()


def _labels(obj: Object) -> Iterable[str]:
    labels = labels_of(obj)
    return [f"{key}={value}" for key, value in labels.items()] if labels else ()


def _own_labels(obj: Object) -> Any:
    return obj["metadata"].get("labels")


def _spec(obj: Object) -> Any:
    return obj.get("spec")


class _Space:
    """The objects of one namespace in the order of their names, which is brought up to date when somebody asks for it."""

    __slots__ = ("_added", "_names", "_objects")

    def __init__(self) -> None:
        self._names: list[str] = []
        self._objects: list[Stored] = []
        self._added: dict[str, Stored] = {}  # not among the ordered yet

    def add(self, name: str, new: Stored) -> None:
        """One more."""
        self._added[name] = new

    def replace(self, name: str, new: Stored) -> None:
        """A later version of what is there."""
        if name in self._added:
            self._added[name] = new
        else:
            self._objects[bisect_left(self._names, name)] = new

    def remove(self, name: str) -> None:
        """One less."""
        if name in self._added:
            del self._added[name]
        else:
            place = bisect_left(self._names, name)
            del self._names[place], self._objects[place]

    def in_order(self) -> tuple[Stored, ...]:
        """By name."""
        if self._added:
            known = {**dict(zip(self._names, self._objects, strict=True)), **self._added}
            self._names += sorted(self._added)
            self._names.sort()  # two ordered runs: merged, not sorted
            self._objects = [known[name] for name in self._names]
            self._added.clear()
        return tuple(self._objects)


class Shelf:
    """The present objects of one resource type."""

    def __init__(self, *, pods: bool) -> None:
        self.by_place: dict[Place, Stored] = {}
        self._spaces: dict[str, _Space] = {}
        self._sorted: dict[str | None, tuple[Stored, ...]] = {}
        self._labels = Index(_labels, _own_labels)
        self._indexes: dict[str, Index] = {"owner": Index(_owner, _owners)}
        if pods:
            self._indexes["node"] = Index(_node, _spec)

    def put(self, place: Place, new: Stored | None) -> None:
        """Store `new` at `place`, or with None take away what is there."""
        namespace, name = place
        space = self._spaces.get(namespace)
        if space is None:
            space = self._spaces[namespace] = _Space()
        old = self.by_place.get(place)
        if new is None:
            del self.by_place[place]
            space.remove(name)
        else:
            self.by_place[place] = new
            if old is None:
                space.add(name, new)
            else:
                space.replace(name, new)
        before, now = None if old is None else old.obj, None if new is None else new.obj
        self._labels.move(place, before, now)
        for index in self._indexes.values():
            index.move(place, before, now)
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
        places = narrowest if namespace is None else [place for place in narrowest if place[0] == namespace]
        return [stored for stored in self._at(places) if selector.matches(labels_of(stored.obj))]

    def declare(self, name: str, function: IndexFunction) -> None:
        """Add an index, unless there is one of that name."""
        if name in self._indexes:
            return
        index = self._indexes[name] = Index(function)
        for place, stored in self.by_place.items():
            index.move(place, None, stored.obj)

    def find(self, name: str, key: str) -> Sequence[Stored]:
        """The objects that index `name` has under `key`.

        Raises KeyError when no such index was declared.
        """
        if name not in self._indexes:
            raise KeyError(
                f"no index {name!r} was declared: there are {', '.join(self._indexes)}; call add_index first"
            )
        return self._at(self._indexes[name].find(key))

    def _in_order(self, namespace: str | None) -> tuple[Stored, ...]:
        if namespace is not None:
            space = self._spaces.get(namespace)
            return () if space is None else space.in_order()
        return tuple(chain.from_iterable(self.all(name) for name in sorted(self._spaces)))

    def _at(self, places: Collection[Place]) -> list[Stored]:
        """What is at these places, in order."""
        return [self.by_place[place] for place in sorted(places)]

    def _narrowest(self, selector: Selector) -> Collection[Place] | None:
        """The smallest set of candidates that an `In` requirement with one value gives."""
        candidates = [self._labels.find(f"{r.key}={r.values[0]}") for r in selector.requirements if _is_equality(r)]
        return min(candidates, key=len, default=None)


def _is_equality(requirement: Requirement) -> bool:
    return requirement.operator == "In" and len(requirement.values) == 1
