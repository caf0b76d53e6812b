"""Watches over HTTP: a line of JSON for each change, from a position in the store's log.

The kernel's thread hands every change to `Hub.publish`; the HTTP thread gives it to the open subscriptions. A watch first subscribes, then asks the store for
what lies between its position and now, then drops from its subscription what it has seen already: nothing is lost between the two. One that falls too far
behind is ended, as upstream does, and the client lists again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from harness.cluster.api.answers import face, shown
from harness.cluster.api.listing import Filter
from harness.cluster.api.routes import is_true
from harness.cluster.api.tables import Table
from harness.cluster.store import Entry, Served, Store, Stored
from harness.kube.errors import ApiError, BadRequest, Expired
from harness.kube.resources import Resource

_BACKLOG_MAX = 20_000
_TIMEOUT_S = 3600
BOOKMARK_S = 60.0


class Subscription:
    """The changes of one resource type that somebody has not read yet."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        self.closed = False

    def offer(self, entry: Entry) -> None:
        """Add a change, or close when too many wait."""
        if len(self._entries) >= _BACKLOG_MAX:
            self.close()
            return
        self._entries.append(entry)
        self._arrived.set()

    def close(self) -> None:
        """Nothing more will come."""
        self.closed = True
        self._arrived.set()

    async def take(self, timeout_s: float) -> list[Entry]:
        """What has come, after waiting for it; empty after the timeout or when closed."""
        if not self._entries and not self.closed:
            self._arrived.clear()
            try:
                await asyncio.wait_for(self._arrived.wait(), timeout_s)
            except TimeoutError:
                return []
        taken = list(self._entries)
        self._entries.clear()
        return taken


class Hub:
    """Between the kernel's thread, which changes things, and the HTTP thread, where watches wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._fresh: deque[Entry] = deque()
        self._scheduled = False
        self._subscriptions: dict[str, list[Subscription]] = {}
        self._closed = False

    def publish(self, entry: Entry) -> None:
        """On the kernel's thread: one change."""
        if self._closed:
            return
        self._fresh.append(entry)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._drain)

    def subscribe(self, resource: Resource) -> Subscription:
        """On the HTTP thread: from now on, the changes of one type."""
        subscription = Subscription()
        if self._closed:
            subscription.close()
        self._subscriptions.setdefault(resource.storage_key, []).append(subscription)
        return subscription

    def unsubscribe(self, resource: Resource, subscription: Subscription) -> None:
        """Forget a subscription."""
        self._subscriptions[resource.storage_key].remove(subscription)

    def close(self) -> None:
        """End every watch."""
        self._closed = True
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.close()

    def _drain(self) -> None:
        self._scheduled = False
        while self._fresh:
            entry = self._fresh.popleft()
            for subscription in self._subscriptions.get(entry.resource.group_resource, ()):
                subscription.offer(entry)


@dataclass(frozen=True)
class WatchOptions:
    """Where a watch begins and how long it lasts."""

    version: int | None  # None: from the present state, which is sent first
    initial_events: bool
    bookmarks: bool
    timeout_s: float


def parse_watch(query: Mapping[str, str]) -> WatchOptions:
    """Read the options of a watch."""
    text = query.get("resourceVersion", "")
    if text and not text.isdigit():
        raise BadRequest(f'invalid resource version "{text}": strconv.ParseUint: invalid syntax')
    initial = is_true(query, "sendInitialEvents")
    present = text in {"", "0"} or initial
    timeout = query.get("timeoutSeconds", "")
    return WatchOptions(
        version=None if present else int(text),
        initial_events=initial,
        bookmarks=is_true(query, "allowWatchBookmarks"),
        timeout_s=float(timeout) if timeout.isdigit() and int(timeout) else _TIMEOUT_S,
    )


def begin(
    store: Store, served: Served, options: WatchOptions, namespace: str | None
) -> tuple[Sequence[Stored], Sequence[Entry], int]:
    """On the kernel's thread: what a watch sends first (objects, or changes since its version) and the version that this brings it to."""
    if options.version is None:
        return store.stored_list(served.resource, namespace), (), store.version
    return (), store.since(served.resource, options.version), store.version


class Lines:
    """Turns changes into the lines of one watch."""

    def __init__(self, served: Served, wanted: Filter, table: Table | None) -> None:
        self._served = served
        self._wanted = wanted
        self._table = table
        self._headed = False

    def present(self, objects: Sequence[Stored], now_us: int) -> Iterator[bytes]:
        """ADDED for each object that exists."""
        for stored in objects:
            if self._wanted.matches(stored):
                yield self._line("ADDED", stored, now_us)

    def changes(self, entries: Sequence[Entry], now_us: int) -> Iterator[bytes]:
        """One line for each change that this watch sees."""
        for entry in entries:
            change = self._seen(entry)
            if change is not None:
                yield self._line(change, entry.state, now_us)

    def bookmark(self, version: int, *, initial_end: bool = False) -> bytes:
        """A line that only says how far the watch has come."""
        metadata: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        resource = self._served.resource
        body: dict[str, Any] = {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": metadata}
        if self._table is not None:
            body = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "rows": []}
            if initial_end:
                body["rows"] = [
                    {
                        "cells": [],
                        "object": {
                            "kind": "PartialObjectMetadata",
                            "apiVersion": "meta.k8s.io/v1",
                            "metadata": metadata,
                        },
                    }
                ]
        return orjson.dumps({"type": "BOOKMARK", "object": body}) + b"\n"

    def _seen(self, entry: Entry) -> str | None:
        """The change as this watch sees it: what begins to match is added, what ceases to is deleted."""
        now = entry.change != "DELETED" and self._wanted.matches(entry.state)
        before = entry.previous is not None and self._wanted.matches(entry.previous)
        if now:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else None

    def _line(self, change: str, stored: Stored, now_us: int) -> bytes:
        if self._table is None:
            encoded = face(self._served, now_us)(stored)
        else:
            obj = shown(self._served.resource, stored.obj, now_us)
            version = {"resourceVersion": str(stored.version)}
            encoded = orjson.dumps(self._table.of([obj], now_us, version, columns=not self._headed))
            self._headed = True
        return b'{"type":"' + change.encode() + b'","object":' + encoded + b"}\n"


def error_line(error: ApiError) -> bytes:
    """How a watch says that it cannot go on: 410 Gone for a version that is too old."""
    status = error.status()
    if isinstance(error, Expired):
        status["reason"], status["code"] = "Expired", 410
    return orjson.dumps({"type": "ERROR", "object": status}) + b"\n"
