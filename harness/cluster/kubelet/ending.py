"""How a pod, or one container of it, is brought to its end: who is told, when SIGTERM goes out, what a second and more impatient order changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.clock import Kernel
from harness.cluster.kubelet import stopping
from harness.cluster.kubelet.containers import Container
from harness.cluster.kubelet.starter import Starter
from harness.cluster.kubelet.status import Verdict
from harness.kube.objects import Object


class Ending:
    """The end of one pod; it has begun once it has a grace period. `pod` gives the present object, for events."""

    def __init__(
        self, kernel: Kernel, starter: Starter, containers: Sequence[Container], pod: Callable[[], Object]
    ) -> None:
        self.grace_s: int | None = None
        self.verdict: Verdict | None = None
        self._kernel = kernel
        self._tools = starter
        self._containers = containers
        self._pod = pod

    @property
    def begun(self) -> bool:
        """Whether the pod has been told to end."""
        return self.grace_s is not None

    def begin(self, grace_s: int, verdict: Verdict | None) -> None:
        """Tell the pod to end; a second order counts when it is more impatient."""
        if self.grace_s is None:
            self.grace_s, self.verdict = grace_s, verdict
        elif grace_s < self.grace_s:
            self.grace_s = grace_s
            for container in self._running():
                again_s = stopping.hurry(container, grace_s, self._kernel.now)
                if again_s is not None:
                    self._terminate(container, again_s)

    def stop_all(self) -> bool:
        """Tell what runs and has not been told; whether nothing runs any more."""
        for container in self._running():
            if container.stopping is None:
                self.stop(container, self.grace_s or 0)
        return not any(container.is_running for container in self._containers)

    def stop(self, container: Container, grace_s: int, message: str | None = None, *, ordered: bool = True) -> None:
        """Tell one container; without `ordered` it does not wait for others."""
        text = message or f"Stopping container {container.name}"
        self._tools.recorder.event(self._pod(), "Normal", "Killing", text)
        stopping.begin(container, grace_s, self._kernel.now, ordered=ordered)

    def signal(self) -> None:
        """SIGTERM for every container whose turn has come."""
        for container in self._running():
            grace_s, _ = stopping.signal_due(container, self._containers, self._kernel.now)
            if grace_s is not None and container.stopping is not None:
                container.stopping.signalled = True
                self._terminate(container, grace_s)

    def due_us(self) -> Iterator[int]:
        """The moments at which a turn may come by itself."""
        for container in self._running():
            _, again_us = stopping.signal_due(container, self._containers, self._kernel.now)
            if again_us is not None:
                yield again_us

    def _running(self) -> list[Container]:
        return [container for container in self._containers if container.is_running]

    def _terminate(self, container: Container, grace_s: int) -> None:
        if container.party is not None:
            self._tools.hooks.runtime.terminate(container.party, grace_s)
