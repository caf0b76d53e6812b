from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import TransientError
from pipeline.transfer.errors import AccessDenied, ConnectionLost, ServerBusy, WrongLength
from pipeline.transfer.retry import RetryPolicy


def failing(*errors: Exception) -> Callable[[], str]:
    """An operation that raises these errors, one a call, and then answers."""
    left = list(errors)

    def operation() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return operation


def test_given_transient_errors_when_called_then_it_waits_in_growing_steps_and_answers() -> None:
    waits: list[float] = []
    operation = failing(ConnectionLost("p", "reset"), WrongLength("p", 1, 2), ServerBusy("p", "503"))
    assert RetryPolicy(attempts=4, base_s=0.5).call(operation, sleep=waits.append) == "answer"
    assert waits == [0.5, 1.0, 2.0]


def test_given_a_server_that_names_its_wait_then_the_longer_of_both_is_taken_up_to_the_cap() -> None:
    policy = RetryPolicy(base_s=1, cap_s=10)
    assert policy.wait_s(1, 7) == 7
    assert policy.wait_s(4, 2) == 8
    assert policy.wait_s(1, 3600) == 10


def test_given_more_failures_than_attempts_then_the_last_error_says_place_reason_attempts_and_remedy() -> None:
    operation = failing(*(ConnectionLost("ftp://a/b", "reset") for _ in range(3)))
    with pytest.raises(TransientError) as raised:
        RetryPolicy(attempts=3).call(operation, sleep=lambda _: None)
    assert str(raised.value) == "ftp://a/b: reset (3 attempts); check the network and run again"


def test_given_a_final_error_then_it_is_raised_at_once() -> None:
    waits: list[float] = []
    with pytest.raises(AccessDenied):
        RetryPolicy().call(failing(AccessDenied("s3://b/k", "403")), sleep=waits.append)
    assert waits == []


@settings(deadline=None)
@given(st.integers(1, 10_000), st.floats(0, 100), st.floats(1, 10))
def test_waits_never_shrink_and_never_pass_the_cap(failures: int, base_s: float, factor: float) -> None:
    policy = RetryPolicy(base_s=base_s, factor=factor, cap_s=50)
    assert policy.wait_s(failures) <= policy.wait_s(failures + 1) <= 50


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"base_s": -1}, {"factor": 0.5}])
def test_a_policy_that_cannot_work_is_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="RetryPolicy"):
        RetryPolicy(**wrong)
