"""Cron schedules: parsing, and the next moment (`github.com/robfig/cron/v3` `ParseStandard`, which Kubernetes uses). Pure.

Five fields (minute, hour, day of month, month, day of week) with `*`, `?`, lists, ranges, steps and names, or `@hourly` and the like, or `@every 90m`. If both
days are restricted either is enough. Around a change of clocks: a time that does not exist is skipped, one that exists twice comes twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from harness.kube.durations import parse_duration

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
_DAYS = {name: number for number, name in enumerate(["sun", "mon", "tue", "wed", "thu", "fri", "sat"])}
_YEARS_MAX = 5  # how far robfig/cron looks ahead
_SECOND = 1_000_000


class ScheduleError(ValueError):
    """A schedule that cannot be read."""


class Schedule(Protocol):
    """When to start."""

    def next_us(self, after_us: int) -> int | None:
        """The first moment after this one, both in microseconds since 1970; None when there is none within five years."""


@dataclass(frozen=True)
class Every:
    """`@every 90m`: a fixed distance from the moment asked for, in whole seconds."""

    delay_us: int

    def next_us(self, after_us: int) -> int | None:
        """See Schedule."""
        return after_us - after_us % _SECOND + self.delay_us


@dataclass(frozen=True)
class _Field:
    values: frozenset[int]
    star: bool  # written without a restriction


@dataclass(frozen=True)
class Cron:
    """The five fields and the zone in which they are read."""

    minutes: _Field
    hours: _Field
    days: _Field
    months: _Field
    weekdays: _Field
    zone: tzinfo

    def next_us(self, after_us: int) -> int | None:
        """See Schedule."""
        stamp = after_us // _SECOND + 1
        start = self._local(stamp)
        moment = stamp
        while True:
            local = self._local(moment)
            if local.year > start.year + _YEARS_MAX:
                return None
            if local.month not in self.months.values:
                moment = self._midnight(*_next_month(local.year, local.month), 1)
            elif not self._day_fits(local):
                following = local.date() + timedelta(days=1)
                moment = self._midnight(following.year, following.month, following.day)
            elif local.hour not in self.hours.values:
                moment += 3600 - local.minute * 60 - local.second
            elif local.minute not in self.minutes.values or local.second:
                moment += 60 - local.second
            else:
                return moment * _SECOND

    def _local(self, stamp: int) -> datetime:
        return datetime.fromtimestamp(stamp, self.zone)

    def _midnight(self, year: int, month: int, day: int) -> int:
        """The first moment of a day, which is not 00:00 where the clocks change at midnight."""
        stamp = int(datetime(year, month, day, tzinfo=self.zone).timestamp())
        local = self._local(stamp)
        if (local.year, local.month, local.day) != (year, month, day):
            stamp += 3600
        return stamp

    def _day_fits(self, local: datetime) -> bool:
        day = local.day in self.days.values
        weekday = (local.weekday() + 1) % 7 in self.weekdays.values
        return (day and weekday) if self.days.star or self.weekdays.star else (day or weekday)


def _next_month(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)


def parse(text: str, zone: tzinfo = UTC) -> Schedule:
    """Read a schedule; a zone written in front of it (`TZ=Asia/Tokyo 0 4 * * *`) wins over `zone`.

    Raises ScheduleError with robfig/cron's words.
    """
    if text.startswith(("TZ=", "CRON_TZ=")):
        prefix, _, text = text.partition(" ")
        name = prefix.partition("=")[2]
        try:
            zone = ZoneInfo(name)
        except (ValueError, OSError, ZoneInfoNotFoundError) as error:
            raise ScheduleError(f"provided bad location {name}: unknown time zone {name}") from error
        text = text.strip()
    if not text:
        raise ScheduleError("empty spec string")
    if text.startswith("@every "):
        try:
            duration = parse_duration(text.removeprefix("@every "))
        except ValueError as error:
            raise ScheduleError(f"failed to parse duration {text}: {error}") from error
        return Every(max(duration - duration % _SECOND, _SECOND))
    if text.startswith("@"):
        if text not in _MACROS:
            raise ScheduleError(f"unrecognized descriptor: {text}")
        text = _MACROS[text]
    parts = text.split()
    if len(parts) != 5:
        raise ScheduleError(f"expected exactly 5 fields, found {len(parts)}: [{' '.join(parts)}]")
    return Cron(
        _field(parts[0], 0, 59),
        _field(parts[1], 0, 23),
        _field(parts[2], 1, 31),
        _field(parts[3], 1, 12, _MONTHS),
        _field(parts[4], 0, 6, _DAYS),
        zone,
    )


def _field(text: str, lowest: int, highest: int, names: Mapping[str, int] | None = None) -> _Field:
    values: set[int] = set()
    star = False
    for part in text.split(","):
        if part:
            found, free = _range(part, lowest, highest, names or {})
            values |= set(found)
            star = star or free
    return _Field(frozenset(values), star)


def _range(text: str, lowest: int, highest: int, names: Mapping[str, int]) -> tuple[range, bool]:
    span, *steps = text.split("/")
    ends = span.split("-")
    free = ends[0] in {"*", "?"}
    if free:
        first, last = lowest, highest
    else:
        if len(ends) > 2:
            raise ScheduleError(f"too many hyphens: {text}")
        first = _number(ends[0], names)
        last = _number(ends[1], names) if len(ends) == 2 else first
    step = 1
    if steps:
        if len(steps) > 1:
            raise ScheduleError(f"too many slashes: {text}")
        step = _number(steps[0], {})
        if len(ends) == 1 and not free:
            last = highest
    if first < lowest:
        raise ScheduleError(f"beginning of range ({first}) below minimum ({lowest}): {text}")
    if last > highest:
        raise ScheduleError(f"end of range ({last}) above maximum ({highest}): {text}")
    if first > last:
        raise ScheduleError(f"beginning of range ({first}) beyond end of range ({last}): {text}")
    if step == 0:
        raise ScheduleError(f"step of range should be a positive number: {text}")
    return range(first, last + 1, step), free and step == 1


def _number(text: str, names: Mapping[str, int]) -> int:
    if text.lower() in names:
        return names[text.lower()]
    digits = text.removeprefix("+")
    if text.startswith("-") and text[1:].isdigit():
        raise ScheduleError(f"negative number ({text}) not allowed: {text}")
    if not (digits.isascii() and digits.isdigit()):
        raise ScheduleError(f'failed to parse int from {text}: strconv.Atoi: parsing "{text}": invalid syntax')
    return int(digits)
