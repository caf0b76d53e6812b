"""Durations and times as Go writes and reads them: `20s`, `1h30m`, a bare number of seconds; `2026-03-01 08:00:00 +0000 UTC`."""

from __future__ import annotations

import re
from typing import Any

from harness.clock import HOUR, MINUTE, SECOND, format_time
from harness.workflows.errors import InvalidSpec

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|us|µs|ns|h|m|s|d)")
_UNITS_US: dict[str, float] = {
    "d": 24 * HOUR,
    "h": HOUR,
    "m": MINUTE,
    "s": SECOND,
    "ms": SECOND / 1000,
    "us": 1,
    "µs": 1,
    "ns": 0.001,
}


def parse_duration(value: Any) -> int:
    """Microseconds of a duration. Raises InvalidSpec."""
    text = str(value).strip()
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return round(float(text) * SECOND)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise InvalidSpec(f"unable to parse {text!r} as a duration: write seconds or 30s, 5m, 1h30m")
    return round(sum(float(number) * _UNITS_US[unit] for number, unit in parts))


def parse_count(value: Any, place: str) -> int:
    """A whole number that may stand as a string. Raises InvalidSpec."""
    try:
        return int(str(value))
    except ValueError:
        raise InvalidSpec(f"{place}: {value!r} is not a whole number") from None


def go_time(instant_us: int) -> str:
    """How Go prints an instant."""
    text = format_time(instant_us)
    return f"{text[:10]} {text[11:19]} +0000 UTC"


def humanize(duration_us: int) -> str:
    """`1 minutes 5 seconds`, as argoproj/pkg humanizes a back-off."""
    seconds = duration_us // SECOND
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "hours"), (minutes, "minutes"), (seconds, "seconds")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 seconds"
