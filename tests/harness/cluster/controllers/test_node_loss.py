"""Lost nodes over time: node lifecycle, taint eviction and pod GC together. Real: these controllers and the scheduler; played: kubelets and their leases."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from harness.cluster.controllers import ControllerManagerSettings
from harness.kube.objects import is_deleting
from harness.kube.resources import LEASES, NODES, PODS
from harness.kube.version import KubernetesVersion

from .bench import Bench, Kubelet, lease, node, pod

UNREACHABLE = "node.kubernetes.io/unreachable"
NOT_READY = "node.kubernetes.io/not-ready"


class World:
    """Nodes with leases; `die` stops the renewals."""

    def __init__(self, bench: Bench, settings: ControllerManagerSettings | None = None) -> None:
        self.bench = bench
        self.dead: set[str] = set()
        bench.add_standard(settings)
        bench.add_scheduler()
        Kubelet(bench, dead=lambda name: name in self.dead)

    def join(self, name: str, **spec: Any) -> None:
        self.bench.create(NODES, node(name, **spec))
        self.bench.create(LEASES, lease(name))

    def die(self, name: str, renewed_s: float) -> None:
        self.dead.add(name)
        renewed = {"spec": {"renewTime": self.bench.stamp(renewed_s)}}
        self.bench.kernel.call(lambda: self.bench.store.patch(LEASES, "kube-node-lease", name, renewed))

    def taints(self, name: str) -> set[tuple[str, str]]:
        return {(taint["key"], taint["effect"]) for taint in self.bench.get(NODES, name)["spec"].get("taints") or ()}

    def given_up(self) -> list[str]:
        """Nodes with a NoExecute taint."""
        names = [obj["metadata"]["name"] for obj in self.bench.store.list(NODES)]
        return [name for name in names if any(effect == "NoExecute" for _, effect in self.taints(name))]

    def is_given_up(self, name: str) -> bool:
        return name in self.given_up()

    def given_up_at(self, *names: str) -> list[float]:
        return [self.bench.wait(partial(self.is_given_up, name), 1000) for name in names]


def test_given_a_dead_kubelet_when_50_s_have_passed_then_the_node_is_unknown_and_its_pods_go_300_s_later(
    bench: Bench,
) -> None:
    world = World(bench)
    world.join("a")
    bench.create(PODS, pod("p"))
    bench.advance_to(100)
    assert bench.get(PODS, "p")["spec"]["nodeName"] == "a"
    world.join("b")
    world.die("a", renewed_s=95)
    lost_s = bench.wait(lambda: bench.held_condition(NODES, "a", "Ready")["status"] == "Unknown")
    assert lost_s == 145
    ready = bench.held_condition(NODES, "a", "Ready")
    assert (ready["reason"], ready["message"]) == ("NodeStatusUnknown", "Kubelet stopped posting node status.")
    bench.advance_to(145)
    assert world.taints("a") == {(UNREACHABLE, "NoSchedule"), (UNREACHABLE, "NoExecute")}
    assert bench.held_condition(PODS, "p", "Ready")["status"] == "False"
    assert bench.wait(lambda: is_deleting(bench.get(PODS, "p"))) == 445
    disrupted = bench.held_condition(PODS, "p", "DisruptionTarget")
    assert (disrupted["reason"], disrupted["message"]) == (
        "DeletionByTaintManager",
        "Taint manager: deleting due to NoExecute taint",
    )
    assert bench.events("TaintManagerEviction") == ["Marking for deletion Pod default/p"]
    assert bench.events("NodeNotReady") == ["Node a status is now: NodeNotReady", "Node is not ready"]
    bench.advance_to(3000)
    assert bench.exists(PODS, "p"), "nobody is there to confirm the end: the pod stays Terminating"


def test_given_kubernetes_1_31_when_a_kubelet_dies_then_the_grace_is_40_s(bench: Bench) -> None:
    world = World(bench, ControllerManagerSettings.for_version(KubernetesVersion(1, 31)))
    world.join("a")
    world.die("a", renewed_s=0)
    assert bench.wait(lambda: bench.held_condition(NODES, "a", "Ready")["status"] == "Unknown") == 40


def test_given_a_node_that_comes_back_when_its_kubelet_says_ready_then_all_taints_go_and_the_pod_stays(
    bench: Bench,
) -> None:
    world = World(bench)
    world.join("a")
    world.join("b")
    bench.create(PODS, pod("p", nodeSelector={"kubernetes.io/hostname": "a"}))
    world.die("a", renewed_s=0)
    bench.advance_to(100)
    assert world.given_up() == ["a"]
    world.dead.clear()
    alive = {"spec": {"renewTime": None}}
    conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": bench.stamp(100)}]

    def back() -> None:
        bench.store.patch(LEASES, "kube-node-lease", "a", alive)
        bench.store.patch(NODES, None, "a", {"status": {"conditions": conditions}}, subresource="status")

    bench.kernel.call(back)
    bench.advance_to(1000)
    assert world.taints("a") == set()
    assert not is_deleting(bench.get(PODS, "p"))
    assert bench.events("TaintManagerEviction") == ["Cancelling deletion of Pod default/p"]


def test_given_a_launcher_s_not_ready_taint_when_the_node_is_ready_then_it_is_lifted(bench: Bench) -> None:
    world = World(bench)
    world.join("a", taints=[{"key": NOT_READY, "effect": "NoSchedule"}, {"key": "own", "effect": "NoSchedule"}])
    bench.advance_to(1)
    assert world.taints("a") == {("own", "NoSchedule")}


def test_given_a_node_that_is_cordoned_when_looked_at_then_the_taint_says_so(bench: Bench) -> None:
    world = World(bench)
    world.join("a", unschedulable=True)
    bench.advance_to(1)
    assert world.taints("a") == {("node.kubernetes.io/unschedulable", "NoSchedule")}


def test_given_a_node_without_a_lease_or_heartbeat_when_50_s_have_passed_then_it_is_unknown(bench: Bench) -> None:
    World(bench)
    bench.create(NODES, node("ghost"))
    assert bench.wait(lambda: bench.held_condition(NODES, "ghost", "Ready")["status"] == "Unknown") == 50


def test_given_two_lost_nodes_of_a_healthy_zone_when_they_are_given_up_then_one_in_10_s(bench: Bench) -> None:
    world = World(bench)
    for number in range(6):
        world.join(f"a{number}", zone="a")
    for name in ("a1", "a0"):
        world.die(name, renewed_s=0)
    assert world.given_up_at("a0", "a1") == [50, 60]


@pytest.mark.parametrize(("others", "expected"), [(True, [50, 60, 70]), (False, None)])
def test_given_a_zone_wholly_down_when_others_live_then_it_is_given_up_but_not_when_all_are_down(
    bench: Bench, others: bool, expected: list[float] | None
) -> None:
    world = World(bench)
    for number in range(3):
        world.join(f"a{number}", zone="a")
        world.die(f"a{number}", renewed_s=0)
    if others:
        world.join("b0", zone="b")
    if expected is None:
        bench.advance_to(1000)
        assert world.given_up() == []
        assert world.taints("a0") == {(UNREACHABLE, "NoSchedule")}
    else:
        assert world.given_up_at("a0", "a1", "a2") == expected


def test_given_a_small_zone_mostly_down_when_time_passes_then_only_nodes_given_up_before_the_threshold_are(
    bench: Bench,
) -> None:
    world = World(bench)
    for number in range(5):
        world.join(f"a{number}", zone="a")
    world.join("b0", zone="b")
    for number in range(3):
        world.die(f"a{number}", renewed_s=0)
    bench.advance_to(2000)
    assert len(world.given_up()) <= 2, "three of five is over 55 %: from then on nobody"
    before = world.given_up()
    world.join("a5", zone="a")
    world.join("a6", zone="a")
    bench.advance_to(2100)
    assert len(before) < len(world.given_up()), "with more healthy nodes the zone is normal again"


def test_given_a_node_object_that_goes_when_40_to_60_s_have_passed_then_its_pods_fail_and_are_removed(
    bench: Bench,
) -> None:
    world = World(bench)
    world.join("a")
    world.join("b")
    bench.create(PODS, pod("p", nodeSelector={"kubernetes.io/hostname": "a"}))
    bench.advance_to(65)
    seen: list[tuple[str, str]] = []

    def note(change: str, obj: Any, old: Any) -> None:
        reasons = [
            entry["reason"] for entry in obj["status"].get("conditions") or () if entry["type"] == "DisruptionTarget"
        ]
        seen.append((obj["status"]["phase"], *reasons[:1]) if reasons else (obj["status"]["phase"], ""))

    bench.kernel.call(lambda: bench.store.observe(PODS, note))
    world.dead.add("a")
    bench.kernel.call(lambda: bench.store.delete(NODES, None, "a"))
    assert bench.wait(lambda: not bench.exists(PODS, "p")) == 120  # noticed at the look at 80 s, quarantined for 40 s
    assert seen[-1] == ("Failed", "DeletionByPodGC")
    bench.advance_to(125)
    assert bench.events("RemovingNode") == ["Node a event: Removing Node a from Controller"]


def test_given_too_many_ended_pods_when_pod_gc_looks_then_the_oldest_go(bench: Bench) -> None:
    world = World(bench, ControllerManagerSettings(terminated_pod_gc_threshold=2))
    world.join("a")
    for number in range(4):
        bench.create(PODS, pod(f"p{number}"))
        bench.advance_to(number + 1)
        bench.end(f"p{number}", "Succeeded")
    bench.advance_to(19)
    assert len(bench.pods()) == 4
    bench.advance_to(20)
    assert [obj["metadata"]["name"] for obj in bench.pods()] == ["p2", "p3"]


def test_given_a_node_tainted_by_hand_when_pods_do_not_tolerate_it_then_they_go_at_once(bench: Bench) -> None:
    world = World(bench)
    world.join("a")
    tolerated = [{"key": "own", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 7}]
    for_ever = [{"key": "own", "operator": "Exists"}]
    bench.create(PODS, pod("none"))
    bench.create(PODS, pod("some", tolerations=tolerated))
    bench.create(PODS, pod("ever", tolerations=for_ever))
    bench.advance_to(10)
    taints = [{"key": "own", "effect": "NoExecute"}]
    bench.kernel.call(lambda: bench.store.patch(NODES, None, "a", {"spec": {"taints": taints}}))
    bench.advance_to(10)
    assert [obj["metadata"]["name"] for obj in bench.pods()] == ["ever", "some"]
    assert bench.wait(lambda: not bench.exists(PODS, "some")) == 17
    bench.advance_to(500)
    assert bench.exists(PODS, "ever")


def renew(bench: Bench, name: str) -> None:
    renewed = {"spec": {"renewTime": bench.stamp(bench.now_s)}}
    bench.kernel.call(lambda: bench.store.patch(LEASES, "kube-node-lease", name, renewed))


def test_given_a_lease_that_a_client_renews_when_it_stops_then_the_node_is_lost_50_s_after_the_next_look(
    bench: Bench,
) -> None:
    bench.add_standard()
    bench.create(NODES, node("a"))
    bench.create(LEASES, lease("a", bench.stamp(0)))
    for second in (20, 41, 62):
        bench.advance_to(second)
        renew(bench, "a")
    assert bench.wait(lambda: bench.held_condition(NODES, "a", "Ready")["status"] == "Unknown") == 65 + 50
    renew(bench, "a")
    bench.advance_to(140)
    assert bench.held_condition(NODES, "a", "Ready")["status"] == "Unknown", "only its kubelet can say that it is ready"


def test_given_a_shorter_period_and_grace_by_flags_when_a_kubelet_dies_then_they_count(bench: Bench) -> None:
    flags = ["--node-monitor-period=1s", "--node-monitor-grace-period=8s"]
    world = World(bench, ControllerManagerSettings.from_flags(flags))
    world.join("a")
    world.join("b")
    bench.advance_to(20.5)
    world.die("a", renewed_s=20.2)
    assert bench.wait(lambda: bench.held_condition(NODES, "a", "Ready")["status"] == "Unknown") == 28


def test_given_all_zones_down_when_one_node_returns_then_the_others_get_a_new_chance_and_then_their_taint(
    bench: Bench,
) -> None:
    world = World(bench)
    for name in ("a", "b", "c"):
        world.join(name, zone=name)
        world.die(name, renewed_s=0)
    bench.advance_to(100)
    assert world.given_up() == []
    conditions = [
        {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "lastHeartbeatTime": bench.stamp(100),
            "lastTransitionTime": bench.stamp(100),
        }
    ]

    def back() -> None:
        bench.store.patch(LEASES, "kube-node-lease", "a", {"spec": {"renewTime": None}})
        bench.store.patch(NODES, None, "a", {"status": {"conditions": conditions}}, subresource="status")

    bench.kernel.call(back)
    bench.advance_to(105)
    assert world.given_up() == []
    bench.advance_to(130)
    assert world.given_up() == ["b", "c"], "the limiters were drained, so one interval later"


def test_given_a_kubelet_that_says_not_ready_when_looked_at_then_the_taint_says_not_ready(bench: Bench) -> None:
    world = World(bench)
    world.join("a")
    world.join("b")
    bench.advance_to(12)
    condition = {"type": "Ready", "status": "False", "reason": "KubeletNotReady", "lastTransitionTime": bench.stamp(12)}
    change = {"status": {"conditions": [condition]}}
    bench.kernel.call(lambda: bench.store.patch(NODES, None, "a", change, subresource="status"))
    bench.advance_to(14)
    assert world.taints("a") == {(NOT_READY, "NoSchedule")}
    bench.advance_to(15)
    assert world.taints("a") == {(NOT_READY, "NoSchedule"), (NOT_READY, "NoExecute")}


def test_given_healthy_nodes_when_a_day_passes_then_nothing_is_written(bench: Bench) -> None:
    world = World(bench)
    for number in range(3):
        world.join(f"n{number}")
    bench.advance_to(60)
    version = bench.store.version
    bench.advance_to(86_400)
    assert bench.store.version == version


def test_given_a_node_out_of_service_when_its_pods_are_ending_then_the_next_look_removes_them(bench: Bench) -> None:
    world = World(bench)
    world.join("a")
    world.join("b")
    bench.create(PODS, pod("p", nodeSelector={"kubernetes.io/hostname": "a"}))
    bench.advance_to(1)
    world.die("a", renewed_s=0)
    bench.advance_to(61)
    bench.kernel.call(lambda: bench.store.delete(PODS, "default", "p"))
    taints = [{"key": "node.kubernetes.io/out-of-service", "value": "nodeshutdown", "effect": "NoExecute"}]
    bench.advance_to(65)
    assert bench.exists(PODS, "p")
    bench.kernel.call(lambda: bench.store.patch(NODES, None, "a", {"spec": {"taints": taints}}))
    bench.advance_to(79)
    assert bench.exists(PODS, "p")
    bench.advance_to(80)
    assert not bench.exists(PODS, "p")
