"""The event kernel: one thread, one heap of timers, one inbox, and a virtual clock that moves only while somebody waits.

How it works. Everything that changes state runs on the kernel's thread: timers at their moment, and callbacks that other threads `post`. Events of one moment
run by priority, then first in, first out. Between waiting calls the clock stands still and only the inbox is served. While a call of `wait` is open the kernel
repeats, in this order: run what is due; wait (in wall time) until every live process stands at a door or has ended (`harness.clock.parties`); hand out what
these processes reported, in the order of their names; test the open waits; jump to the next timer. A wait that can never be met (no timer is left) ends
at once. With `pace` set the clock follows the wall instead of jumping.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from harness.clock.instants import SECOND, format_time
from harness.clock.parties import Parties

T = TypeVar("T")


class Outcome(Enum):
    """How a wait ended."""

    MET = "met"
    DEADLINE = "deadline"
    NOTHING_LEFT = "nothing left to happen"


class Stalled(RuntimeError):
    """A process neither knocked at a door nor ended within the wall limit."""


class Timer:
    """A callback that waits for its moment."""

    __slots__ = ("callback", "cancelled", "when_us")

    def __init__(self, when_us: int, callback: Callable[[], None]) -> None:
        self.when_us = when_us
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        """Make sure the callback does not run; harmless when it already did."""
        self.cancelled = True


@dataclass
class _Wait:
    condition: Callable[[], bool]
    deadline_us: int
    result: Future[Outcome] = field(default_factory=Future)


class _Asked(Generic[T]):
    """A function in the inbox whose answer somebody waits for."""

    def __init__(self, function: Callable[[], T]) -> None:
        self._function = function
        self.answer: Future[T] = Future()

    def __call__(self) -> None:
        if not self.answer.set_running_or_notify_cancel():
            return
        try:
            self.answer.set_result(self._function())
        except Exception as error:  # noqa: BLE001 - it belongs to the caller, who gets it
            self.answer.set_exception(error)

    def refuse(self) -> None:
        """It will never run."""
        if self.answer.set_running_or_notify_cancel():
            self.answer.set_exception(RuntimeError("the kernel is closed"))


class Kernel:
    """The owner of time and of all state.

    `at`, `after` and `now` belong to the kernel's thread (or to any thread before `start`); `post`, `call` and `wait` may be called from anywhere.
    """

    def __init__(self, start_us: int, *, wall_limit_s: float = 60.0, pace: float | None = None) -> None:
        self._now = start_us
        self.start_us = start_us
        self.parties = Parties(self)
        self._wall_limit_s = wall_limit_s
        self._pace = pace
        self._pace_anchor = (time.monotonic(), start_us)
        self._heap: list[tuple[int, int, int, Timer]] = []
        self._sequence = 0
        self._inbox: deque[Callable[[], None]] = deque()
        self._arrived = threading.Condition()
        self._waits: list[_Wait] = []
        self._closing = False
        self._closed = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="kernel", daemon=True)

    @property
    def now(self) -> int:
        """The present moment in microseconds since the Unix epoch."""
        return self._now

    @property
    def present(self) -> int:
        """Like `now`, from any thread, and with a pace as of this instant and not of the latest event."""
        return self._now if self._pace is None else max(self._now, self._paced_now())

    def at(self, when_us: int, callback: Callable[[], None], *, priority: int = 0) -> Timer:
        """Run `callback` at `when_us`; of equal moments the lower priority runs first, then the one asked for first.

        Raises ValueError when that moment has passed.
        """
        if when_us < self._now:
            raise ValueError(f"a timer for {format_time(when_us)} lies before the present {format_time(self._now)}")
        timer = Timer(when_us, callback)
        self._sequence += 1
        heapq.heappush(self._heap, (when_us, priority, self._sequence, timer))
        return timer

    def after(self, delay_us: int, callback: Callable[[], None], *, priority: int = 0) -> Timer:
        """Run `callback` in `delay_us` microseconds."""
        return self.at(self._now + delay_us, callback, priority=priority)

    def post(self, callback: Callable[[], None]) -> None:
        """Run `callback` on the kernel's thread at the present moment; returns at once. A closed kernel runs nothing."""
        self._put(callback)

    def submit(self, function: Callable[[], T]) -> Future[T]:
        """Like `post`, with the function's answer (or error) in a future; a kernel that was closed answers with RuntimeError."""
        asked = _Asked(function)
        if not self._put(asked):
            asked.refuse()
        return asked.answer

    def call(self, function: Callable[[], T]) -> T:
        """Run `function` on the kernel's thread and return its answer; from the kernel's own thread, directly."""
        if threading.current_thread() is self._thread or not self._thread.is_alive():
            return function()
        return self.submit(function).result()

    def wait(self, condition: Callable[[], bool], timeout_us: int) -> Outcome:
        """Let time move until `condition` (evaluated on the kernel's thread when all is settled) holds, at most for `timeout_us`.

        Raises Stalled, or whatever a callback raised.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("wait was called on the kernel's thread, which moves time itself: use a timer")

        def open_wait() -> None:
            if self._failure is not None:
                raise self._failure
            self._waits.append(wait)
            wait.deadline_us = self._now + timeout_us

        wait = _Wait(condition, 0)
        self.submit(open_wait).result()
        return wait.result.result()

    def start(self) -> None:
        """Start the kernel's thread."""
        self._pace_anchor = (time.monotonic(), self._now)
        self._thread.start()

    def close(self) -> None:
        """Stop the thread; timers that are left never run. Harmless when called twice."""
        if not self._thread.is_alive():
            return
        self.post(self._close)
        self._thread.join()

    def _close(self) -> None:
        self._closing = True

    def _main(self) -> None:
        while not self._closing:
            try:
                self._turn()
            except Exception as error:  # noqa: BLE001 - handed to everybody who waits
                self._failure = error
                self._end_waits(error)
        self._end_waits(RuntimeError("the kernel was closed while a wait was open"))
        with self._arrived:
            self._closed = True
        for left in self._inbox:
            if isinstance(left, _Asked):
                left.refuse()

    def _put(self, callback: Callable[[], None]) -> bool:
        """Into the inbox; False when nobody will look there any more."""
        with self._arrived:
            if self._closed:
                return False
            self._inbox.append(callback)
            self._arrived.notify()
            return True

    def _turn(self) -> None:
        """One round: what was posted, then what is due, then what processes reported, then the waits, then the next moment."""
        if self._run_inbox():
            return
        if self._failure is not None or (not self._waits and self._pace is None):
            self._sleep(None)
        elif self._run_due():
            return
        elif self.parties.busy():
            self._sleep_until_settled()
        elif self.parties.deliver():
            return
        elif not self._test_waits():
            self._advance()

    def _run_inbox(self) -> bool:
        if not self._inbox:
            return False
        if self._pace is not None:
            self._now = max(self._now, self._paced_now())
        self._inbox.popleft()()
        return True

    def _run_due(self) -> bool:
        while self._heap and self._heap[0][3].cancelled:
            heapq.heappop(self._heap)
        if not self._heap or self._heap[0][0] > self._now:
            return False
        heapq.heappop(self._heap)[3].callback()
        return True

    def _sleep_until_settled(self) -> None:
        if self._sleep(self._wall_limit_s):
            return
        if self.parties.busy():
            raise Stalled(self.parties.describe_busy(self._wall_limit_s))

    def _test_waits(self) -> bool:
        met = [wait for wait in self._waits if wait.condition()]
        for wait in met:
            self._waits.remove(wait)
            wait.result.set_result(Outcome.MET)
        return bool(met)

    def _advance(self) -> None:
        """Move the clock to the next timer, or to the earliest deadline, whichever comes first."""
        deadline = min((wait.deadline_us for wait in self._waits), default=None)
        upcoming = self._heap[0][0] if self._heap else None
        if upcoming is None and self._pace is None:
            self._finish_waits(lambda _wait: True, Outcome.NOTHING_LEFT)
            return
        moments = [moment for moment in (deadline, upcoming) if moment is not None]
        if self._pace is not None and not self._paced_to(min(moments, default=None)):
            return
        self._now = max(self._now, min(moments))
        if deadline is not None and deadline <= self._now and (upcoming is None or upcoming > deadline):
            self._finish_waits(lambda wait: wait.deadline_us <= self._now, Outcome.DEADLINE)

    def _paced_now(self) -> int:
        wall, virtual = self._pace_anchor
        return virtual + round((time.monotonic() - wall) * (self._pace or 1.0) * SECOND)

    def _paced_to(self, moment_us: int | None) -> bool:
        """Sleep towards `moment_us` at the wall's pace; False when something was posted meanwhile."""
        if moment_us is None:
            self._sleep(None)
            return False
        lag_s = (moment_us - self._paced_now()) / SECOND / (self._pace or 1.0)
        return lag_s <= 0 or not self._sleep(min(lag_s, threading.TIMEOUT_MAX))

    def _sleep(self, wall_s: float | None) -> bool:
        """Sleep until something is posted; False after `wall_s` seconds of the wall."""
        with self._arrived:
            return self._arrived.wait_for(lambda: bool(self._inbox), wall_s)

    def _finish_waits(self, chosen: Callable[[_Wait], bool], outcome: Outcome) -> None:
        for wait in [wait for wait in self._waits if chosen(wait)]:
            self._waits.remove(wait)
            wait.result.set_result(outcome)

    def _end_waits(self, error: BaseException) -> None:
        waits, self._waits = self._waits, []
        for wait in waits:
            wait.result.set_exception(error)
