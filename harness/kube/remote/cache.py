"""The objects of one type that a remote reader knows, with indexes; belongs to the kernel's thread.

An object is replaced by a newer version only: resourceVersions of one type are comparable decimal numbers (Kubernetes KEP-5504; true of every server
that stores in etcd), so what arrives late from an older list changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.kube.client import Change, IndexFunction
from harness.kube.objects import Object, controller_of, name_of, namespace_of

Place = tuple[str, str]


def place_of(obj: Object) -> Place:
    """(namespace, name); the namespace of what is not namespaced is empty."""
    return namespace_of(obj) or "", name_of(obj)


def owner_index(obj: Object) -> Iterable[str]:
    """The controlling owner's uid."""
    owner = controller_of(obj)
    return () if owner is None else (str(owner["uid"]),)


def node_index(obj: Object) -> Iterable[str]:
    """The node that a pod is on."""
    node = (obj.get("spec") or {}).get("nodeName")
    return (str(node),) if node else ()


class Cache:
    """Present objects by place, and by the keys that index functions give."""

    def __init__(self, indexes: dict[str, IndexFunction]) -> None:
        self._objects: dict[Place, Object] = {}
        self._functions: dict[str, IndexFunction] = {}
        self._places: dict[str, dict[str, dict[Place, None]]] = {}
        self._ordered: dict[str | None, Sequence[Object]] = {}
        for name, function in indexes.items():
            self.declare(name, function)

    def declare(self, name: str, function: IndexFunction) -> None:
        """Add an index, unless there is one of that name."""
        if name in self._functions:
            return
        self._functions[name] = function
        self._places[name] = {}
        for place, obj in self._objects.items():
            self._enter(name, place, obj)

    def get(self, place: Place) -> Object | None:
        """The object at `place`."""
        return self._objects.get(place)

    def all(self, namespace: str | None) -> Sequence[Object]:
        """Everything of one namespace, or (None) of all, in order."""
        found = self._ordered.get(namespace)
        if found is None:
            places = sorted(place for place in self._objects if namespace in (None, place[0]))
            found = self._ordered[namespace] = tuple(self._objects[place] for place in places)
        return found

    def find(self, name: str, key: str) -> Sequence[Object]:
        """What index `name` has under `key`, in order. Raises KeyError when it was not declared."""
        if name not in self._places:
            raise KeyError(f"no index {name!r} was declared: there are {', '.join(self._places)}; call add_index first")
        return [self._objects[place] for place in sorted(self._places[name].get(key, ()))]

    def places(self) -> Sequence[Place]:
        """Where objects are."""
        return list(self._objects)

    def put(self, obj: Object) -> tuple[Change, Object, Object | None] | None:
        """Take in a version of an object; the change that this is, or None when it is known or older."""
        place = place_of(obj)
        old = self._objects.get(place)
        if old is not None and _version(obj) <= _version(old):
            return None
        if old is not None:
            self._leave(place, old)
        self._objects[place] = obj
        for name in self._functions:
            self._enter(name, place, obj)
        self._forget_order(place)
        return ("ADDED", obj, None) if old is None else ("MODIFIED", obj, old)

    def drop(self, place: Place, last: Object | None = None) -> tuple[Change, Object, Object | None] | None:
        """Take an object away; `last` is its final state, if that is known."""
        old = self._objects.pop(place, None)
        if old is None:
            return None
        self._leave(place, old)
        self._forget_order(place)
        return "DELETED", last or old, None

    def _enter(self, name: str, place: Place, obj: Object) -> None:
        for key in self._functions[name](obj):
            self._places[name].setdefault(key, {})[place] = None

    def _leave(self, place: Place, obj: Object) -> None:
        for name, function in self._functions.items():
            for key in dict.fromkeys(function(obj)):
                entries = self._places[name][key]
                del entries[place]
                if not entries:
                    del self._places[name][key]

    def _forget_order(self, place: Place) -> None:
        self._ordered.pop(place[0], None)
        self._ordered.pop(None, None)


def _version(obj: Object) -> int:
    return int(obj["metadata"].get("resourceVersion") or 0)
