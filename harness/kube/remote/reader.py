"""`harness.kube.client.Reader` over HTTP: an indexed cache for each type, fed by list and watch.

Follows client-go's reflector and informer (`tools/cache`, 1.34): the first question about a type lists it and starts its watch; bookmarks move the
position; a watch that ended is opened again where it was; 410 Gone, in the answer or in the stream, lists again and tells observers the difference. A
server that cannot be reached, or a watch that ends without news, is tried again after 50 ms, doubled up to 5 s; meanwhile the cache stays as it was.
The streams are read, decoded and frozen on a thread each; the kernel's thread applies. What differs from an informer: `observe` never resyncs.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import orjson

from harness.clock import Kernel
from harness.kube.client import Change, IndexFunction, Observer
from harness.kube.errors import ApiError, Expired
from harness.kube.objects import Object, freeze, labels_of
from harness.kube.remote.cache import Cache, Place, node_index, owner_index, place_of
from harness.kube.remote.failures import error_of
from harness.kube.remote.paths import path_of
from harness.kube.remote.transport import Stream, Unreachable
from harness.kube.resources import PODS, Resource
from harness.kube.selectors import Selector

_PAGE = 500
_WATCH_S = 240  # the server ends a watch after this; bookmarks come about every minute
_SILENCE_S = 300.0
_RETRY_FIRST_S = 0.05
_RETRY_LAST_S = 5.0
_CLOSE_S = 2.0


class Channel(Protocol):
    """What a reader needs of a `Transport`; tests put faults between."""

    def request(self, method: str, path: str, query: Mapping[str, str] | None = None) -> dict[str, Any]:
        """One answer."""

    def stream(self, path: str, query: Mapping[str, str], *, silence_s: float) -> Stream:
        """A watch."""


class RemoteReader:
    """Reads one cluster, or with `namespace` only that namespace of it (a role that may not list all)."""

    def __init__(self, kernel: Kernel, channel: Channel, *, namespace: str | None = None) -> None:
        self._kernel = kernel
        self._channel = channel
        self._namespace = namespace
        self._feeds: dict[Resource, _Feed] = {}

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """The object as the cache has it, or None."""
        return self._feed(resource).cache.get((namespace or "", name))

    def list(
        self, resource: Resource, namespace: str | None = None, selector: Selector | None = None
    ) -> Sequence[Object]:
        """All objects of a type, of one namespace or of all, that match the label selector."""
        found = self._feed(resource).cache.all(namespace)
        if selector is None or not selector.requirements:
            return found
        return [obj for obj in found if selector.matches(labels_of(obj))]

    def add_index(self, resource: Resource, index: str, function: IndexFunction) -> None:
        """Declare an index; a second declaration of the same name changes nothing."""
        self._feed(resource).cache.declare(index, function)

    def by_index(self, resource: Resource, index: str, key: str) -> Sequence[Object]:
        """The objects whose index function gave `key`. Raises KeyError for an index that was not declared."""
        return self._feed(resource).cache.find(index, key)

    def observe(self, resource: Resource, observer: Observer) -> None:
        """Call `observer` at each change, after an ADDED for each object that is known."""
        feed = self._feed(resource)
        for obj in feed.cache.all(None):
            observer("ADDED", obj, None)
        feed.observers.append(observer)

    def troubles(self) -> Sequence[str]:
        """Why caches are not kept up to date now, a sentence a type; empty when all is well."""
        found = [(feed.trouble, resource) for resource, feed in self._feeds.items()]
        return [f"{resource.group_resource}: {trouble}" for trouble, resource in found if trouble is not None]

    def close(self) -> None:
        """End every watch; what is cached can still be read. Harmless when called twice."""
        for feed in self._feeds.values():
            feed.close()

    def _feed(self, resource: Resource) -> _Feed:
        feed = self._feeds.get(resource)
        if feed is None:
            feed = self._feeds[resource] = _Feed(self._kernel, self._channel, resource, self._namespace)
            feed.begin()
        return feed


class _Feed:
    """One type: its cache and observers (the kernel's thread) and the thread that lists and watches."""

    def __init__(self, kernel: Kernel, channel: Channel, resource: Resource, namespace: str | None) -> None:
        self._kernel = kernel
        self._channel = channel
        self._resource = resource
        self._path = path_of(resource, namespace)
        self._closed = threading.Event()
        self._stream: Stream | None = None
        self._thread: threading.Thread | None = None
        self.cache = Cache({"owner": owner_index, **({"node": node_index} if resource == PODS else {})})
        self.observers: list[Observer] = []
        self.trouble: ApiError | None = None

    def begin(self) -> None:
        """List on the caller's thread, so that the cache is filled when this returns, then watch. Raises ApiError."""
        items, version = self._list()
        self._replace(items)
        name = f"watch-{self._resource.plural}"
        self._thread = threading.Thread(target=self._follow, args=(version,), name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        if self._stream is not None:
            self._stream.close()
        if self._thread is not None:
            self._thread.join(_CLOSE_S)

    def _list(self) -> tuple[list[Object], str]:
        items: list[Object] = []
        query = {"limit": str(_PAGE)}
        while True:
            page = self._channel.request("GET", self._path, query)
            kind = {"apiVersion": self._resource.api_version, "kind": self._resource.kind}
            items += [freeze({**kind, **item}) for item in page.get("items") or ()]
            metadata = page["metadata"]
            if not metadata.get("continue"):
                return items, str(metadata["resourceVersion"])
            query = {"limit": str(_PAGE), "continue": metadata["continue"]}

    def _follow(self, version: str) -> None:
        """Watch for ever, on a thread of its own."""
        wait_s = _RETRY_FIRST_S
        self._position: str | None = version
        while not self._closed.is_set():
            before = self._position
            try:
                if self._position is None:
                    items, self._position = self._list()
                    self._kernel.post(partial(self._replace, items))
                self._watch(self._position)
            except Expired:
                self._position = None
            except ApiError as error:
                # Unreachable, overloaded, not allowed for now: as client-go does, the position is kept and tried again.
                self.trouble = error
            else:
                self.trouble = None
            if self._position is not None and self._position != before:
                wait_s = _RETRY_FIRST_S
            else:
                self._closed.wait(wait_s)
                wait_s = min(2 * wait_s, _RETRY_LAST_S)

    def _watch(self, position: str) -> None:
        """One watch until it ends; `_position` moves along. Raises Expired and other ApiErrors."""
        query = {
            "watch": "true",
            "resourceVersion": position,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_S),
        }
        stream = self._stream = self._channel.stream(self._path, query, silence_s=_SILENCE_S)
        try:
            if self._closed.is_set():
                return  # between the decision to watch and the answer
            for line in stream:
                event = _event(line)
                obj = event["object"]
                if event["type"] == "ERROR":
                    raise error_of(int(obj.get("code") or 500), obj)
                self._position = str(obj["metadata"]["resourceVersion"])
                if event["type"] != "BOOKMARK":
                    self._kernel.post(partial(self._apply, event["type"], freeze(obj)))
                if self._closed.is_set():
                    break
        finally:
            stream.close()

    def _apply(self, change: Change, obj: Object) -> None:
        self._tell(self.cache.drop(place_of(obj), obj) if change == "DELETED" else self.cache.put(obj))

    def _replace(self, items: Sequence[Object]) -> None:
        """After a list: what is not in it has gone, the rest is new or known."""
        present: dict[Place, Object] = {place_of(obj): obj for obj in items}
        for place in self.cache.places():
            if place not in present:
                self._tell(self.cache.drop(place))
        for obj in present.values():
            self._tell(self.cache.put(obj))

    def _tell(self, change: tuple[Change, Object, Object | None] | None) -> None:
        if change is not None:
            for observer in tuple(self.observers):
                observer(*change)


def _event(line: bytes) -> dict[str, Any]:
    try:
        event: dict[str, Any] = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise Unreachable(f"a watch sent what is no JSON: {line[:80]!r}") from error
    return event
