"""The scheduling queue: pods that can be tried now, pods that wait out a back-off, and pods that nothing could take.

Follows `pkg/scheduler/backend/queue/scheduling_queue.go` (1.34): higher priority first, then the longer in the queue. A pod that was refused waits until a
cluster event could help it, or for 5 minutes. It then owes a back-off of 1 s, doubled with each attempt up to 10 s, but since
1.33 (SchedulerPopFromBackoffQ) a scheduler with nothing else to do takes it at once; only
after an error, such as a failed binding, the back-off is always waited out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from harness.clock import MINUTE, SECOND
from harness.cluster.scheduler.podinfo import PodInfo


@dataclass(frozen=True)
class QueueSettings:
    """kube-scheduler's knobs. `pops_early` is the gate SchedulerPopFromBackoffQ (on since 1.33)."""

    backoff_first_us: int = 1 * SECOND
    backoff_last_us: int = 10 * SECOND
    unschedulable_max_us: int = 5 * MINUTE
    pops_early: bool = True


@dataclass
class Queued:
    """A pod in the queue, and its history there."""

    pod: PodInfo
    since_us: int
    sequence: int
    attempts: int = 0
    refused_by: tuple[str, ...] = ()
    ready_at_us: int = 0
    ticket: int = field(default=0)  # entries of the heaps with an older ticket are void


class SchedulingQueue:
    """All pods that have no node yet."""

    def __init__(self, settings: QueueSettings | None = None) -> None:
        self._settings = settings or QueueSettings()
        self._pods: dict[str, Queued] = {}
        self._active: list[tuple[int, int, int, int, str]] = []
        self._backoff: list[tuple[int, int, int, int, int, str]] = []
        self._errors: list[tuple[int, int, int, int, int, str]] = []
        self._unschedulable: dict[str, Queued] = {}
        self._sequence = 0
        self._tickets = 0

    def __contains__(self, key: str) -> bool:
        return key in self._pods

    def __len__(self) -> int:
        return len(self._pods)

    def get(self, key: str) -> PodInfo | None:
        """The pod as the queue knows it."""
        queued = self._pods.get(key)
        return None if queued is None else queued.pod

    def add(self, pod: PodInfo, now_us: int) -> None:
        """A new pod without a node."""
        self._sequence += 1
        queued = self._pods[pod.key] = Queued(pod, now_us, self._sequence)
        self._activate(queued)

    def update(self, pod: PodInfo) -> None:
        """The pod object changed; its place stays."""
        self._pods[pod.key].pod = pod

    def remove(self, key: str) -> None:
        """The pod has a node, ended or has gone; harmless when it is not here."""
        queued = self._pods.pop(key, None)
        if queued is not None:
            queued.ticket = 0
            self._unschedulable.pop(key, None)

    def pop(self, now_us: int) -> Queued | None:
        """The next pod to try, or None. It stays known until it is removed or put back."""
        self._flush(now_us)
        while self._active:
            *_, ticket, key = heappop(self._active)
            if self._is_valid(ticket, key):
                return self._taken(self._pods[key])
        while self._settings.pops_early and self._backoff:
            *_, ticket, key = heappop(self._backoff)
            if self._is_valid(ticket, key):
                return self._taken(self._pods[key])
        return None

    def refuse(self, queued: Queued, refused_by: tuple[str, ...], now_us: int) -> None:
        """No node could take it: wait for an event that could help."""
        queued.refused_by = refused_by
        queued.since_us = now_us
        queued.ready_at_us = now_us + self._backoff_us(queued)
        self._unschedulable[queued.pod.key] = queued

    def retry(self, queued: Queued, now_us: int) -> None:
        """Something failed that was not the pod's fault: try again after the back-off."""
        queued.since_us = now_us
        queued.ready_at_us = now_us + self._backoff_us(queued)
        heappush(self._errors, self._backoff_entry(queued))

    def wake(self, helps: Callable[[Queued], bool], now_us: int) -> None:
        """A cluster event: pods that it could help are tried again."""
        for queued in [queued for queued in self._unschedulable.values() if helps(queued)]:
            self._wake(queued, now_us)

    def wake_one(self, key: str, now_us: int) -> None:
        """Something about this very pod changed that could help it."""
        if key in self._unschedulable:
            self._wake(self._unschedulable[key], now_us)

    def waiting(self) -> Iterable[Queued]:
        """The pods that were refused and wait for an event."""
        return tuple(self._unschedulable.values())

    def next_us(self, now_us: int) -> int | None:
        """Microseconds until there is something to try without any event; 0 when there is already."""
        if any(self._is_valid(ticket, key) for *_, ticket, key in self._active) or self._pops_now():
            return 0
        backing_off = (*self._backoff, *self._errors)
        moments = [when for when, *_, ticket, key in backing_off if self._is_valid(ticket, key)]
        if self._unschedulable:
            moments.append(self._oldest().since_us + self._settings.unschedulable_max_us)
        return max(min(moments) - now_us, 0) if moments else None

    def _oldest(self) -> Queued:
        return next(iter(self._unschedulable.values()))  # they are kept in the order of their refusal

    def _pops_now(self) -> bool:
        return self._settings.pops_early and any(self._is_valid(ticket, key) for *_, ticket, key in self._backoff)

    def _is_valid(self, ticket: int, key: str) -> bool:
        queued = self._pods.get(key)
        return queued is not None and queued.ticket == ticket

    def _backoff_us(self, queued: Queued) -> int:
        return min(self._settings.backoff_first_us << max(queued.attempts - 1, 0), self._settings.backoff_last_us)

    def _taken(self, queued: Queued) -> Queued:
        queued.attempts += 1
        queued.ticket = 0
        return queued

    def _wake(self, queued: Queued, now_us: int) -> None:
        del self._unschedulable[queued.pod.key]
        if queued.ready_at_us > now_us:
            heappush(self._backoff, self._backoff_entry(queued))
        else:
            self._activate(queued)

    def _activate(self, queued: Queued) -> None:
        entry = (-queued.pod.priority, queued.since_us, queued.sequence, self._ticket(queued), queued.pod.key)
        heappush(self._active, entry)

    def _backoff_entry(self, queued: Queued) -> tuple[int, int, int, int, int, str]:
        """Pods whose back-off ends in the same second are ordered as active ones."""
        window_us = SECOND if self._settings.pops_early else 1
        ready_us = queued.ready_at_us // window_us * window_us
        pod = queued.pod
        return (ready_us, -pod.priority, queued.since_us, queued.sequence, self._ticket(queued), pod.key)

    def _ticket(self, queued: Queued) -> int:
        self._tickets += 1
        queued.ticket = self._tickets
        return self._tickets

    def _flush(self, now_us: int) -> None:
        """Back-offs that are over, and pods that waited too long for an event."""
        for heap in (self._backoff, self._errors):
            while heap and heap[0][0] <= now_us:
                *_, ticket, key = heappop(heap)
                if self._is_valid(ticket, key):
                    self._activate(self._pods[key])
        while self._unschedulable and self._oldest().since_us + self._settings.unschedulable_max_us <= now_us:
            self._wake(self._oldest(), now_us)
