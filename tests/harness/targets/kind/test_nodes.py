"""Nodes while they come and go: what is asked of the engine, a script here, and who is told. The cluster is a double that knows the Node at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from harness.kube.errors import NotFound
from harness.kube.remote import Transport
from harness.targets.kind.containers import NodeContainers
from harness.targets.kind.engine import EngineError
from harness.targets.kind.images import ImageStore
from harness.targets.kind.nodes import NodeGone, Nodes
from harness.targets.kind.worker import Worker
from tests.harness.targets.kind.engines import scripted_engine
from tests.harness.targets.kind.test_plans import plan

INSPECT = """"container inspect"*) echo '[{"NetworkSettings": {"Networks": {"s": {"IPAddress": "172.18.0.4"}}}}]';;"""


class Cluster:
    """Answers for Nodes: those with `plan`'s provider id exist as soon as `registered` is set."""

    def __init__(self) -> None:
        self.registered = threading.Event()
        self.registered.set()

    def request(self, _method: str, path: str) -> dict[str, Any]:
        if not self.registered.is_set():
            raise NotFound(f"{path} not found")
        return {"spec": {"providerID": plan().provider_id}}


class Told(queue.SimpleQueue[BaseException | None]):
    """What `done` was told."""

    def first(self) -> BaseException | None:
        return self.get(timeout=10)


class Bench:
    """Nodes on a script of an engine."""

    def __init__(self, place: Path, answers: str = INSPECT) -> None:
        self.engine, self.asked = scripted_engine(place, answers)
        self.cluster = Cluster()
        containers = NodeContainers(self.engine, "s", "image", place)
        self.nodes = Nodes(
            containers,
            ImageStore(containers, "s-images"),
            cast(Transport, self.cluster),
            control_plane="s-control-plane",
            gateway="172.18.0.1",
        )

    def lines(self, begin: str) -> list[str]:
        return [line for line in self.asked.read_text().splitlines() if line.startswith(begin)]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A bench that is stopped at the end."""
    made = Bench(tmp_path)
    yield made
    made.nodes.close()


def test_every_launch_is_a_container_that_never_was_a_node(bench: Bench) -> None:
    told = Told()
    bench.nodes.prepare(1)
    bench.nodes.launch(plan(name="a"), told.put)
    bench.nodes.launch(plan(name="b"), told.put)
    assert [told.first(), told.first()] == [None, None]
    bench.nodes.remove("a")
    bench.nodes.launch(plan(name="a"), told.put)
    assert told.first() is None
    bench.nodes.settle()
    started = [line.split("--name=")[1].split()[0] for line in bench.lines("run")]
    assert started == ["s-node-1", "s-node-2", "s-node-3"]
    assert bench.lines("rm --force") == ["rm --force --volumes s-node-1"]
    assert bench.nodes.names() == ["a", "b"]


def test_preparing_twice_prepares_once(bench: Bench) -> None:
    bench.nodes.prepare(2)
    bench.nodes.prepare(2)
    bench.nodes.settle()
    assert len(bench.lines("run")) == 2


def test_a_name_can_be_had_once_at_a_time(bench: Bench) -> None:
    bench.nodes.launch(plan(name="a"), Told().put)
    with pytest.raises(ValueError, match="node a exists: remove it first"):
        bench.nodes.launch(plan(name="a"), Told().put)


def test_given_a_node_that_is_removed_while_it_joins_then_it_is_told_gone(bench: Bench) -> None:
    told = Told()
    bench.cluster.registered.clear()
    bench.nodes.launch(plan(name="a"), told.put)
    bench.nodes.launch(plan(name="b"), told.put)
    bench.nodes.remove("a")
    bench.nodes.remove("b")
    ends = [told.first(), told.first()]
    assert [str(end) for end in ends] == [f"node {name} ended before it had joined" for name in "ab"]
    assert all(isinstance(end, NodeGone) for end in ends)
    assert bench.nodes.names() == []


def test_given_a_join_that_fails_then_its_words_are_told_and_the_next_launch_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, f'{INSPECT}\n"exec"*s-node-1*join.sh*) echo "kubelet is not healthy" >&2; exit 1;;')
    told = Told()
    bench.nodes.launch(plan(name="a"), told.put)
    bench.nodes.launch(plan(name="b"), told.put)
    assert "kubelet is not healthy" in str(told.first())
    assert told.first() is None
    bench.nodes.close()


def test_killing_and_removing_what_is_gone_is_harmless_and_looking_at_it_is_not(bench: Bench) -> None:
    bench.nodes.kill("a")
    bench.nodes.remove("a")
    with pytest.raises(LookupError, match="there is no node a"):
        bench.nodes.run("a", ["true"])


def test_a_container_that_cannot_be_removed_is_told_when_all_is_settled(tmp_path: Path) -> None:
    bench = Bench(tmp_path, f'{INSPECT}\nrm*) echo "device or resource busy" >&2; exit 1;;')
    told = Told()
    bench.nodes.launch(plan(name="a"), told.put)
    assert told.first() is None
    bench.nodes.remove("a")
    with pytest.raises(EngineError, match="device or resource busy"):
        bench.nodes.settle()
    bench.nodes.settle()
    bench.nodes.close()


def test_closing_ends_what_is_joining(bench: Bench) -> None:
    told = Told()
    bench.cluster.registered.clear()
    bench.nodes.launch(plan(name="a"), told.put)
    bench.nodes.launch(plan(name="b"), told.put)
    bench.nodes.close()
    assert [type(told.first()), type(told.first())] == [NodeGone, NodeGone]
    assert bench.nodes.names() == []


def test_a_worker_goes_on_after_a_failure_and_tells_the_first() -> None:
    worker, seen = Worker("one"), list[int]()

    def fail() -> None:
        raise LookupError("first")

    for task in (fail, lambda: seen.append(1)):
        worker.post(task)
    with pytest.raises(LookupError, match="first"):
        worker.settle(10)
    assert seen == [1]
    worker.stop()
