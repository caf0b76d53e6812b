"""Exponential back-off as the kubelet keeps it (client-go `util/flowcontrol/backoff.go`): 10 s doubled up to 300 s.

A key that was left alone for twice the maximum, counted from its last use to the event, begins anew. The first
restart of a crashed container is immediate because there is no entry yet; a failed image pull makes its entry at
once.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.clock import SECOND

# A kubelet looks again at what failed after its backOffPeriod of 10 s and up to half as much by chance, and collects what is due once a second: on average.
LOOK_US = 13 * SECOND
_FIRST_US = 10 * SECOND
_LAST_US = 300 * SECOND
_FORGET_US = 2 * _LAST_US


@dataclass
class Backoff:
    """The back-off of one key: `delay_us` is 0 until it is first used."""

    delay_us: int = 0
    used_us: int = 0

    def until(self, event_us: int) -> int:
        """The moment before which nothing is tried after what happened at `event_us`."""
        if self._forgotten(event_us):
            return event_us
        return event_us + self.delay_us

    def advance(self, now_us: int, event_us: int) -> None:
        """Note an attempt at `now_us` that follows the event at `event_us`."""
        if self.delay_us == 0 or self._forgotten(event_us):
            self.delay_us = _FIRST_US
        else:
            self.delay_us = min(self.delay_us * 2, _LAST_US)
        self.used_us = now_us

    def reset(self) -> None:
        """Begin anew."""
        self.delay_us = 0

    def _forgotten(self, event_us: int) -> bool:
        return self.delay_us == 0 or event_us - self.used_us > _FORGET_US


def format_duration(duration_us: int) -> str:
    """As Go prints a time.Duration of whole seconds: `10s`, `2m40s`, `5m0s`."""
    whole_s = duration_us // SECOND
    minutes, rest = divmod(whole_s, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
