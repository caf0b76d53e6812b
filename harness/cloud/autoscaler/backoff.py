"""Groups that failed to grow are left alone for a while: 5 minutes, doubled up to 30, forgotten after 3 hours (upstream
`utils/backoff`).
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.clock import HOUR, MINUTE
from harness.cloud.tempo import Tempo

_FIRST_US = 5 * MINUTE
_LAST_US = 30 * MINUTE
_FORGET_US = 3 * HOUR


@dataclass(frozen=True)
class _Entry:
    delay_us: int
    until_us: int
    failed_us: int


class Backoff:
    """When each group may be tried again."""

    def __init__(self, tempo: Tempo | None = None) -> None:
        self._tempo = tempo or Tempo()
        self._entries: dict[str, _Entry] = {}

    def failed(self, group: str, now_us: int) -> int:
        """A scale-up failed; until when the group is left alone."""
        entry = self._entries.get(group)
        delay_us = self._tempo.us(_FIRST_US)
        if entry is not None and now_us - entry.failed_us < self._tempo.us(_FORGET_US):
            delay_us = min(entry.delay_us * 2, self._tempo.us(_LAST_US))
        self._entries[group] = _Entry(delay_us, now_us + delay_us, now_us)
        return now_us + delay_us

    def until(self, group: str, now_us: int) -> int | None:
        """Until when the group is left alone, None when it is not."""
        entry = self._entries.get(group)
        return entry.until_us if entry is not None and entry.until_us > now_us else None
