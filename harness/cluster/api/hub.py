"""Between the kernel's thread, which changes things, and the open watches, which live on the HTTP thread.

Changes come over in batches. Watches of one shape (type, selectors, form of the answer) are a group, for which a batch is filtered and encoded once. A watch
whose client does not read keeps what it misses; one that misses too much is cut off, as upstream does, and its client begins again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

from harness.clock import SECOND
from harness.cluster.api.http import Stream
from harness.cluster.api.lines import Lines
from harness.cluster.store import Entry

BACKLOG_MAX = 20_000
"""Changes that may wait for one slow client."""
PATIENCE_S = 3.0
"""How long a request waits for a version that is still to come: seconds of the wall, as its client does (upstream's `blockTimeout`)."""
_LOOK_S = 1.0  # of the wall: how often quiet watches are looked at for a bookmark, as upstream does; a clock that jumped is noticed here
BOOKMARK_S = 60
"""How often a watch that asked for it is told how far it has come: seconds of the cluster's clock (upstream's `bookmarkFrequency`)."""


class Watch:
    """One open watch. Belongs to the HTTP thread."""

    def __init__(self, lines: Lines, *, bookmarks: bool, now: Callable[[], int]) -> None:
        self.lines = lines
        self.bookmarks = bookmarks
        self._now = now
        self._stream: Stream | None = None
        self._backlog: deque[Entry] = deque()
        self._version = 0  # of the last change that it has been told of, or need not be
        self._begun = 0
        self._marked_us = 0
        self.ended = asyncio.get_running_loop().create_future()

    def begin(self, stream: Stream, version: int) -> None:
        """What is known up to `version` has been sent; what came since is sent now."""
        self._stream = stream
        self._version = self._begun = version
        self._marked_us = self._now()
        stream.on_room = self._catch_up
        self._catch_up()

    def tell(self, entries: Sequence[Entry], shared: bytes) -> None:
        """Changes of its type have come; `shared` is how its group sees them."""
        stream = self._stream
        if stream is None or stream.is_full or self._backlog:
            self._backlog.extend(entries)
            if len(self._backlog) > BACKLOG_MAX:
                self.end()
                if stream is not None:
                    stream.abort()
        elif entries[0].version > self._version:
            self._version = entries[-1].version
            if shared:
                stream.write(shared)
        else:
            self._backlog.extend(entries)
            self._catch_up()

    def pass_by(self, version: int) -> None:
        """Everything up to `version` has been looked at: when it is time, say so in a bookmark."""
        if not self.bookmarks or self._stream is None or self._backlog or version <= self._begun:
            return
        if self._now() - self._marked_us >= BOOKMARK_S * SECOND:
            self._version = max(self._version, version)
            self.mark()

    def mark(self) -> None:
        """Send a bookmark, if they were asked for and nothing waits."""
        if self.bookmarks and self._stream is not None and not self._backlog and not self._stream.is_full:
            self._marked_us = self._now()
            self._stream.write(self.lines.bookmark(self._version))

    def end(self) -> None:
        """Nothing more will come."""
        _resolve(self.ended)

    def _catch_up(self) -> None:
        if self._stream is None or self._stream.is_full:
            return
        entries = [entry for entry in self._backlog if entry.version > self._version]
        self._backlog.clear()
        if entries:
            self._version = entries[-1].version
            self._stream.write(b"".join(self.lines.changes(entries, self._now())))


@dataclass
class _Group:
    """Watches that see the same."""

    watches: dict[Watch, None] = field(default_factory=dict)


class Hub:
    """Hands the changes of one store to its watches."""

    def __init__(self, loop: asyncio.AbstractEventLoop, now: Callable[[], int]) -> None:
        self._loop = loop
        self._now = now
        self._fresh: deque[Entry] = deque()
        self._scheduled = False
        self._groups: dict[str, dict[Hashable, _Group]] = {}
        self._closed = False
        self._seen = 0  # the latest version that every watch has been told of
        self._look: asyncio.TimerHandle | None = None
        self._awaited: list[tuple[int, asyncio.Future[None]]] = []

    def publish(self, entry: Entry) -> None:
        """On the kernel's thread: one change."""
        if self._closed or not (self._groups or self._awaited):
            return
        self._fresh.append(entry)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._drain)

    def add(self, watch: Watch) -> None:
        """From now on `watch` is told what changes."""
        if self._closed:
            watch.end()
        groups = self._groups.setdefault(watch.lines.served.resource.storage_key, {})
        groups.setdefault(watch.lines.shape, _Group()).watches[watch] = None
        if watch.bookmarks and self._look is None:
            self._look = self._loop.call_later(_LOOK_S, self._look_around)

    def remove(self, watch: Watch) -> None:
        """Forget it."""
        key, shape = watch.lines.served.resource.storage_key, watch.lines.shape
        groups = self._groups[key]
        del groups[shape].watches[watch]
        if not groups[shape].watches:
            del groups[shape]
        if not groups:
            del self._groups[key]

    async def reach(self, version: int, present: Callable[[], int]) -> None:
        """Return when `present()`, the store's version, is this one or a later one, or after `PATIENCE_S`."""
        if version <= present():
            return
        reached = self._loop.create_future()
        self._awaited.append((version, reached))
        try:
            if version > present() and not self._closed:  # what came before anybody waited was not told
                await asyncio.wait([reached], timeout=PATIENCE_S)
        finally:
            self._awaited.remove((version, reached))

    def close(self) -> None:
        """End every watch, and let nobody wait."""
        self._closed = True
        if self._look is not None:
            self._look.cancel()
        for _, reached in self._awaited:
            _resolve(reached)
        for watch in self._watches():
            watch.end()

    def _watches(self) -> list[Watch]:
        return [watch for groups in self._groups.values() for group in groups.values() for watch in group.watches]

    def _drain(self) -> None:
        self._scheduled = False
        by_type: dict[str, list[Entry]] = {}
        version = 0
        while self._fresh:
            entry = self._fresh.popleft()
            version = entry.version
            by_type.setdefault(entry.resource.storage_key, []).append(entry)
        now_us = self._now()
        for key, entries in by_type.items():
            for group in tuple(self._groups.get(key, {}).values()):
                first = next(iter(group.watches))
                shared = b"".join(first.lines.changes(entries, now_us))
                for watch in tuple(group.watches):
                    watch.tell(entries, shared)
        if version:
            self._seen = version
            for watch in self._watches():
                watch.pass_by(version)
            for wanted, reached in self._awaited:
                if wanted <= version:
                    _resolve(reached)

    def _look_around(self) -> None:
        """Bookmarks of quiet watches: nothing of theirs has changed, but their time has come."""
        waiting = [watch for watch in self._watches() if watch.bookmarks]
        for watch in waiting:
            watch.pass_by(self._seen)
        self._look = self._loop.call_later(_LOOK_S, self._look_around) if waiting else None


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
