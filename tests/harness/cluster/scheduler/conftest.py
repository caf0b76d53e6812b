"""Real here: kernel, store and scheduler (`World`), or the scheduling cycle alone. There are no kubelets and no other controllers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .world import World


@pytest.fixture
def world() -> Iterator[World]:
    """A running, empty cluster."""
    world = World()
    world.kernel.start()
    yield world
    world.kernel.close()
