"""Values of time, seeds and the timeline."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SECOND, Seeds, Timeline, format_micro_time, format_time, parse_time, seconds


@given(st.integers(min_value=0, max_value=4_000_000_000 * SECOND))
def test_micro_time_text_reads_back(instant: int) -> None:
    assert parse_time(format_micro_time(instant)) == instant
    assert parse_time(format_time(instant)) == instant // SECOND * SECOND


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:01Z", SECOND),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1970-01-01T00:00:00.5Z", SECOND // 2),
        ("1970-01-01T00:00:00.123456789Z", 123_456),
    ],
)
def test_time_texts(text: str, instant: int) -> None:
    assert parse_time(text) == instant


def test_a_text_that_is_no_time_is_refused() -> None:
    with pytest.raises(ValueError, match="is not RFC 3339"):
        parse_time("yesterday")


def test_seconds_round_to_the_microsecond() -> None:
    assert seconds(0.0000014) == 1


def test_equal_seeds_agree_and_other_seeds_and_purposes_differ() -> None:
    first = [Seeds(7).uid("pods"), Seeds(7).suffix("names")]
    assert first == [Seeds(7).uid("pods"), Seeds(7).suffix("names")]
    assert Seeds(8).uid("pods") != first[0]
    assert Seeds(7).uid("nodes") != first[0]


def test_a_draw_for_one_purpose_does_not_shift_another() -> None:
    disturbed = Seeds(7)
    disturbed.uid("nodes")
    assert disturbed.uid("pods") == Seeds(7).uid("pods")


def test_the_timeline_is_json_lines_with_sorted_keys() -> None:
    timeline = Timeline(lambda: 1_500_000)
    timeline.record("NodeReady", "Node/a", zone="us-east-1a", pool="small")
    (line,) = timeline.as_jsonl().splitlines()
    assert json.loads(line) == {
        "at": "1970-01-01T00:00:01.500000Z",
        "kind": "NodeReady",
        "pool": "small",
        "subject": "Node/a",
        "zone": "us-east-1a",
    }
    assert list(json.loads(line)) == sorted(json.loads(line))
    assert [record.kind for record in timeline.of_kind("NodeReady")] == ["NodeReady"]
