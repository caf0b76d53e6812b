"""The kubelets' eviction manager: watches what the modelled containers of each node hold, and makes room when it is too much.

Looks at a node when a container starts, ends or changes what it holds; under pressure every ten seconds, one pod at a time, as upstream. Real processes
are left out: what they hold differs from run to run, and their limits are enforced where they run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.clock import SECOND, Kernel, Timer
from harness.cluster.kubelet import pressure
from harness.cluster.kubelet.node import KubeletNode, NodeStatus
from harness.cluster.kubelet.worker import PodWorker
from harness.kube.client import Reader
from harness.kube.events import Recorder
from harness.kube.metrics import Usage
from harness.kube.resources import NODES

_LOOK_US = pressure.LOOK_EVERY_S * SECOND


@dataclass
class _Watch:
    timer: Timer | None = None
    last_us: int = 0  # when there was pressure last


class Evictions:
    """Acts for all nodes. `on_node` gives the workers of a node."""

    def __init__(
        self,
        kernel: Kernel,
        reader: Reader,
        recorder: Recorder,
        status: NodeStatus,
        on_node: Callable[[str], Sequence[PodWorker]],
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._recorder = recorder
        self._status = status
        self._on_node = on_node
        self._watches: dict[str, _Watch] = {}

    def changed(self, node: KubeletNode, usage: Usage | None) -> None:
        """A container of the node has started with this usage, or (None) ended."""
        counts = usage is not None and not usage.measured and (usage.memory_bytes or usage.until_us is not None)
        if not counts and node.name not in self._watches:
            return
        held, change_us = self._held(node)
        watch = self._watches.setdefault(node.name, _Watch())
        if watch.timer is not None:
            watch.timer.cancel()
            watch.timer = None
        found = self._reader.get(NODES, None, node.name)
        if found is None or node.gone:
            del self._watches[node.name]
            return
        low = pressure.available_bytes(found, held) < pressure.THRESHOLD_BYTES
        moments = [] if change_us is None else [change_us]
        if low:
            moments.append(_regular_look_us(node, self._kernel.now + 1))
        elif node.memory_pressure:
            moments.append(_regular_look_us(node, watch.last_us + pressure.TRANSITION_S * SECOND))
        if moments:
            watch.timer = self._kernel.at(min(moments), lambda: self._look(node))

    def _look(self, node: KubeletNode) -> None:
        """The regular look of the manager."""
        watch, found = self._watches[node.name], self._reader.get(NODES, None, node.name)
        watch.timer = None
        if found is None or node.gone:
            del self._watches[node.name]
            return
        now = self._kernel.now
        held, _ = self._held(node)
        available = pressure.available_bytes(found, held)
        low = available < pressure.THRESHOLD_BYTES
        if low and (now - node.joined_us) % _LOOK_US == 0:
            watch.last_us = now
            if not node.memory_pressure:
                self._status.set_memory_pressure(node, pressed=True)
            self._recorder.event(found, "Warning", "EvictionThresholdMet", "Attempting to reclaim memory")
            first = pressure.first_to_go(held)
            if first is not None:
                verdict = pressure.verdict(first, available)
                self._recorder.event(first.pod, "Warning", verdict.reason, verdict.message)
                uid = first.pod["metadata"]["uid"]
                next(worker for worker in self._on_node(node.name) if worker.uid == uid).end(pressure.GRACE_S, verdict)
        elif not low and node.memory_pressure and now - watch.last_us >= pressure.TRANSITION_S * SECOND:
            self._status.set_memory_pressure(node, pressed=False)
        if watch.timer is None:
            self.changed(node, None)

    def _held(self, node: KubeletNode) -> tuple[list[pressure.Held], int | None]:
        """What the node's pods hold, and when that changes by itself."""
        held: list[pressure.Held] = []
        changes: list[int] = []
        for worker in self._on_node(node.name):
            if not worker.admitted or worker.ending:
                continue
            usages = {name: usage for name, usage in worker.usage().items() if not usage.measured}
            containers = {name: usage.memory_bytes for name, usage in usages.items() if usage.memory_bytes}
            changes.extend(usage.until_us for usage in usages.values() if usage.until_us is not None)
            if containers:
                held.append(pressure.Held(worker.pod, containers))
        return held, min(changes, default=None)


def _regular_look_us(node: KubeletNode, moment_us: int) -> int:
    """The first regular look at `moment_us` or after."""
    return node.joined_us - (node.joined_us - moment_us) // _LOOK_US * _LOOK_US
