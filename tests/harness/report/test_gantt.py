"""The Gantt's shapes from records: rows, lanes, ends, marks, ticks."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import HOUR, MINUTE, Record
from harness.report.gantt import Bar, Row, label_place, rows, ticks
from tests.harness.doubles import START

END = START + HOUR


def at(minute: int, kind: str, subject: str, **details: Any) -> Record:
    return Record(START + minute * MINUTE, kind, subject, details)


def span(bar: Bar) -> tuple[str, int, int, str]:
    """A bar in minutes."""
    assert bar.end_us is not None
    return bar.label, (bar.start_us - START) // MINUTE, (bar.end_us - START) // MINUTE, bar.kind


def lanes(row: Row) -> list[list[tuple[str, int, int, str]]]:
    return [[span(bar) for bar in lane] for lane in row.lanes]


def test_given_nodes_then_rows_come_in_the_order_of_joining_with_what_they_are() -> None:
    b, a = rows(
        [
            at(
                0, "NodeJoined", "Node/b", node_group="small", instance_type="t3.medium", capacity_type="SPOT", zone="z"
            ),
            at(1, "NodeJoined", "Node/a"),
            at(5, "NodeGone", "Node/b"),
            at(6, "NodeGone", "Node/never-joined"),
        ],
        END,
    )
    assert (b.node, b.group, b.detail) == ("b", "small", "t3.medium SPOT z")
    assert (a.node, a.group, a.detail) == ("a", "", "")
    assert (span(b.life), span(a.life)) == (("b", 0, 5, "running"), ("a", 1, 60, "running"))


def test_given_pods_then_each_ends_as_it_ended() -> None:
    (row,) = rows(
        [
            at(0, "NodeJoined", "Node/n"),
            at(1, "PodRunning", "Pod/ns/done", node="n"),
            at(2, "PodSucceeded", "Pod/ns/done", node="n"),
            at(3, "PodRunning", "Pod/ns/broken", node="n"),
            at(4, "PodFailed", "Pod/ns/broken", node="n"),
            at(5, "PodRunning", "Pod/ns/lost", node="n"),
            at(6, "PodGone", "Pod/ns/lost", node="n"),
            at(7, "PodGone", "Pod/ns/done", node="n"),  # its end was told before
            at(8, "PodRunning", "Pod/ns/on", node="n"),
            at(9, "PodRunning", "Pod/ns/elsewhere", node="unknown"),
        ],
        END,
    )
    assert lanes(row) == [
        [("done", 1, 2, "succeeded"), ("broken", 3, 4, "failed"), ("lost", 5, 6, "lost"), ("on", 8, 60, "running")]
    ]


def test_given_pods_at_the_same_time_then_each_has_a_lane_and_free_lanes_are_used_again() -> None:
    (row,) = rows(
        [
            at(0, "NodeJoined", "Node/n"),
            at(1, "PodRunning", "Pod/ns/a", node="n"),
            at(2, "PodRunning", "Pod/ns/b", node="n"),
            at(3, "PodSucceeded", "Pod/ns/a", node="n"),
            at(3, "PodRunning", "Pod/ns/c", node="n"),
        ],
        END,
    )
    assert lanes(row) == [
        [("a", 1, 3, "succeeded"), ("c", 3, 60, "running")],
        [("b", 2, 60, "running")],
    ]


def test_given_spot_records_then_they_mark_the_node() -> None:
    (row,) = rows(
        [at(0, "NodeJoined", "Node/n"), at(7, "SpotInterruptionWarning", "Instance/i-1", node="n")],
        END,
    )
    assert row.marks == [(START + 7 * MINUTE, "SpotInterruptionWarning")]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=20))
def test_no_two_bars_of_a_lane_overlap_and_no_pod_is_lost(lives: list[tuple[int, int]]) -> None:
    records = [at(0, "NodeJoined", "Node/n")]
    for number, (begin, lasts) in enumerate(lives):
        records += [
            at(begin, "PodRunning", f"Pod/ns/{number}", node="n"),
            at(begin + lasts, "PodSucceeded", f"Pod/ns/{number}", node="n"),
        ]
    (row,) = rows(sorted(records, key=lambda record: record.at_us), END)
    for lane in lanes(row):
        assert all(before[2] <= after[1] for before, after in itertools.pairwise(lane))
    assert sorted(bar[0] for lane in lanes(row) for bar in lane) == sorted(str(number) for number in range(len(lives)))


@pytest.mark.parametrize(
    ("minutes", "labels"),
    [
        (0, ["0 min", "1 min"]),
        (3, ["0 min", "1 min", "2 min", "3 min"]),
        (25, ["0 min", "5 min", "10 min", "15 min", "20 min", "25 min"]),
        (24 * 60, [f"{minute} min" for minute in range(0, 1441, 120)]),
    ],
)
def test_ticks_are_round_minutes(minutes: int, labels: list[str]) -> None:
    assert [text for _at, text in ticks(START, START + minutes * MINUTE)] == labels


@given(st.integers(1, 10 * 24 * 60))
def test_there_are_never_more_than_a_dozen_steps(minutes: int) -> None:
    assert len(ticks(START, START + minutes * MINUTE)) <= 13


@pytest.mark.parametrize(
    ("bar", "following_px", "place"),
    [
        ((100.0, 300.0), 400.0, (104.0, True)),
        ((100.0, 102.0), 400.0, (106.0, False)),
        ((100.0, 102.0), 110.0, None),
    ],
)
def test_a_label_stands_where_there_is_room(
    bar: tuple[float, float], following_px: float, place: tuple[float, bool] | None
) -> None:
    assert label_place(bar, following_px, "openorganelle") == place
