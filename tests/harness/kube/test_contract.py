"""The contract of Reader and Writer: the store, the embedded API over HTTP, a reader that is behind, and (HARNESS_CONTROL_PLANE) a real API server."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Kernel, Seeds, parse_time
from harness.cluster.api import ApiServer
from harness.cluster.store import Store
from harness.kube.errors import NotFound
from harness.kube.objects import new_object
from harness.kube.remote import RemoteCluster, RemoteReader, RemoteWriter
from harness.kube.remote.transport import Stream
from harness.kube.resources import NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS
from tests.harness.kube.contract import ClientContract, Place

START = parse_time("2026-03-01T08:00:00Z")
_NUMBERS = itertools.count(1)


def furnish(kernel: Kernel, writer: Any) -> tuple[str, str]:
    """A namespace and a node of one's own."""
    name = f"contract-{os.getpid()}-{next(_NUMBERS)}"
    kernel.call(lambda: writer.create(NAMESPACES, new_object(NAMESPACES, name)))
    kernel.call(lambda: writer.create(NODES, new_object(NODES, name)))
    return name, name


class TestStore(ClientContract):
    """The embedded store, in process."""

    @pytest.fixture
    def place(self) -> Iterator[Place]:
        kernel = Kernel(START)
        store = Store(kernel, Seeds(1))
        kernel.start()
        yield Place(kernel, store, store, *furnish(kernel, store))
        kernel.close()


@contextmanager
def served(directory: Path) -> Iterator[tuple[Kernel, RemoteCluster]]:
    """The embedded API over HTTP, and a client on a kernel of its own."""
    kernel, own = Kernel(START), Kernel(time.time_ns() // 1000, pace=1.0)
    store = Store(kernel, Seeds(1))
    kernel.start()
    own.start()
    server = ApiServer(kernel, store, version="v1.36.0", log_path=lambda *_: directory / "log").start()
    cluster = RemoteCluster.from_kubeconfig(own, server.kubeconfig(directory / "kubeconfig"))
    try:
        yield own, cluster
    finally:
        cluster.close()
        server.close()
        own.close()
        kernel.close()


class TestRemote(ClientContract):
    """HTTP, to the embedded API."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        with served(tmp_path) as (kernel, cluster):
            writer = cluster.writer("contract")
            yield Place(kernel, cluster.reader, writer, *furnish(kernel, writer))


class _Slow:
    """A channel whose watch lines come late, and whose watches break off after every third line."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel
        self._late = threading.Event()

    def request(self, *args: Any, **options: Any) -> Any:
        return self._channel.request(*args, **options)

    def stream(self, *args: Any, **options: Any) -> Any:
        return _Lagging(self._channel.stream(*args, **options), self._late)


class _Lagging:
    def __init__(self, stream: Stream, late: threading.Event) -> None:
        self._stream = stream
        self._late = late

    def __iter__(self) -> Iterator[bytes]:
        for line in itertools.islice(self._stream, 3):
            self._late.wait(0.03)
            yield line

    def close(self) -> None:
        self._stream.close()


class TestStaleReader(ClientContract):
    """A cache that is 30 ms behind, over watches that keep breaking off."""

    @pytest.fixture
    def place(self, tmp_path: Path) -> Iterator[Place]:
        with served(tmp_path) as (kernel, cluster):
            writer = cluster.writer("contract")
            reader = RemoteReader(kernel, _Slow(cluster.transport))
            yield Place(kernel, reader, writer, *furnish(kernel, writer))
            reader.close()


@pytest.mark.skipif(not os.environ.get("HARNESS_CONTROL_PLANE"), reason="HARNESS_CONTROL_PLANE names no kubeconfig")
class TestRealServer(ClientContract):
    """A real kube-apiserver with its controllers."""

    @pytest.fixture
    def place(self) -> Iterator[Place]:
        kernel = Kernel(time.time_ns() // 1000, pace=1.0)
        kernel.start()
        cluster = RemoteCluster.from_kubeconfig(kernel, Path(os.environ["HARNESS_CONTROL_PLANE"]))
        writer = cluster.writer("contract")
        place = Place(kernel, cluster.reader, writer, *furnish(kernel, writer))
        place.until(lambda: place.reader.get(SERVICE_ACCOUNTS, place.namespace, "default") is not None)
        yield place
        for pod in place.do(lambda: place.reader.list(PODS, place.namespace)):
            _quietly(writer, PODS, place.namespace, pod["metadata"]["name"])
        _quietly(writer, NODES, None, place.node)
        _quietly(writer, NAMESPACES, None, place.namespace)
        cluster.close()
        kernel.close()


def _quietly(writer: RemoteWriter, resource: Any, namespace: str | None, name: str) -> None:
    try:
        writer.delete(resource, namespace, name, grace_period_s=0)
    except NotFound:
        return
