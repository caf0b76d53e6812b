"""The store's reading side: objects by name, label and index, observers, the log. Never stale, and what it hands out cannot be changed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from harness.cluster.store.apply.ownership import Ownership
from harness.cluster.store.log import Entry, Log, Stored
from harness.cluster.store.registry import Registry
from harness.cluster.store.shelf import Place, Shelf
from harness.kube.client import IndexFunction, Observer
from harness.kube.errors import Expired
from harness.kube.objects import Object, freeze
from harness.kube.resources import PODS, Resource
from harness.kube.selectors import Selector


class View:
    """Implements `harness.kube.client.Reader`; for the HTTP face it gives the encoded versions and the log, too."""

    def __init__(self, window: int) -> None:
        self.registry = Registry()
        self.version = 0
        self._log = Log(window)
        self._shelves: dict[str, Shelf] = {}
        self._observers: dict[str, tuple[tuple[int, Observer], ...]] = {}
        self._listeners: list[Callable[[Entry], None]] = []
        self._outbox: deque[Entry] = deque()
        self._publishing = False

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""
        shelf = self._shelves.get(resource.storage_key)
        stored = None if shelf is None else shelf.by_place.get((namespace or "", name))
        return None if stored is None else stored.obj

    def list(
        self, resource: Resource, namespace: str | None = None, selector: Selector | None = None
    ) -> Sequence[Object]:
        """All objects of a type, of one namespace or of all, that match the label selector."""
        return [stored.obj for stored in self.stored_list(resource, namespace, selector)]

    def add_index(self, resource: Resource, index: str, function: IndexFunction) -> None:
        """Declare an index; a second declaration of the same name changes nothing."""
        self._shelf(resource).declare(index, function)

    def by_index(self, resource: Resource, index: str, key: str) -> Sequence[Object]:
        """The objects whose index function gave `key`. Raises KeyError for an index that was not declared."""
        return [stored.obj for stored in self._shelf(resource).find(index, key)]

    def observe(self, resource: Resource, observer: Observer) -> None:
        """Call `observer` at each change, after an ADDED for each object that exists."""
        for stored in self._shelf(resource).all(None):
            observer("ADDED", stored.obj, None)
        known = self._observers.get(resource.storage_key, ())
        self._observers[resource.storage_key] = (*known, (self.version, observer))

    def stored(self, resource: Resource, namespace: str | None, name: str) -> Stored | None:
        """Like `get`, with the encoded form. On any thread: what was committed when it is called is seen, and nothing half done."""
        shelf = self._shelves.get(resource.storage_key)
        return None if shelf is None else shelf.by_place.get((namespace or "", name))

    def stored_list(
        self, resource: Resource, namespace: str | None = None, selector: Selector | None = None
    ) -> Sequence[Stored]:
        """Like `list`, with the encoded forms."""
        if selector is None or not selector.requirements:
            return self._shelf(resource).all(namespace)
        return self._shelf(resource).select(namespace, selector)

    def stored_list_at(self, resource: Resource, namespace: str | None, version: int) -> Sequence[Stored]:
        """All objects of a type as they were at `version`. Raises Expired when the log no longer reaches back to it."""
        past = {_place(stored): stored for stored in self._shelf(resource).all(None)}
        for entry in reversed(self.since(resource, version)):
            if entry.previous is None:
                del past[_place(entry.state)]
            else:
                past[_place(entry.state)] = entry.previous
        return [past[place] for place in sorted(past) if namespace in (None, place[0])]

    def since(self, resource: Resource, version: int) -> Sequence[Entry]:
        """The changes of one type after `version`. Raises Expired when the log no longer has them all, or not yet."""
        if version > self.version:
            raise Expired(f"Too large resource version: {version}, current: {self.version}")
        wanted = resource.storage_key
        return [entry for entry in self._log.since(version) if entry.resource.group_resource == wanted]

    def listen(self, listener: Callable[[Entry], None]) -> None:
        """Call `listener` at each change of anything, on the kernel's thread."""
        self._listeners.append(listener)

    def _shelf(self, resource: Resource) -> Shelf:
        try:
            return self._shelves[resource.storage_key]
        except KeyError:
            key = resource.storage_key
            shelf = self._shelves[key] = Shelf(pods=key == PODS.group_resource)
            return shelf

    def commit(
        self, resource: Resource, place: Place, obj: Object, *, gone: bool = False, ownership: Ownership | None = None
    ) -> Stored:
        """Store `obj` (or with `gone` take it away) as the next version and tell everybody, in order of versions.

        Without `ownership` its fields stay owned as they were.
        """
        shelf = self._shelf(resource)
        old = shelf.by_place.get(place)
        self.version += 1
        numbered = {
            "kind": obj["kind"],  # these two first, as Go writes them; lists count on it
            "apiVersion": obj["apiVersion"],
            **obj,
            "metadata": {**obj["metadata"], "resourceVersion": str(self.version)},
        }
        if ownership is None and old is not None and old.ownership is not None:
            ownership = Ownership(None, (old.obj, old.ownership))
        new = Stored(freeze(numbered), self.version, ownership)
        shelf.put(place, None if gone else new)
        change = "DELETED" if gone else "ADDED" if old is None else "MODIFIED"
        entry = Entry(change, resource, new, old)  # type: ignore[arg-type]  # mypy widens the conditional to str
        self._log.append(entry)
        self._outbox.append(entry)
        self._publish()
        return new

    def _publish(self) -> None:
        """Hand out changes oldest first; what an observer itself changes waits its turn."""
        if self._publishing:
            return
        self._publishing = True
        try:
            while self._outbox:
                entry = self._outbox.popleft()
                previous = entry.previous.obj if entry.change == "MODIFIED" and entry.previous is not None else None
                version, change, obj = entry.version, entry.change, entry.state.obj
                for since, observer in self._observers.get(entry.resource.group_resource, ()):
                    if version > since:
                        observer(change, obj, previous)
                for listener in self._listeners:
                    listener(entry)
        finally:
            self._publishing = False


def _place(stored: Stored) -> Place:
    metadata = stored.obj["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])
