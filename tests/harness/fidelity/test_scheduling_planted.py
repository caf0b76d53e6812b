"""Mistakes planted in the scheduler's queue show as differences from the recorded traces."""

from __future__ import annotations

import pytest

from harness.clock import SECOND
from harness.cluster.scheduler import queue
from harness.fidelity.command import Places, replay
from harness.fidelity.compare import Difference


def differences(name: str) -> list[Difference]:
    places = Places()
    (trace,) = places.traces([name])
    return replay(trace, places)


@pytest.mark.parametrize("name", ["scheduling/no-nodes", "scheduling/queue-order"])
def test_given_the_queue_as_it_is_when_replayed_then_nothing_differs(name: str) -> None:
    assert differences(name) == []


@pytest.mark.parametrize(
    "wrong",
    [queue.QueueSettings(backoff_first_us=3 * SECOND), queue.QueueSettings(backoff_last_us=30 * SECOND)],
)
def test_given_a_wrong_back_off_when_replayed_then_it_is_reported(
    wrong: queue.QueueSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "QueueSettings", lambda: wrong)
    assert differences("scheduling/no-nodes")


def test_given_a_queue_that_ignores_priorities_when_replayed_then_it_is_reported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    right = queue.SchedulingQueue._entry

    def first_come(
        self: queue.SchedulingQueue, queued: queue.Queued, ready_at_us: int
    ) -> tuple[int, int, int, int, int, str]:
        ready, _, *rest = right(self, queued, ready_at_us)
        since, sequence, ticket, key = rest
        return (ready, 0, since, sequence, ticket, key)  # type: ignore[return-value]  # mypy has lost the types of `rest`

    monkeypatch.setattr(queue.SchedulingQueue, "_entry", first_come)
    assert differences("scheduling/queue-order")
