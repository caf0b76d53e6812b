"""Signals at the barrier: they reach a process at a door, and a handler that returns leaves it where it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.clock import DAY, SECOND, Kernel, Knock, Stalled, Toll, parse_time

START = parse_time("2026-03-01T08:00:00Z")


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    made = Kernel(START, wall_limit_s=5)
    made.parties.open_door("door", lambda knock: Toll(int(knock.target) * SECOND))
    made.start()
    yield made
    made.close()


def knock(party: str, duration_s: int) -> Knock:
    return Knock(party, "door", "GET", str(duration_s), 0)


def test_given_a_busy_process_then_an_action_waits_until_it_knocks(kernel: Kernel) -> None:
    done: list[str] = []
    kernel.call(lambda: kernel.parties.enter("a", lambda: ""))
    kernel.call(lambda: kernel.parties.when_parked("a", lambda: done.append("signalled")))
    assert kernel.call(lambda: list(done)) == []

    kernel.parties.arrive(knock("a", 7))
    kernel.wait(lambda: bool(done), DAY)

    assert done == ["signalled"]
    assert kernel.now == START


def test_given_a_parked_process_then_an_action_runs_at_once(kernel: Kernel) -> None:
    done: list[int] = []
    kernel.call(lambda: kernel.parties.enter("a", lambda: ""))
    kernel.parties.arrive(knock("a", 7))
    kernel.wait(lambda: kernel.now >= START, 3 * SECOND)
    kernel.wait(lambda: False, 3 * SECOND)

    kernel.call(lambda: kernel.parties.when_parked("a", lambda: done.append(kernel.now)))

    assert done == [START + 3 * SECOND]


def test_given_a_process_that_ends_first_then_the_action_never_runs(kernel: Kernel) -> None:
    done: list[str] = []
    kernel.call(lambda: kernel.parties.enter("a", lambda: ""))
    kernel.call(lambda: kernel.parties.when_parked("a", lambda: done.append("signalled")))

    kernel.parties.leave("a", lambda: done.append("left"))
    kernel.wait(lambda: bool(done), DAY)
    kernel.call(lambda: kernel.parties.when_parked("a", lambda: done.append("too late")))

    assert done == ["left"]


def test_given_a_handler_that_returns_then_the_process_waits_on_and_is_busy_again_with_its_answer(
    kernel: Kernel,
) -> None:
    ended: list[int] = []
    kernel.call(lambda: kernel.parties.enter("a", lambda: ""))
    grant = kernel.parties.arrive(knock("a", 7))
    kernel.wait(lambda: False, 2 * SECOND)

    kernel.call(lambda: kernel.parties.rouse("a"))
    assert kernel.call(lambda: kernel.parties.is_busy("a"))
    kernel.parties.settle("a")
    grant.add_done_callback(lambda _grant: kernel.parties.leave("a", lambda: ended.append(kernel.now)))
    kernel.wait(lambda: bool(ended), DAY)

    assert ended == [START + 7 * SECOND]


def test_given_an_answer_in_the_same_moment_then_a_handler_that_returns_does_not_hide_that_it_works() -> None:
    kernel = Kernel(START, wall_limit_s=0.1)
    kernel.parties.open_door("door", lambda _knock: Toll(0))
    kernel.start()
    try:
        kernel.call(lambda: kernel.parties.enter("a", lambda: "computing"))
        grant = kernel.parties.arrive(knock("a", 0))
        grant.add_done_callback(lambda _grant: kernel.parties.settle("a"))
        kernel.call(lambda: kernel.parties.when_parked("a", lambda: kernel.parties.rouse("a")))
        with pytest.raises(Stalled, match="a: computing"):
            kernel.wait(lambda: kernel.now > START, DAY)
        assert grant.done()
    finally:
        kernel.close()
