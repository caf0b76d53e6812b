"""Instants and durations: integers of microseconds, so that sums never drift.

An instant counts microseconds since the Unix epoch. Text forms are those of Kubernetes: `Time` has seconds, `MicroTime` microseconds, both UTC.
"""

from __future__ import annotations

import calendar
import re
import time
from functools import lru_cache

MILLISECOND = 1_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_RFC3339 = re.compile(r"^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$")


def seconds(value: float) -> int:
    """`value` seconds as a duration, rounded to the microsecond."""
    return round(value * SECOND)


def format_time(instant_us: int) -> str:
    """metav1.Time: `2026-03-01T08:00:00Z`, the fraction cut off."""
    return _format_second(instant_us // SECOND)


@lru_cache(maxsize=1024)  # most things that are written at one time name that time
def _format_second(second: int) -> str:
    parts = time.gmtime(second)
    return f"{parts.tm_year:04d}-{parts.tm_mon:02d}-{parts.tm_mday:02d}T{parts.tm_hour:02d}:{parts.tm_min:02d}:{parts.tm_sec:02d}Z"


def format_micro_time(instant_us: int) -> str:
    """metav1.MicroTime: `2026-03-01T08:00:00.000000Z`."""
    return f"{format_time(instant_us)[:-1]}.{instant_us % SECOND:06d}Z"


@lru_cache(maxsize=4096)
def parse_time(text: str) -> int:
    """The instant that an RFC 3339 text names.

    Raises ValueError when `text` is not RFC 3339.
    """
    match = _RFC3339.match(text)
    if match is None:
        raise ValueError(f"time {text!r} is not RFC 3339, write it as 2026-03-01T08:00:00Z")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction = int((match.group(7) or "0").ljust(6, "0")[:6])
    zone = match.group(8)
    offset_s = 0
    if zone != "Z":
        offset_s = (int(zone[1:3]) * 60 + int(zone[4:6])) * 60 * (1 if zone[0] == "+" else -1)
    return (calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0)) - offset_s) * SECOND + fraction
