"""Which start of a CronJob is due, and when to look again (`pkg/controller/cronjob/utils.go`, 1.34). Pure; moments are microseconds since 1970."""

from __future__ import annotations

from dataclasses import dataclass

from harness.clock import SECOND
from harness.cluster.controllers.cronjob.schedule import Schedule

_MANY = 100


class NoSecondStart(Exception):
    """A schedule without two starts that are a second apart."""

    def __init__(self) -> None:
        super().__init__("time difference between two schedules is less than 1 second")


@dataclass(frozen=True)
class Due:
    """The start that is due, if any, and how many there have been since the last one."""

    earliest_us: int
    most_recent_us: int | None = None
    missed: bool = False
    missed_many: bool = False


def most_recent(schedule: Schedule, earliest_us: int, now_us: int, deadline_s: int | None = None) -> Due:
    """The latest start after `earliest_us` and not after now; with a starting deadline nothing older than that. Raises NoSecondStart."""
    if deadline_s is not None:
        earliest_us = max(earliest_us, now_us - deadline_s * SECOND)
    first = schedule.next_us(earliest_us)
    second = None if first is None else schedule.next_us(first)
    if first is not None and now_us < first:
        return Due(earliest_us)
    if first is not None and second is not None and now_us < second:
        return Due(earliest_us, first)
    if first is None or second is None:
        raise NoSecondStart
    # Upstream estimates the number from the first distance, and looks from there.
    distance_s = round((second - first) / SECOND)
    if distance_s < 1:
        raise NoSecondStart
    missed = (now_us - first) // SECOND // distance_s + 1
    latest: int | None = None
    moment = schedule.next_us(first + (missed - 2) * distance_s * SECOND)
    while moment is not None and moment <= now_us:
        latest = moment
        moment = schedule.next_us(moment)
    return Due(earliest_us, latest, missed > 0, missed > _MANY)


def until_next_us(schedule: Schedule, earliest_us: int, now_us: int) -> int | None:
    """How long until the next start; None when there is none. Upstream adds 100 ms, as its clock and the API server's may differ; here is one clock."""
    try:
        due = most_recent(schedule, earliest_us, now_us)
    except NoSecondStart:
        base = now_us
    else:
        base = due.most_recent_us if due.most_recent_us is not None else (now_us if due.missed else due.earliest_us)
    moment = schedule.next_us(base)
    return None if moment is None else max(moment - now_us, 0)
