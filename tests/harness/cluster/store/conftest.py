"""A store on a kernel that was not started: everything runs in the test's own thread, and time stands still unless a test moves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.clock import Kernel, Seeds, parse_time
from harness.cluster.store import Store

START_US = parse_time("2026-03-01T08:00:00Z")


@pytest.fixture
def kernel() -> Kernel:
    return Kernel(START_US)


@pytest.fixture
def store(kernel: Kernel) -> Store:
    return Store(kernel, Seeds(7))


@pytest.fixture
def pod() -> Callable[..., dict[str, Any]]:
    """A small pod, as a client sends it."""

    def make(name: str = "p", namespace: str = "default", **spec: Any) -> dict[str, Any]:
        containers = [{"name": "main", "image": "app:1"}]
        return {"metadata": {"name": name, "namespace": namespace}, "spec": {"containers": containers, **spec}}

    return make
