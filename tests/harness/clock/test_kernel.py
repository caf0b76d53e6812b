"""The event kernel on its own: nothing here is modelled, the threads are real."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import DAY, SECOND, Grant, Kernel, Knock, Outcome, Stalled, Toll

START = 1_767_225_600 * SECOND


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel(START, wall_limit_s=0.2)
    kernel.start()
    yield kernel
    kernel.close()


def never() -> bool:
    return False


def test_time_stands_still_between_calls_that_wait(kernel: Kernel) -> None:
    fired: list[int] = []
    kernel.call(lambda: kernel.after(SECOND, lambda: fired.append(kernel.now)))
    assert kernel.call(lambda: kernel.now) == START
    assert fired == []
    assert kernel.wait(lambda: bool(fired), DAY) is Outcome.MET
    assert fired == [START + SECOND]
    assert kernel.now == START + SECOND


def test_a_day_passes_at_once(kernel: Kernel) -> None:
    kernel.call(lambda: kernel.after(DAY, lambda: None))
    begin = time.monotonic()
    assert kernel.wait(lambda: kernel.now >= START + DAY, 2 * DAY) is Outcome.MET
    assert time.monotonic() - begin < 1


def test_equal_moments_run_by_priority_then_first_in_first_out(kernel: Kernel) -> None:
    order: list[str] = []

    def plan() -> None:
        kernel.after(SECOND, lambda: order.append("second"))
        kernel.after(SECOND, lambda: order.append("third"))
        kernel.after(SECOND, lambda: order.append("first"), priority=-1)

    kernel.call(plan)
    kernel.wait(lambda: len(order) == 3, DAY)
    assert order == ["first", "second", "third"]


@given(st.lists(st.integers(min_value=0, max_value=5), max_size=20))
def test_timers_run_in_the_order_of_their_moments(delays: list[int]) -> None:
    kernel = Kernel(START)
    ran: list[tuple[int, int]] = []
    for number, delay in enumerate(delays):
        kernel.after(delay, lambda delay=delay, number=number: ran.append((delay, number)))  # type: ignore[misc]
    kernel.start()
    kernel.wait(lambda: len(ran) == len(delays), DAY)
    kernel.close()
    assert ran == sorted(ran)


def test_a_wait_that_can_never_be_met_ends_at_once(kernel: Kernel) -> None:
    assert kernel.wait(never, DAY) is Outcome.NOTHING_LEFT
    assert kernel.now == START


def test_a_wait_ends_at_its_deadline(kernel: Kernel) -> None:
    kernel.call(lambda: kernel.after(DAY, lambda: None))
    assert kernel.wait(never, 7 * SECOND) is Outcome.DEADLINE
    assert kernel.now == START + 7 * SECOND


def test_a_cancelled_timer_does_not_run(kernel: Kernel) -> None:
    fired: list[str] = []
    timer = kernel.call(lambda: kernel.after(SECOND, lambda: fired.append("cancelled")))
    kernel.call(timer.cancel)
    assert kernel.wait(lambda: bool(fired), DAY) is Outcome.NOTHING_LEFT


def test_the_past_is_refused(kernel: Kernel) -> None:
    with pytest.raises(ValueError, match="lies before the present"):
        kernel.call(lambda: kernel.at(START - 1, lambda: None))


def test_an_error_in_a_callback_reaches_whoever_waits(kernel: Kernel) -> None:
    def fail() -> None:
        raise ZeroDivisionError("planted")

    kernel.call(lambda: kernel.after(SECOND, fail))
    with pytest.raises(ZeroDivisionError, match="planted"):
        kernel.wait(never, DAY)


def test_time_waits_while_a_process_computes_and_its_transfer_costs_virtual_time(kernel: Kernel) -> None:
    kernel.parties.open_door("archive", lambda knock: Toll(delay_us=knock.size_bytes * SECOND))
    seen: list[tuple[str, int]] = []
    kernel.call(lambda: kernel.parties.enter("a", lambda: "computing"))
    kernel.call(lambda: kernel.after(3 * SECOND, lambda: seen.append(("timer", kernel.now))))

    def process() -> None:
        time.sleep(0.05)  # computes while the clock stands still
        kernel.parties.arrive(Knock("a", "archive", "GET", "x", 5)).result()
        kernel.parties.leave("a", lambda: seen.append(("ended", kernel.now)))

    threading.Thread(target=process).start()
    assert kernel.wait(lambda: len(seen) == 2, DAY) is Outcome.MET
    assert seen == [("timer", START + 3 * SECOND), ("ended", START + 5 * SECOND)]
    assert kernel.parties.concurrent == []


def test_reports_are_handed_out_by_name_however_the_machine_schedules(kernel: Kernel) -> None:
    order: list[str] = []
    kernel.parties.open_door("door", lambda knock: order.append(knock.party) or Toll(0))  # type: ignore[func-returns-value]
    for name in ("a", "b"):
        kernel.call(lambda name=name: kernel.parties.enter(name, lambda: ""))  # type: ignore[misc]
    for name in ("b", "a"):
        kernel.parties.arrive(Knock(name, "door", "GET", "x", 0)).add_done_callback(
            lambda _grant, name=name: kernel.parties.leave(name, lambda: order.append(f"{name} left"))  # type: ignore[misc]
        )
    kernel.wait(lambda: len(order) == 4, DAY)
    assert order == ["a", "b", "a left", "b left"]


def test_two_transfers_at_once_in_one_process_are_noticed(kernel: Kernel) -> None:
    kernel.parties.open_door("door", lambda _knock: Toll(SECOND))
    kernel.call(lambda: kernel.parties.enter("a", lambda: ""))
    grants = [kernel.parties.arrive(Knock("a", "door", "GET", str(number), 0)) for number in range(2)]
    for grant in grants:
        grant.add_done_callback(lambda _grant: None)
    kernel.call(lambda: None)
    assert kernel.parties.concurrent == ["a"]


def test_whoever_is_no_live_process_is_answered_at_once(kernel: Kernel) -> None:
    assert kernel.parties.arrive(Knock("nobody", "door", "GET", "x", 0)).result(timeout=1) == Grant()


def test_a_process_that_was_killed_at_a_door_gets_an_abandoned_grant(kernel: Kernel) -> None:
    kernel.parties.open_door("door", lambda _knock: Toll(10 * SECOND))
    kernel.call(lambda: kernel.parties.enter("a", lambda: ""))
    grant = kernel.parties.arrive(Knock("a", "door", "GET", "x", 0))
    ended: list[int] = []

    def reclaim() -> None:
        kernel.parties.rouse("a")
        kernel.parties.leave("a", lambda: ended.append(kernel.now))

    kernel.call(lambda: kernel.after(4 * SECOND, reclaim))
    kernel.wait(grant.done, DAY)
    assert ended == [START + 4 * SECOND]
    assert grant.result() == Grant(abandoned=True)


def test_a_process_that_neither_knocks_nor_ends_fails_the_run_with_where_it_hangs(kernel: Kernel) -> None:
    kernel.call(lambda: kernel.parties.enter("ns/pod/main/0", lambda: "in volume/plan.py:12"))
    with pytest.raises(Stalled, match=r"within 0\.2 s of wall time: ns/pod/main/0: in volume/plan\.py:12"):
        kernel.wait(never, DAY)


def test_with_a_pace_the_clock_follows_the_wall() -> None:
    kernel = Kernel(START, pace=100.0)
    fired: list[int] = []
    kernel.after(5 * SECOND, lambda: fired.append(kernel.now))
    begin = time.monotonic()
    kernel.start()
    kernel.wait(lambda: bool(fired), DAY)
    kernel.close()
    assert 0.04 <= time.monotonic() - begin < 2
    assert fired[0] >= START + 5 * SECOND


def test_a_closed_kernel_answers_everybody_who_asks(kernel: Kernel) -> None:
    # given questions that came too late: one while the kernel closes, others afterwards
    held = threading.Event()
    kernel.submit(lambda: held.wait(10))
    closing = threading.Thread(target=kernel.close)
    closing.start()
    while not kernel._inbox:  # `close` has asked
        threading.Event().wait(0.001)
    late = kernel.submit(lambda: 1)
    held.set()
    closing.join()
    # then each is told, nobody waits for ever
    with pytest.raises(RuntimeError, match="the kernel is closed"):
        late.result(timeout=5)
    with pytest.raises(RuntimeError, match="the kernel is closed"):
        kernel.submit(lambda: 1).result(timeout=5)
    with pytest.raises(RuntimeError, match="the kernel is closed"):
        kernel.wait(never, DAY)


def test_a_wait_that_opens_after_a_failure_is_told_of_it(kernel: Kernel) -> None:
    # given a kernel that is about to fail when a wait begins
    held = threading.Event()

    def fail() -> None:
        held.wait(10)
        raise LookupError("no such node")

    kernel.post(fail)
    told: list[BaseException] = []

    def wait() -> None:
        try:
            kernel.wait(never, DAY)
        except LookupError as error:
            told.append(error)

    waiting = threading.Thread(target=wait, daemon=True)
    waiting.start()
    while not kernel._inbox:  # the wait stands behind the failure
        threading.Event().wait(0.001)
    held.set()
    waiting.join(5)
    assert [str(error) for error in told] == ["no such node"]
