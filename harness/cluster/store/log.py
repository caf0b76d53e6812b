"""The store's versions and its one bounded log of changes.

Follows apiserver's watch cache: a watch is a position in the log, and a position that has fallen out of the window is refused (410 Expired) instead of
answered with a gap. Every change takes the next number of one counter, so the log has no holes.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import orjson

from harness.cluster.store.apply.managers import Managed
from harness.cluster.store.apply.ownership import Ownership, with_managed
from harness.kube.client import Change
from harness.kube.errors import Expired
from harness.kube.objects import Object
from harness.kube.resources import Resource


class Stored:
    """One version of one object: immutable, and encoded at most once, by whichever thread asks first. `ownership` knows its managedFields."""

    __slots__ = ("_encoded", "obj", "ownership", "version")

    def __init__(self, obj: Object, version: int, ownership: Ownership | None = None) -> None:
        self.obj = obj
        self.version = version
        self.ownership = ownership
        self._encoded: bytes | None = None

    def encoded(self) -> bytes:
        """The object as JSON."""
        if self._encoded is None:
            self._encoded = orjson.dumps(self.shown())
        return self._encoded

    def shown(self) -> Object:
        """The object with its managedFields, which are a fragment for the encoder."""
        return self.obj if self.ownership is None else with_managed(self.obj, self.ownership)

    def managed(self) -> Managed:
        """The entries of managedFields."""
        return {} if self.ownership is None else self.ownership.managed(self.obj)


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
