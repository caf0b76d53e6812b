"""When a Job is looked at: at once when it is new or its spec changes, else a second after the first thing that happened (`SyncJobBatchPeriod`, 1.34).

So what happens within a second makes one look, and one status: a Job of thousands of pods is looked at once a second at most, as upstream.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.clock import SECOND
from harness.kube.objects import Object, is_deleting, uid_of

BATCH_US = SECOND


@dataclass
class _Seen:
    version: tuple[int, bool]
    due_us: int | None = None


class Pace:
    """Remembers, for each Job, what was seen of it and when it is due. Forgotten at a restart, after which every Job is looked at once."""

    def __init__(self) -> None:
        self._jobs: dict[str, _Seen] = {}

    def hold_us(self, job: Object, now_us: int) -> int:
        """How long to wait still; 0 to look now, which begins a new batch."""
        version = (int(job["metadata"].get("generation", 1)), is_deleting(job))
        seen = self._jobs.get(uid_of(job))
        if seen is None or seen.version != version:
            self._jobs[uid_of(job)] = _Seen(version)
            return 0
        if seen.due_us is None or seen.due_us > now_us:  # not the time that was waited for, so something happened
            seen.due_us = min(seen.due_us or now_us + BATCH_US, now_us + BATCH_US)
            return seen.due_us - now_us
        seen.due_us = None
        return 0

    def plan(self, job: Object, again_us: int | None, now_us: int) -> None:
        """The look just taken asks for another one after so long, whatever happens."""
        seen = self._jobs.get(uid_of(job))
        if seen is not None and again_us is not None:
            due_us = now_us + again_us
            seen.due_us = due_us if seen.due_us is None else min(seen.due_us, due_us)

    def forget(self, uid: str) -> None:
        """The Job is over."""
        self._jobs.pop(uid, None)
