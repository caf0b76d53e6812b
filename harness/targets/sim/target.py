"""The `sim` target: needs pip alone. One stand-in is kept for all worlds of this process and emptied between them."""

from __future__ import annotations

import atexit
from typing import ClassVar

from harness.cloud.standin import MotoStandin, Standin
from harness.targets.base import Backend, Capability, Settings
from harness.targets.project import Project
from harness.targets.sim.backend import SimBackend


class SimTarget:
    """Builds worlds on the embedded cluster and the modelled AWS."""

    name = "sim"
    capabilities: frozenset[Capability] = frozenset(
        {"virtual_time", "real_processes", "spot_market", "bill", "kubernetes_api"}
    )
    one_at_a_time = False
    _idle: ClassVar[list[Standin]] = []

    def require(self) -> None:
        """Nothing is needed that pip did not bring."""

    def open(self, project: Project, settings: Settings) -> Backend:
        """A fresh world; worlds that are open at the same time have stand-ins of their own."""
        standin = self._idle.pop() if self._idle else _start()
        return _Returning(project, settings, standin)


class _Returning(SimBackend):
    """A backend that gives its stand-in back."""

    def __init__(self, project: Project, settings: Settings, standin: Standin) -> None:
        self._borrowed: Standin | None = standin
        super().__init__(project, settings, standin)

    def close(self) -> None:
        """Stop the world; the next one takes the stand-in."""
        super().close()
        if self._borrowed is not None:
            SimTarget._idle.append(self._borrowed)
            self._borrowed = None


def _start() -> Standin:
    standin = MotoStandin()
    atexit.register(standin.close)
    return standin
