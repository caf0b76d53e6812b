"""One PodRuntime in front of two: real processes and modelled containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from harness.kube.hooks import ContainerExit, ContainerStart, PodRuntime, ProbeAnswer, ProbeKind
from harness.kube.metrics import Usage

Workload = Literal["real", "recorded"]


class RuntimeSwitch:
    """Our services run as real processes when the workload is real; everything else is modelled."""

    def __init__(self, real: PodRuntime, modelled: PodRuntime, workload: Workload) -> None:
        self._real = real
        self._modelled = modelled
        self._workload = workload
        self._chosen: dict[str, PodRuntime] = {}

    def start(self, start: ContainerStart, ended: Callable[[ContainerExit], None]) -> None:
        """Start a container where it belongs."""
        runtime = self._real if self._workload == "real" and start.image.service is not None else self._modelled

        def on_end(exit_: ContainerExit) -> None:
            del self._chosen[start.party]
            ended(exit_)

        runtime.start(start, on_end)
        self._chosen[start.party] = runtime

    def terminate(self, party: str, grace_s: int) -> None:
        """SIGTERM now, SIGKILL after the grace period."""
        if party in self._chosen:
            self._chosen[party].terminate(party, grace_s)

    def kill(self, party: str) -> None:
        """SIGKILL now."""
        if party in self._chosen:
            self._chosen[party].kill(party)

    def probe(
        self, party: str, kind: ProbeKind, probe: Mapping[str, Any], answered: Callable[[ProbeAnswer], None]
    ) -> None:
        """Probe a running container."""
        if party in self._chosen:
            self._chosen[party].probe(party, kind, probe, answered)

    def usage(self, party: str) -> Usage | None:
        """What a running container uses now."""
        return self._chosen[party].usage(party) if party in self._chosen else None
