"""Which Events are written, by the numbers of client-go."""

from __future__ import annotations

from harness.clock import MINUTE, SECOND
from harness.kube.correlation import Correlator, Written


def test_given_the_same_message_when_it_comes_again_then_it_is_the_same_event() -> None:
    correlator = Correlator()
    first, second = (correlator.correlate("s", "Normal\0R", "m", moment) for moment in (0, SECOND))
    assert first is not None
    assert first == second


def test_given_different_messages_when_there_are_ten_then_those_from_the_tenth_on_are_one_event() -> None:
    correlator = Correlator()
    written = [correlator.correlate("s", "Normal\0R", f"m{number}", 0) for number in range(12)]
    assert [entry.message for entry in written if entry is not None] == [
        *(f"m{number}" for number in range(9)),
        *(f"(combined from similar events): m{number}" for number in (9, 10, 11)),
    ]
    assert len({entry.identity for entry in written if entry is not None}) == 10


def test_given_ten_quiet_minutes_when_another_message_comes_then_it_stands_alone_again() -> None:
    correlator = Correlator()
    for number in range(12):
        correlator.correlate("s", "Normal\0R", f"m{number}", 0)
    assert correlator.correlate("s", "Normal\0R", "late", 11 * MINUTE) == Written("s\0Normal\0R\0late", "late")


def test_given_one_object_when_25_events_are_written_then_only_one_in_five_minutes_follows() -> None:
    correlator = Correlator()
    burst = [correlator.correlate("s", f"Normal\0R{number}", "m", 0) for number in range(30)]
    assert [entry is not None for entry in burst] == [True] * 25 + [False] * 5
    assert correlator.correlate("other", "Normal\0R", "m", 0) is not None
    assert correlator.correlate("s", "Normal\0R", "m", 4 * MINUTE) is None
    assert correlator.correlate("s", "Normal\0R", "m", 5 * MINUTE + SECOND) is not None
