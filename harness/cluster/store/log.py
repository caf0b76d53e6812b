"""The store's versions and its one bounded log of changes.

Follows apiserver's watch cache: a watch is a position in the log, and a position that has fallen out of the window is refused (410 Expired) instead of
answered with a gap. Every change takes the next number of one counter, so the log has no holes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import orjson

from harness.kube.client import Change
from harness.kube.errors import Expired
from harness.kube.objects import Object
from harness.kube.resources import Resource


class Stored:
    """One version of one object: immutable, and encoded at most once, by whichever thread asks first."""

    __slots__ = ("_encoded", "obj", "version")

    def __init__(self, obj: Object, version: int) -> None:
        self.obj = obj
        self.version = version
        self._encoded: bytes | None = None

    def encoded(self) -> bytes:
        """The object as JSON."""
        if self._encoded is None:
            self._encoded = orjson.dumps(self.obj)
        return self._encoded


@dataclass(frozen=True, slots=True)
class Entry:
    """One change: what it did, the object as it is now (for DELETED as it was last) and as it was before."""

    change: Change
    resource: Resource
    state: Stored
    previous: Stored | None

    @property
    def version(self) -> int:
        """The resourceVersion of the change."""
        return self.state.version


class Log:
    """The last `window` changes, oldest first."""

    def __init__(self, window: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=window)
        self._forgotten = 0

    def append(self, entry: Entry) -> None:
        """Add the newest change; the oldest falls out when the window is full."""
        if len(self._entries) == self._entries.maxlen:
            self._forgotten = self._entries[0].version
        self._entries.append(entry)

    def since(self, version: int) -> list[Entry]:
        """What happened after `version`.

        Raises Expired when a part of that has fallen out of the window.
        """
        if version < self._forgotten:
            raise Expired(f"too old resource version: {version} ({self._forgotten})")
        newer: list[Entry] = []
        for entry in reversed(self._entries):
            if entry.version <= version:
                break
            newer.append(entry)
        newer.reverse()
        return newer
