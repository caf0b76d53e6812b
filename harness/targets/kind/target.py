"""The `kind` target: one cluster for all worlds of this process, made when the first world opens."""

from __future__ import annotations

import itertools
from typing import ClassVar

from harness.cloud.standin import MotoStandin
from harness.targets.base import Backend, Capability, Settings, TargetUnavailable
from harness.targets.kind.backend import KindBackend
from harness.targets.kind.cluster import find_kind
from harness.targets.kind.engine import Engine
from harness.targets.kind.session import KindSession
from harness.targets.project import Project


class KindTarget:
    """Builds worlds on a real Kubernetes whose nodes are containers."""

    name = "kind"
    capabilities: frozenset[Capability] = frozenset(
        {"real_processes", "real_containers", "spot_market", "bill", "kubernetes_api"}
    )
    one_at_a_time = True
    _session: ClassVar[KindSession | None] = None
    _busy: ClassVar[bool] = False
    _numbers: ClassVar[itertools.count[int]] = itertools.count(1)

    def require(self) -> None:
        """Docker has to answer, and kind to be there; the node image may be pulled later. Raises TargetUnavailable."""
        Engine().require()
        find_kind()

    def open(self, project: Project, settings: Settings) -> Backend:
        """A fresh world. Raises TargetUnavailable: for what is missing on this machine, and for a second world at a time."""
        if KindTarget._busy:
            raise TargetUnavailable("target kind carries one world at a time: close the other one first")
        if settings.workload != "real":
            raise TargetUnavailable("target kind runs real workloads only: use --target=sim for recorded ones")
        if KindTarget._session is None:
            KindTarget._session = KindSession.open(project.root)
        KindTarget._busy = True
        try:
            return _World(project, settings, KindTarget._session, next(KindTarget._numbers))
        except BaseException:
            KindTarget._busy = False
            raise


class _World(KindBackend):
    """A backend that lets the next world in."""

    def __init__(self, project: Project, settings: Settings, session: KindSession, number: int) -> None:
        self._owned = MotoStandin()
        super().__init__(project, settings, self._owned, session, number)

    def close(self) -> None:
        """Leave the cluster as it was found."""
        try:
            super().close()
        finally:
            self._owned.close()
            KindTarget._busy = False
