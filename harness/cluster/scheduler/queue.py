"""The scheduling queue: pods that can be tried now, pods that wait out a back-off, pods that nothing could take, and pods behind gates.

Follows `pkg/scheduler/backend/queue` (1.34). Higher priority first, then the longer in the queue. A pod that was refused waits until a cluster event
could help it, or for 5 minutes (looked at every 30 s). It then owes a back-off of 1 s, doubled with each refusal up to 10 s. Since 1.33
(SchedulerPopFromBackoffQ) back-offs end on whole seconds, and a scheduler with nothing else to do takes such a pod at once; only after an error (a
failed binding, no nodes at all) is the back-off always waited out. Refused pods are kept by class and by who refused them, so that an event asks once
for all pods that get the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from heapq import heappop, heappush

from harness.clock import MINUTE, SECOND
from harness.cluster.scheduler.podinfo import PodInfo

FLUSH_EVERY_US = 30 * SECOND
_MAX_DOUBLINGS = 30

_Entry = tuple[int, int, int, int, int, str]
"""When it is ready, what orders pods that are ready together, the ticket, the key."""


@dataclass(frozen=True)
class QueueSettings:
    """kube-scheduler's knobs: podInitialBackoffSeconds, podMaxBackoffSeconds, and the gate SchedulerPopFromBackoffQ (on since 1.33)."""

    backoff_first_us: int = 1 * SECOND
    backoff_last_us: int = 10 * SECOND
    unschedulable_max_us: int = 5 * MINUTE
    pops_early: bool = True


@dataclass(eq=False)
class Queued:
    """A pod in the queue, and its history there."""

    pod: PodInfo
    since_us: int
    sequence: int
    attempts: int = 0
    refusals: int = 0
    errors: int = 0  # since the last refusal
    refused_by: tuple[str, ...] = ()
    ready_at_us: int = 0
    group: Group | None = None
    ticket: int = field(default=0)  # entries of the heaps with another ticket are void


@dataclass(eq=False)
class Group:
    """Refused pods that get the same answer from the plugins that refused them."""

    refused_by: tuple[str, ...]
    kind: str
    members: dict[str, Queued] = field(default_factory=dict)


class SchedulingQueue:
    """All pods that have no node yet."""

    def __init__(self, settings: QueueSettings | None = None, start_us: int = 0) -> None:
        self._settings = settings or QueueSettings()
        self._start_us = start_us
        self._pods: dict[str, Queued] = {}
        self._active: list[_Entry] = []
        self._backoff: list[_Entry] = []
        self._errors: list[_Entry] = []
        self._refused: dict[str, Queued] = {}  # in the order of their refusal
        self._groups: dict[tuple[tuple[str, ...], str], Group] = {}
        self._by_plugin: dict[str, dict[int, Group]] = {}
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
        """A new pod without a node, or one whose last gate was taken away."""
        self._sequence += 1
        queued = self._pods[pod.key] = Queued(pod, now_us, self._sequence)
        self._activate(queued)

    def update(self, pod: PodInfo) -> None:
        """The pod object changed; its place stays unless its priority changed."""
        queued = self._pods[pod.key]
        reordered = queued.ticket and queued.pod.priority != pod.priority
        queued.pod = pod
        if reordered:
            self._activate(queued)

    def remove(self, key: str) -> None:
        """The pod has a node, ended or has gone; harmless when it is not here."""
        queued = self._pods.pop(key, None)
        if queued is not None:
            queued.ticket = 0
            self._leave(queued)

    def pop(self, now_us: int) -> Queued | None:
        """The next pod to try, or None. It stays known until it is removed or put back."""
        self._flush(now_us)
        queued = self._pop_valid(self._active)
        if queued is None and self._settings.pops_early:
            queued = self._pop_valid(self._backoff)
        if queued is not None:
            queued.attempts += 1
            queued.ticket = 0
        return queued

    def refuse(self, queued: Queued, refused_by: tuple[str, ...], kind: str, now_us: int) -> None:
        """No node could take it: wait for an event that could help. Pods of one `kind` get the same answers from `refused_by`."""
        queued.refused_by = refused_by
        queued.refusals += 1
        queued.errors = 0
        self._owe(queued, queued.refusals, now_us)
        group = self._groups.get((refused_by, kind))
        if group is None:
            group = self._groups[(refused_by, kind)] = Group(refused_by, kind)
            for plugin in refused_by:
                self._by_plugin.setdefault(plugin, {})[id(group)] = group
        group.members[queued.pod.key] = queued
        queued.group = group
        self._refused[queued.pod.key] = queued

    def retry(self, queued: Queued, now_us: int) -> None:
        """Something failed that no plugin answers for: try again after the back-off."""
        queued.refused_by = ()
        queued.errors += 1
        self._owe(queued, queued.errors, now_us)
        heappush(self._errors, self._entry(queued, queued.ready_at_us))

    def wake(self, plugins: Iterable[str], helps: Callable[[Group], bool], now_us: int) -> None:
        """A cluster event that these plugins listen to: refused pods that it could help are tried again."""
        asked: dict[int, Group] = {}
        for plugin in plugins:
            asked.update(self._by_plugin.get(plugin, {}))
        for group in asked.values():
            if helps(group):
                for queued in sorted(group.members.values(), key=lambda queued: queued.sequence):
                    self._wake(queued, now_us)

    def wake_one(self, key: str, now_us: int) -> None:
        """Something about this very pod changed that could help it."""
        if key in self._refused:
            self._wake(self._refused[key], now_us)

    def wake_where(self, chosen: Callable[[PodInfo], bool], now_us: int) -> None:
        """Try again every refused pod for which this holds."""
        for queued in [queued for queued in self._refused.values() if chosen(queued.pod)]:
            self._wake(queued, now_us)

    def refused_by(self, key: str) -> tuple[str, ...]:
        """Who refused a pod that waits for an event; empty when it does not wait for one."""
        queued = self._refused.get(key)
        return () if queued is None else queued.refused_by

    def next_us(self, now_us: int) -> int | None:
        """Microseconds until there is something to try without any event; 0 when there is already."""
        if self._peek(self._active) is not None:
            return 0
        early, late = self._peek(self._backoff), self._peek(self._errors)
        if early is not None and self._settings.pops_early:
            return 0
        moments = [entry[0] for entry in (early, late) if entry is not None]
        if self._refused:
            moments.append(self._flushed_at(next(iter(self._refused.values()))))
        return max(min(moments) - now_us, 0) if moments else None

    def _pop_valid(self, heap: list[_Entry]) -> Queued | None:
        return None if self._peek(heap) is None else self._pods[heappop(heap)[-1]]

    def _peek(self, heap: list[_Entry]) -> _Entry | None:
        """The first valid entry; void ones are thrown away."""
        while heap:
            *_, ticket, key = heap[0]
            queued = self._pods.get(key)
            if queued is not None and queued.ticket == ticket:
                return heap[0]
            heappop(heap)
        return None

    def _owe(self, queued: Queued, count: int, now_us: int) -> None:
        """Upstream's getBackoffTime, and the flush that ends it: at the first whole second after the second in which it is over."""
        queued.since_us = now_us
        owed_us = min(self._settings.backoff_first_us << min(count - 1, _MAX_DOUBLINGS), self._settings.backoff_last_us)
        if self._settings.pops_early:
            queued.ready_at_us = ((now_us + owed_us) // SECOND + 1) * SECOND
        else:
            queued.ready_at_us = now_us + owed_us

    def _leave(self, queued: Queued) -> None:
        key = queued.pod.key
        self._refused.pop(key, None)
        group, queued.group = queued.group, None
        if group is None:
            return
        group.members.pop(key, None)
        if not group.members:
            del self._groups[(group.refused_by, group.kind)]
            for plugin in group.refused_by:
                del self._by_plugin[plugin][id(group)]

    def _wake(self, queued: Queued, now_us: int) -> None:
        self._leave(queued)
        if queued.ready_at_us > now_us:
            heappush(self._backoff, self._entry(queued, queued.ready_at_us))
        else:
            self._activate(queued)

    def _activate(self, queued: Queued) -> None:
        heappush(self._active, self._entry(queued, 0))

    def _entry(self, queued: Queued, ready_at_us: int) -> _Entry:
        """Pods that are ready together: higher priority first, then the longer in the queue."""
        pod = queued.pod
        return (ready_at_us, -pod.priority, queued.since_us, queued.sequence, self._ticket(queued), pod.key)

    def _ticket(self, queued: Queued) -> int:
        self._tickets += 1
        queued.ticket = self._tickets
        return self._tickets

    def _flushed_at(self, queued: Queued) -> int:
        """The first look, every 30 s since the start, at which it has waited for more than five minutes."""
        waited_us = queued.since_us + self._settings.unschedulable_max_us - self._start_us
        return self._start_us + (waited_us // FLUSH_EVERY_US + 1) * FLUSH_EVERY_US

    def _flush(self, now_us: int) -> None:
        """Back-offs that are over, and pods that waited too long for an event."""
        for heap in (self._backoff, self._errors):
            while (entry := self._peek(heap)) is not None and entry[0] <= now_us:
                self._activate(self._pods[heappop(heap)[-1]])
        while self._refused:
            oldest = next(iter(self._refused.values()))
            if self._flushed_at(oldest) > now_us:
                break
            self._wake(oldest, now_us)
