"""The fake kubelet and nodes, over a real store in virtual time; no controller and no scheduler runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from harness.clock import SECOND, Kernel, Seeds, parse_time
from harness.cluster.store import Store
from harness.fidelity.kubelet import FakeKubelet
from harness.fidelity.nodes import Nodes
from harness.fidelity.trace import NodeSpec, parse_trace
from harness.fidelity.values import lookup
from harness.kube.controllers import Manager
from harness.kube.objects import Object, new_object
from harness.kube.resources import LEASES, NAMESPACES, PODS

START = parse_time("2026-03-01T08:00:00Z")


class Bench:
    """A namespace, a node, and a kubelet with the rules of a test."""

    def __init__(self) -> None:
        self.kernel = Kernel(START)
        self.store = Store(self.kernel, Seeds(1))
        self.manager = Manager(self.kernel, self.store)
        self.kernel.start()

    def play(self, *rules: dict[str, Any]) -> None:
        trace = parse_trace("a/b", {"shows": "x", "steps": [], "end": {"at": 1}, "kubelet": list(rules)})

        def begin() -> None:
            self.store.create(NAMESPACES, new_object(NAMESPACES, "a-b"))
            self.nodes = Nodes("a/b", self.kernel, self.store, self.store)
            wake = self.manager.add(self.nodes)
            self.nodes.add(NodeSpec("n1", {}, (), {"cpu": "4", "pods": "10"}))
            wake("n1")
            self.manager.add(FakeKubelet(trace, self.kernel, self.store, self.store, self.nodes))

        self.kernel.call(begin)

    def pod(self, name: str = "p", **spec: Any) -> None:
        body = {"containers": [{"name": "main", "image": "app"}], "nodeName": "n1", "restartPolicy": "Never", **spec}
        self.kernel.call(lambda: self.store.create(PODS, new_object(PODS, name, "a-b", spec=body)))

    def after(self, seconds: float, name: str = "p") -> Object | None:
        self.kernel.wait(lambda: False, round(seconds * SECOND))
        return self.kernel.call(lambda: self.store.get(PODS, "a-b", name))

    def delete(self, grace: int | None = None, name: str = "p") -> None:
        self.kernel.call(lambda: self.store.delete(PODS, "a-b", name, grace_period_s=grace))


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.kernel.close()


def looks(pod: Object | None) -> str:
    """Phase and readiness, or gone."""
    if pod is None:
        return "gone"
    ready = lookup(pod, "status.conditions[type=Ready].status") == "True"
    return f"{lookup(pod, 'status.phase')}{' ready' if ready else ''}{' ending' if 'deletionTimestamp' in pod['metadata'] else ''}"


def test_a_pod_runs_gets_ready_and_ends(bench: Bench) -> None:
    bench.play(
        {
            "start_after": "1s",
            "ready_after": "2s",
            "runs_for": "10s",
            "exit_code": 3,
            "reason": "OOMKilled",
            "message": "too much",
        }
    )
    bench.pod()
    assert [looks(bench.after(s)) for s in (0.5, 1, 2, 7, 1)] == [
        "Pending",
        "Running",
        "Running ready",
        "Running ready",
        "Failed",
    ]
    pod = bench.after(0)
    assert lookup(pod, "status.containerStatuses[name=main].state.terminated") == {
        "exitCode": 3, "reason": "OOMKilled", "startedAt": "2026-03-01T08:00:01Z", "finishedAt": "2026-03-01T08:00:11Z"
    }  # fmt: skip
    assert lookup(pod, "status.message") == "too much"


def test_rules_can_be_used_up(bench: Bench) -> None:
    bench.play({"first": 1, "runs_for": "1s", "exit_code": 1}, {"runs_for": "1s"})
    bench.pod("one")
    bench.after(0)
    bench.pod("two")
    bench.after(2)
    assert (looks(bench.after(0, "one")), looks(bench.after(0, "two"))) == ("Failed", "Succeeded")


def test_a_pod_that_is_asked_to_go_stops_in_its_time(bench: Bench) -> None:
    bench.play({"stops_after": "4s"})
    bench.pod()
    bench.after(1)
    bench.delete()
    assert [looks(bench.after(s)) for s in (3, 2)] == ["Running ready ending", "gone"]


def test_one_that_ignores_the_signal_lives_until_its_grace_is_over(bench: Bench) -> None:
    bench.play({"ignores_sigterm": True})
    bench.pod()
    bench.after(1)
    bench.delete(8)
    assert [looks(bench.after(s)) for s in (7, 2)] == ["Running ready ending", "gone"]


def test_a_dead_node_does_nothing_and_its_lease_grows_old(bench: Bench) -> None:
    bench.play({"runs_for": "5s"})
    bench.pod()
    bench.after(1)
    bench.kernel.call(lambda: bench.nodes.die("n1"))
    assert looks(bench.after(60)) == "Running ready"
    lease = bench.store.get(LEASES, "kube-node-lease", "n1")
    assert lookup(lease, "spec.renewTime") == "2026-03-01T08:00:00.000000Z"


def test_a_living_node_renews_its_lease_every_ten_seconds(bench: Bench) -> None:
    bench.play()
    bench.after(35)
    lease = bench.store.get(LEASES, "kube-node-lease", "n1")
    assert lookup(lease, "spec.renewTime") == "2026-03-01T08:00:30.000000Z"


def test_containers_are_restarted_as_the_policy_says(bench: Bench) -> None:
    bench.play({"runs_for": "5s", "exit_codes": [1, 0], "restart_delay": "10s"})
    bench.pod(restartPolicy="OnFailure")
    assert lookup(bench.after(6), "status.containerStatuses[name=main].restartCount") == 1
    assert [looks(bench.after(s)) for s in (0, 10, 5)] == ["Running", "Running ready", "Succeeded"]


def test_what_somebody_else_said_of_a_pod_stays(bench: Bench) -> None:
    bench.play({"runs_for": "5s"})
    bench.pod()
    bench.after(1)
    said = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
    bench.kernel.call(
        lambda: bench.store.patch(
            PODS, "a-b", "p", {"status": {"conditions": [said]}}, kind="strategic", subresource="status"
        )
    )
    assert lookup(bench.after(5), "status.conditions[type=DisruptionTarget].reason") == "EvictionByEvictionAPI"


def test_a_sidecar_runs_as_long_as_the_others(bench: Bench) -> None:
    bench.play({"runs_for": "5s"})
    bench.pod(
        initContainers=[{"name": "side", "image": "x", "restartPolicy": "Always"}, {"name": "init", "image": "x"}]
    )
    states = "status.initContainerStatuses[name={}].state.{}"
    assert lookup(bench.after(1), states.format("side", "running")) is not None
    assert lookup(bench.after(0), states.format("init", "terminated.exitCode")) == 0
    assert lookup(bench.after(5), states.format("side", "terminated.exitCode")) == 0
