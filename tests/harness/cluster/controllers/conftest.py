"""Real here: kernel, store, manager, recorder, scheduler and the controllers under test. Played: the kubelets (`bench.Kubelet`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A running, empty cluster."""
    bench = Bench()
    bench.kernel.start()
    yield bench
    bench.kernel.close()
