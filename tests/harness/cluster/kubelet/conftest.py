"""Real are the kernel, the store, the kubelets and the runtime; scripted are the images, the node's agents and the volumes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cluster.kubelet.runtimes import ProcessRuntime
from tests.harness.cluster.kubelet.world import World

PROGRAMS = Path(__file__).with_name("programs")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One node, modelled containers."""
    made = World(tmp_path)
    made.node()
    yield made
    made.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[World]:
    """One node, real processes: the service `ebi` runs `python -m sample`."""

    def runtime(world: World) -> ProcessRuntime:
        return ProcessRuntime(
            world.kernel, world.recorder, world.state_dir, search_path=[PROGRAMS], wall_patience_s=0.3
        )

    made = World(tmp_path, runtime)
    made.images.entrypoints["ebi"] = ("python", "-m", "sample")
    made.node()
    yield made
    made.close()
    assert isinstance(made.runtime, ProcessRuntime)
    made.runtime.close()
