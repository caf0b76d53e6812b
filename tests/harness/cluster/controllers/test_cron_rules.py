"""Cron schedules and missed starts, table by table. What robfig/cron does was read off its own test tables and tried with 1.34.4."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import HOUR, MINUTE, SECOND
from harness.cluster.controllers.cronjob.schedule import ScheduleError, parse
from harness.cluster.controllers.cronjob.timing import Due, NoSecondStart, most_recent, until_next_us


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("schedule", "after", "expected"),
    [
        ("* * * * *", "2026-03-01T08:00:00+00:00", "2026-03-01T08:01:00+00:00"),
        ("*/15 * * * *", "2026-03-01T08:46:12+00:00", "2026-03-01T09:00:00+00:00"),
        ("20-35/15 * * * *", "2026-03-01T08:20:00+00:00", "2026-03-01T08:35:00+00:00"),
        ("30 4/6 * * *", "2026-03-01T10:30:00+00:00", "2026-03-01T16:30:00+00:00"),
        ("0 0 * feb MON", "2026-03-01T00:00:00+00:00", "2027-02-01T00:00:00+00:00"),
        ("0 0 29 2 *", "2026-03-01T00:00:00+00:00", "2028-02-29T00:00:00+00:00"),
        ("0 0 1,15 * sun", "2026-03-02T00:00:00+00:00", "2026-03-08T00:00:00+00:00"),  # either day is enough
        ("0 0 */10 * sun", "2026-03-02T00:00:00+00:00", "2026-03-08T00:00:00+00:00"),  # a step is a restriction
        ("0 0 ? * sun", "2026-03-02T00:00:00+00:00", "2026-03-08T00:00:00+00:00"),
        ("@hourly", "2026-03-01T08:00:00+00:00", "2026-03-01T09:00:00+00:00"),
        ("@weekly", "2026-03-02T08:00:00+00:00", "2026-03-08T00:00:00+00:00"),
        ("@yearly", "2026-03-02T08:00:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("@every 90m", "2026-03-01T08:00:10+00:00", "2026-03-01T09:30:10+00:00"),
        ("TZ=Asia/Tokyo 0 4 * * *", "2026-03-01T08:00:00+00:00", "2026-03-01T19:00:00+00:00"),
    ],
)
def test_given_a_schedule_when_asked_for_the_next_start_then_it_is(schedule: str, after: str, expected: str) -> None:
    assert parse(schedule).next_us(us(after)) == us(expected)


def test_given_a_day_that_never_comes_when_asked_then_there_is_no_start() -> None:
    assert parse("0 0 30 2 *").next_us(us("2026-03-01T00:00:00+00:00")) is None


def test_given_the_clocks_go_forward_when_the_hour_does_not_exist_then_that_day_is_left_out() -> None:
    schedule = parse("30 2 * * *", ZoneInfo("America/New_York"))  # 2026-03-08 has no 02:30 there
    assert schedule.next_us(us("2026-03-07T12:00:00-05:00")) == us("2026-03-09T02:30:00-04:00")


def test_given_the_clocks_go_back_when_the_hour_comes_twice_then_it_starts_twice() -> None:
    schedule = parse("30 1 * * *", ZoneInfo("America/New_York"))
    first = schedule.next_us(us("2026-11-01T00:00:00-04:00"))
    assert first == us("2026-11-01T01:30:00-04:00")
    assert schedule.next_us(first) == us("2026-11-01T01:30:00-05:00")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("* * * *", "expected exactly 5 fields, found 4: [* * * *]"),
        ("60 * * * *", "end of range (60) above maximum (59): 60"),
        ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
        ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
        ("*/0 * * * *", "step of range should be a positive number: */0"),
        ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
        ("1/2/3 * * * *", "too many slashes: 1/2/3"),
        ("@never", "unrecognized descriptor: @never"),
        ("", "empty spec string"),
        ("TZ=../etc 0 0 * * *", "provided bad location ../etc: unknown time zone ../etc"),
        ("x * * * *", 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'),
    ],
)
def test_given_a_wrong_schedule_when_read_then_the_words_are_robfig_s(schedule: str, words: str) -> None:
    with pytest.raises(ScheduleError) as error:
        parse(schedule)
    assert str(error.value) == words


@given(
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["UTC", "Europe/Zurich", "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]),
    after=st.integers(1_700_000_000, 1_900_000_000),
)
def test_given_any_daily_schedule_when_asked_then_the_start_is_later_soon_and_at_that_time_of_day(
    minute: int, hour: int, zone: str, after: int
) -> None:
    start = parse(f"{minute} {hour} * * *", ZoneInfo(zone)).next_us(after * SECOND)
    assert start is not None
    assert after * SECOND < start <= after * SECOND + 50 * HOUR
    local = datetime.fromtimestamp(start // SECOND, ZoneInfo(zone))
    assert (local.hour, local.minute, local.second) == (hour, minute, 0)


CREATED = us("2026-03-01T08:00:30+00:00")


@pytest.mark.parametrize(
    ("now", "deadline_s", "due"),
    [
        (CREATED + 10 * SECOND, None, Due(CREATED)),
        (CREATED + MINUTE, None, Due(CREATED, CREATED + 30 * SECOND)),
        (CREATED + 5 * MINUTE, None, Due(CREATED, CREATED + 270 * SECOND, missed=True)),
        (
            CREATED + 200 * MINUTE,
            None,
            Due(CREATED, CREATED + 199 * MINUTE + 30 * SECOND, missed=True, missed_many=True),
        ),
        (CREATED + 5 * MINUTE + 10 * SECOND, 20, Due(CREATED + 5 * MINUTE - 10 * SECOND)),
        (CREATED + 5 * MINUTE, 40, Due(CREATED + 260 * SECOND, CREATED + 270 * SECOND)),
    ],
)
def test_given_a_start_every_minute_when_looked_at_then_the_latest_is_due(
    now: int, deadline_s: int | None, due: Due
) -> None:
    assert most_recent(parse("* * * * *"), CREATED, now, deadline_s) == due


def test_given_no_start_ever_when_looked_at_then_it_is_said() -> None:
    with pytest.raises(NoSecondStart, match="time difference between two schedules is less than 1 second"):
        most_recent(parse("0 0 30 2 *"), CREATED, CREATED + MINUTE)


def test_given_a_schedule_when_nothing_is_due_then_the_way_to_the_next_start_is_told() -> None:
    assert until_next_us(parse("* * * * *"), CREATED, CREATED + 10 * SECOND) == 20 * SECOND
    assert until_next_us(parse("0 0 30 2 *"), CREATED, CREATED) is None
