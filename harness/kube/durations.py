"""Durations as Go's `time.ParseDuration` reads them: `300ms`, `-1.5h`, `2h45m`; the form of every component's flags."""

from __future__ import annotations

import re

from harness.clock import HOUR, MILLISECOND, MINUTE, SECOND

_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)")
_WHOLE = re.compile(r"^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+|0)$")
_UNITS_US: dict[str, float] = {
    "ns": 0.001,
    "us": 1,
    "µs": 1,
    "ms": MILLISECOND,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
}


def parse_duration(text: str) -> int:
    """Microseconds. Raises ValueError with Go's text."""
    match = _WHOLE.match(text)
    if match is None:
        raise ValueError(f'time: invalid duration "{text}": write it like 40s, 5m or 1h30m')
    total = sum(float(number) * _UNITS_US[unit] for number, unit in _PART.findall(match[2]))
    return round(-total if match[1] == "-" else total)
