"""The rule of comparison: what counts as equal, and that planted defects are reported. Real here: the rule. Histories are written by hand."""

from __future__ import annotations

import copy
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.fidelity.compare import assign, compare
from harness.fidelity.recording import History, Recording, State
from harness.fidelity.trace import Tolerance

TOLERANCE = Tolerance()
CREATED = ("Normal", "SuccessfulCreate", "job-controller", "Created pod: {Job/main>Pod}")


def states(*moments: tuple[float, State | None]) -> list[tuple[float, State | None]]:
    return list(moments)


def recording(**objects: History) -> Recording:
    return Recording({"trace": "x"}, [], dict(objects), 100.0)


def of(*moments: tuple[float, State | None], group: str = "Job/main") -> Recording:
    return recording(main=History(group, states(*moments)))


def pods(*histories: list[tuple[float, State | None]]) -> Recording:
    return Recording({}, [], {f"Pod#{n}": History("Pod", found) for n, found in enumerate(histories, 1)}, 100.0)


def told(expected: Recording, actual: Recording, tolerance: Tolerance = TOLERANCE) -> str:
    return "\n".join(map(str, compare(expected, actual, tolerance)))


JOB = states((0.2, {"active": 1}), (30.3, {"failed": 1}), (40.4, {"active": 1, "failed": 1}), (70.5, {"failed": 2}))


def test_a_recording_is_equal_to_itself() -> None:
    assert not told(of(*JOB), of(*JOB))


def test_small_delays_and_split_writes_do_not_count() -> None:
    split = states(
        (0.0, {}), (0.1, {"active": 1}), (30.0, {"active": 1, "uncounted": 1}), (30.9, {"failed": 1}), (40.0, {"active": 1, "failed": 1}), (70.0, {"failed": 2})
    )  # fmt: skip
    assert not told(of(*JOB), of(*split))
    assert not told(of(*split), of(*JOB))


def test_a_back_off_of_12_instead_of_10_seconds_is_reported() -> None:
    late = [(moment + (2 if moment > 35 else 0), state) for moment, state in JOB]
    assert "expected" in told(of(*JOB), of(*late))


def test_it_is_reported_late_in_a_long_trace_too_where_the_share_alone_would_hide_it() -> None:
    one = [(moment + 800, state) for moment, state in JOB]
    two = [(moment + (2 if moment > 835 else 0), state) for moment, state in one]
    left, right = of((0, {"x": 1}), *one), of((0, {"x": 1}), *two)
    left.end_s = right.end_s = 900
    assert "expected 10.10 s after what came before (at 830.3 s), got 12.10 s" in told(left, right)


def test_a_lower_cap_is_reported() -> None:
    left = of((0, {"failed": 7}), (600, {"failed": 7, "active": 1}))
    right = of((0, {"failed": 7}), (300, {"failed": 7, "active": 1}))
    left.end_s = right.end_s = 610
    assert "expected at 600 s, got at 300 s" in told(left, right)


def test_another_order_is_reported() -> None:
    expected = recording(
        a=History("Pod/web-0", states((1, {"phase": "Running"}))),
        b=History("Pod/web-1", states((5, {"phase": "Running"}))),
    )
    actual = recording(a=History("Pod/web-0", states((5, {"phase": "Running"}))), b=History("Pod/web-1", states((1, {"phase": "Running"}))))  # fmt: skip
    assert told(expected, actual).count("expected at") == 2


def test_another_victim_is_reported() -> None:
    stays, goes = states((0, {"node": "a1"})), states((0, {"node": "a1"}), (10, None))
    expected = recording(low=History("Pod/low", goes), high=History("Pod/high", stays))
    actual = recording(low=History("Pod/low", stays), high=History("Pod/high", goes))
    assert "low: after 0 s: expected at 10 s gone, got nothing more" in told(expected, actual)
    assert "high: after 0 s: nothing more is expected, got at 10 s gone" in told(expected, actual)


def test_another_message_is_reported_in_a_state_and_in_an_event() -> None:
    good = of((0, {"conditions": {"Failed": "True DeadlineExceeded: Job was active longer than specified deadline"}}))
    bad = of((0, {"conditions": {"Failed": "True DeadlineExceeded: Job was active too long"}}))
    assert "too long" in told(good, bad)
    one, two = of(*JOB), of(*JOB)
    one.objects["main"].events[CREATED] = [0.2, 40.4]
    two.objects["main"].events[(*CREATED[:3], "Made pod: {Job/main>Pod}")] = [0.2, 40.4]
    assert told(one, two).count("event Normal SuccessfulCreate") == 2


def test_an_event_more_or_less_is_reported() -> None:
    one, two = of(*JOB), of(*JOB)
    one.objects["main"].events[CREATED] = [0.2, 40.4]
    two.objects["main"].events[CREATED] = [0.2]
    assert "expected at 0.2 s, 40.4 s, got 0.2 s" in told(one, two)
    assert "expected at 0.2 s, got 0.2 s, 40.4 s" in told(two, one)


def test_of_events_that_are_told_by_chance_only_the_first_telling_counts() -> None:
    one, two = of(*JOB), of(*JOB)
    one.objects["main"].events[CREATED] = [0.2]
    two.objects["main"].events[CREATED] = [0.2, 1.3]
    assert not told(one, two, Tolerance(once=("SuccessfulCreate",)))
    two.objects["main"].events[CREATED] = [9.2, 10.3]
    assert told(one, two, Tolerance(once=("SuccessfulCreate",)))


def test_pods_that_can_stand_for_one_another_are_paired_by_what_they_did() -> None:
    fails, lives = states((0, {"phase": "Running"}), (9, {"phase": "Failed"})), states((0, {"phase": "Running"}))
    assert not told(pods(fails, lives, lives), pods(lives, lives, fails))
    assert told(pods(fails, lives, lives), pods(lives, lives, lives))


def test_a_missing_and_a_superfluous_pod_are_reported() -> None:
    lives = states((0, {"phase": "Running"}))
    assert "is missing" in told(pods(lives, lives), pods(lives))
    assert "is too many" in told(pods(lives), pods(lives, lives))


def test_a_pod_that_was_there_for_a_moment_only_does_not_count() -> None:
    lives, blinks = states((0, {"phase": "Running"})), states((50, {"phase": "Pending"}), (51, None))
    assert not told(pods(lives, blinks), pods(lives))


def test_a_state_that_lasts_cannot_be_left_out() -> None:
    long = states((0, {"active": 2}), (10, {"active": 1}), (12, {"active": 0, "x": 1}))
    short = states((0, {"active": 2}), (12, {"active": 0, "x": 1}))
    assert told(of(*long), of(*short))


def test_many_short_states_in_a_row_cannot_be_left_out_together() -> None:
    steps = states((0, {"n": 0}), *((10 + n, {"n": n}) for n in range(1, 6)), (16, {"n": 9}))
    assert told(of(*steps), of((0, {"n": 0}), (16, {"n": 9})))


def test_what_a_step_was_answered_counts() -> None:
    one, two = of(*JOB), of(*JOB)
    one.answers = [
        (5.0, "2 evict", "429 TooManyRequests: Cannot evict pod as it would violate the pod's disruption budget.")
    ]
    two.answers = [(5.0, "2 evict", "ok")]
    assert "expected at 5 s 2 evict: 429 TooManyRequests" in told(one, two)


def test_what_comes_just_before_the_end_may_be_missed() -> None:
    assert not told(of(*JOB, (99.5, {"failed": 3})), of(*JOB))


@settings(derandomize=True, max_examples=25)
@given(st.lists(st.lists(st.integers(0, 9), min_size=4, max_size=4), min_size=1, max_size=4))
def test_the_pairing_is_the_cheapest(costs: list[list[int]]) -> None:
    chosen = assign([[float(cost) for cost in row] for row in costs], 4)
    best = min(
        sum(costs[row][column] for row, column in enumerate(order)) for order in permutations(range(4), len(costs))
    )
    assert sum(costs[row][column] for row, column in chosen) == best
    assert len({column for _, column in chosen}) == len(costs)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.4])
def test_equal_within_the_tolerance_in_both_directions(shift: float) -> None:
    moved = [(moment + shift, state) for moment, state in copy.deepcopy(JOB)]
    assert not told(of(*JOB), of(*moved))
    assert not told(of(*moved), of(*JOB))
