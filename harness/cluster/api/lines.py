"""The lines of a watch: one JSON object for each change, as one watch sees it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

import orjson

from harness.cluster.api.forms import Form
from harness.cluster.api.listing import Filter
from harness.cluster.store import Entry, Served, Stored
from harness.kube.errors import ApiError, Expired

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Lines:
    """Turns changes into lines. Watches of one `shape` have the same."""

    def __init__(self, served: Served, wanted: Filter, form: Form) -> None:
        self.served = served
        self._wanted = wanted
        self._form = form
        self._everything = wanted.is_everything
        self.shape: Hashable = (served.resource, wanted, form.shape)

    def present(self, objects: Sequence[Stored], now_us: int) -> Iterator[bytes]:
        """ADDED for each object that exists."""
        for stored in objects:
            if self._everything or self._wanted.matches(stored):
                yield self._line("ADDED", stored, now_us)

    def changes(self, entries: Sequence[Entry], now_us: int) -> Iterator[bytes]:
        """One line for each change that this watch sees."""
        for entry in entries:
            change = entry.change if self._everything else self._seen(entry)
            if change is not None:
                yield self._line(change, entry.state, now_us)

    def bookmark(self, version: int, *, initial_end: bool = False) -> bytes:
        """A line that only says how far the watch has come."""
        metadata: dict[str, Any] = {"resourceVersion": str(version)}
        if initial_end:
            metadata["annotations"] = {INITIAL_EVENTS_END: "true"}
        return orjson.dumps({"type": "BOOKMARK", "object": self._form.bookmark(metadata)}) + b"\n"

    def _seen(self, entry: Entry) -> str | None:
        """The change as this watch sees it: what begins to match is added, what ceases to is deleted."""
        now = entry.change != "DELETED" and self._wanted.matches(entry.state)
        before = entry.previous is not None and self._wanted.matches(entry.previous)
        if now:
            return "MODIFIED" if before else "ADDED"
        return "DELETED" if before else None

    def _line(self, change: str, stored: Stored, now_us: int) -> bytes:
        return b'{"type":"%b","object":%b}\n' % (change.encode(), self._form.one(stored, now_us))


def error_line(error: ApiError) -> bytes:
    """How a watch says that it cannot go on: 410 Gone for a version that is too old."""
    status = error.status()
    if isinstance(error, Expired):
        status["reason"], status["code"] = "Expired", 410
    return orjson.dumps({"type": "ERROR", "object": status}) + b"\n"
