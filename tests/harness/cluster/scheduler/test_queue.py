"""The scheduling queue: order, back-off, flush and wake-ups."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import SECOND
from harness.cluster.scheduler.podinfo import pod_info
from harness.cluster.scheduler.queue import QueueSettings, SchedulingQueue

from .world import pod


def add(queue: SchedulingQueue, name: str, now_s: int = 0, **spec: Any) -> None:
    queue.add(pod_info(pod(name, **spec)), now_s * SECOND)


def popped(queue: SchedulingQueue, now_s: float = 0) -> list[str]:
    names = []
    while (queued := queue.pop(round(now_s * SECOND))) is not None:
        names.append(queued.pod.key.removeprefix("default/"))
    return names


def refuse_next(queue: SchedulingQueue, now_s: float, plugin: str = "NodeResourcesFit") -> None:
    queued = queue.pop(round(now_s * SECOND))
    assert queued is not None
    queue.refuse(queued, (plugin,), "kind", round(now_s * SECOND))


def wake(queue: SchedulingQueue, now_s: float, helps: bool = True) -> None:
    """An event that NodeResourcesFit listens to."""
    queue.wake(
        ["NodeResourcesFit"], lambda group: helps and "NodeResourcesFit" in group.refused_by, round(now_s * SECOND)
    )


def test_given_pods_when_popped_then_priority_goes_before_age_and_age_before_order_of_arrival() -> None:
    queue = SchedulingQueue()
    add(queue, "later", 1)
    add(queue, "first")
    add(queue, "second")
    add(queue, "urgent", 2, priority=10)
    assert popped(queue, 5) == ["urgent", "first", "second", "later"]


def test_given_a_refused_pod_when_no_event_helps_then_it_is_tried_again_after_5_minutes() -> None:
    queue = SchedulingQueue()
    add(queue, "p")
    refuse_next(queue, 0)
    assert (
        queue.pop(329 * SECOND) is None
    )  # looked at every 30 s, and at 300 s it has not waited for more than 5 minutes
    assert queue.next_us(0) == 330 * SECOND
    assert popped(queue, 330) == ["p"]


def test_given_a_refused_pod_when_an_event_helps_then_it_is_tried_at_once_as_nothing_else_is_to_do() -> None:
    queue = SchedulingQueue()
    add(queue, "p")
    refuse_next(queue, 0)
    wake(queue, 0, helps=False)
    queue.wake(["NodePorts"], lambda _: True, 0)
    assert popped(queue) == []
    wake(queue, 0)
    assert queue.next_us(0) == 0
    assert popped(queue) == ["p"]


def test_given_a_scheduler_before_1_33_when_an_event_helps_then_the_back_off_doubles_from_1_s_to_10_s() -> None:
    queue = SchedulingQueue(QueueSettings(pops_early=False))
    add(queue, "p")
    now, waits = 0.0, []
    for _ in range(6):
        refuse_next(queue, now)
        wake(queue, now)
        wait_us = queue.next_us(round(now * SECOND))
        assert wait_us is not None
        waits.append(wait_us / SECOND)
        assert queue.pop(round((now + waits[-1]) * SECOND) - 1) is None
        now += waits[-1]
    assert waits == [1, 2, 4, 8, 10, 10]


def test_given_active_pods_when_a_woken_one_owes_a_back_off_then_the_others_go_first() -> None:
    queue = SchedulingQueue()
    add(queue, "woken", priority=10)
    refuse_next(queue, 0)
    add(queue, "new")
    wake(queue, 0)
    assert popped(queue) == ["new", "woken"]


def test_given_a_failed_binding_when_nothing_else_is_to_do_then_its_back_off_is_waited_out() -> None:
    queue = SchedulingQueue()
    add(queue, "p")
    queued = queue.pop(0)
    assert queued is not None
    queue.retry(queued, 0)
    assert queue.pop(2 * SECOND - 1) is None
    assert queue.next_us(0) == 2 * SECOND
    assert popped(queue, 2) == ["p"]


def test_given_errors_when_repeated_then_the_back_offs_are_those_seen_on_a_real_scheduler() -> None:
    """Attempts at 42.53 s, 44, 47, 52, 61 ...: 1, 2, 4, 8, 10 s later, cut to the second, and the flush of the second after that."""
    queue = SchedulingQueue()
    add(queue, "p")
    now, attempts = 42.53, [42.53]
    for _ in range(5):
        queued = queue.pop(round(now * SECOND))
        assert queued is not None
        queue.retry(queued, round(now * SECOND))
        wait_us = queue.next_us(round(now * SECOND))
        assert wait_us is not None
        now += wait_us / SECOND
        attempts.append(round(now, 2))
    assert attempts == [42.53, 44, 47, 52, 61, 72]


@pytest.mark.parametrize("state", ["active", "unschedulable", "backoff"])
def test_given_a_pod_in_any_state_when_it_is_removed_then_it_is_never_popped(state: str) -> None:
    queue = SchedulingQueue()
    add(queue, "p")
    if state != "active":
        refuse_next(queue, 0)
    if state == "backoff":
        wake(queue, 0)
    queue.remove("default/p")
    assert popped(queue, 1000) == []
    assert queue.next_us(0) is None
    assert len(queue) == 0


def test_given_a_pod_that_is_added_again_under_its_name_when_popped_then_it_comes_once() -> None:
    queue = SchedulingQueue()
    add(queue, "p")
    queue.remove("default/p")
    add(queue, "p")
    assert popped(queue) == ["p"]
