"""The scheduler on a store: bindings, refusals with the texts that kube-scheduler 1.34.4 was seen to write, and what wakes a refused pod."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from harness.clock import Seeds
from harness.cluster.scheduler import QueueSettings
from harness.cluster.scheduler.plugins.taint_toleration import REASON
from harness.kube.objects import condition
from harness.kube.resources import EVENTS, NODES, PERSISTENT_VOLUME_CLAIMS, PODS, PRIORITY_CLASSES

from .world import HOSTNAME, ZONE, World, node, pod

NOT_HELPFUL = (
    "no new claims to deallocate, preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling."
)
BIG = {"cpu": "100"}


def four_nodes() -> list[dict[str, Any]]:
    """Those of the recording: small and tainted ones."""
    return [
        node("n1", labels={"workload-type": "small", ZONE: "a"}, pods="10"),
        node("n2", labels={ZONE: "b"}, taints=[{"key": "workload-type", "value": "heavy", "effect": "NoSchedule"}]),
        node("n3", taints=[{"key": "x", "effect": "NoExecute"}]),
        node("n4", labels={ZONE: "b"}, cpu="500m", memory="100Mi", pods="1"),
    ]


def by_name(*names: str) -> dict[str, Any]:
    term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": list(names)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


SPREAD = {
    "maxSkew": 1,
    "topologyKey": "nokey",
    "whenUnsatisfiable": "DoNotSchedule",
    "labelSelector": {"matchLabels": {"app": "x"}},
}
TOGETHER = {
    "podAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": HOSTNAME, "labelSelector": {"matchLabels": {"a": "b"}}}
        ]
    }
}


@pytest.mark.parametrize(
    ("candidate", "text"),
    [
        (pod(requests=BIG), f"0/4 nodes are available: 2 Insufficient cpu, 2 {REASON}. {NOT_HELPFUL}"),
        (
            pod(nodeSelector={"workload-type": "nope"}),
            f"0/4 nodes are available: 2 node(s) didn't match Pod's node affinity/selector, 2 {REASON}. {NOT_HELPFUL}",
        ),
        (
            pod(nodeSelector={"workload-type": "small"}, requests=BIG),
            "0/4 nodes are available: 1 Insufficient cpu, 1 node(s) didn't match Pod's node affinity/selector, "
            f"2 {REASON}. {NOT_HELPFUL}",
        ),
        (
            pod(affinity=by_name("zz")),
            f"0/4 nodes are available: 4 node(s) didn't satisfy plugin(s) [NodeAffinity]. {NOT_HELPFUL}",
        ),
        (
            pod(affinity=by_name("n1"), requests=BIG),
            f"0/4 nodes are available: 1 Insufficient cpu, 3 node(s) didn't satisfy plugin(s) [NodeAffinity]. {NOT_HELPFUL}",
        ),
        (
            pod(topologySpreadConstraints=[SPREAD]),
            "0/4 nodes are available: 2 node(s) didn't match pod topology spread constraints (missing required label), "
            f"2 {REASON}. {NOT_HELPFUL}",
        ),
        (
            pod(affinity=TOGETHER),
            f"0/4 nodes are available: 2 node(s) didn't match pod affinity rules, 2 {REASON}. {NOT_HELPFUL}",
        ),
        (
            pod(nodeSelector={"workload-type": "small"}, ports=[{"containerPort": 80, "hostPort": 80}]),
            "0/4 nodes are available: 1 node(s) didn't have free ports for the requested pod ports, "
            f"1 node(s) didn't match Pod's node affinity/selector, 2 {REASON}. no new claims to deallocate, preemption: "
            "0/4 nodes are available: 1 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling.",
        ),
        (
            pod(requests=BIG, priorityClassName="meek"),
            f"0/4 nodes are available: 2 Insufficient cpu, 2 {REASON}. no new claims to deallocate, preemption: "
            "not eligible due to preemptionPolicy=Never.",
        ),
    ],
)
def test_given_four_nodes_when_none_takes_the_pod_then_the_text_is_that_of_a_real_scheduler(
    world: World, candidate: dict[str, Any], text: str
) -> None:
    world.create(NODES, *four_nodes())
    world.create(PRIORITY_CLASSES, {"metadata": {"name": "meek"}, "value": 0, "preemptionPolicy": "Never"})
    holder = pod("ok1", ports=[{"containerPort": 80, "hostPort": 80}], nodeSelector={"workload-type": "small"})
    world.create(PODS, holder)
    world.settle()
    assert world.where("ok1") == "n1"
    world.create(PODS, candidate)
    world.settle(1)
    assert world.message("p") == text
    events = [event for event in world.store.list(EVENTS) if event["reason"] == "FailedScheduling"]
    assert [(event["type"], event["message"], event["reportingComponent"]) for event in events] == [
        ("Warning", text, "default-scheduler")
    ]


def test_given_no_nodes_when_a_pod_comes_then_the_text_says_so_and_it_is_tried_after_each_back_off(
    world: World,
) -> None:
    world.create(PODS, pod())
    world.settle()
    assert world.message("p") == "no nodes available to schedule pods"
    world.create(NODES, node())
    world.settle(1)
    assert world.where("p") is None  # no plugin refused it, so no event helps it
    world.settle(2)
    assert world.where("p") == "n"
    (event,) = [event for event in world.store.list(EVENTS) if event["reason"] == "Scheduled"]
    assert event["message"] == "Successfully assigned default/p to n"


def test_given_a_refusal_when_the_condition_is_written_then_it_has_the_fields_of_a_real_one(world: World) -> None:
    world.create(PODS, pod())
    world.settle()
    found = world.store.get(PODS, "default", "p")
    assert found is not None
    written = condition(found, "PodScheduled") or {}
    assert {field: value for field, value in written.items() if value is not None} == {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "no nodes available to schedule pods",
        "lastTransitionTime": "2026-03-01T08:00:00Z",
        "observedGeneration": 1,
    }


def test_given_a_gated_pod_when_its_gate_falls_then_it_is_scheduled(world: World) -> None:
    world.create(NODES, node())
    world.create(PODS, pod(schedulingGates=[{"name": "g"}]))
    world.settle()
    assert world.where("p") is None
    assert world.message("p") == "Scheduling is blocked due to non-empty scheduling gates"
    world.change(PODS, "p", {"spec": {"schedulingGates": None}})
    world.settle(1)
    assert world.where("p") == "n"


def test_given_a_pod_of_another_scheduler_when_there_is_room_then_it_is_left_alone(world: World) -> None:
    world.create(NODES, node())
    world.create(PODS, pod(schedulerName="other"))
    world.settle(1000)
    assert world.where("p") is None


@pytest.mark.parametrize(
    ("candidate", "helping"),
    [
        (pod(requests={"cpu": "3"}), lambda world: world.delete(PODS, "holder")),
        (
            pod(requests={"cpu": "3"}),
            lambda world: world.change(PODS, "holder", {"status": {"phase": "Succeeded"}}, "status"),
        ),
        (pod(requests={"cpu": "3"}), lambda world: world.create(NODES, node("n2"))),
        (
            pod(requests={"cpu": "3"}),
            lambda world: world.change(NODES, "n", {"status": {"allocatable": {"cpu": "6"}}}, "status"),
        ),
        (
            pod(nodeSelector={"pool": "x"}),
            lambda world: world.change(NODES, "n", {"metadata": {"labels": {"pool": "x"}}}),
        ),
        (pod(nodeSelector={"bad": "x"}), lambda world: world.create(NODES, node("n2", labels={"bad": "x"}))),
        (pod(ports=[{"containerPort": 80, "hostPort": 80}]), lambda world: world.delete(PODS, "holder")),
    ],
)
def test_given_a_refused_pod_when_something_helps_then_it_is_placed_at_once(
    world: World, candidate: dict[str, Any], helping: Any
) -> None:
    world.create(NODES, node())
    world.create(PODS, pod("holder", requests={"cpu": "2"}, ports=[{"containerPort": 80, "hostPort": 80}]))
    world.settle()
    world.create(PODS, candidate)
    world.settle(10)
    assert world.where("p") is None
    helping(world)
    world.settle(11)
    assert world.where("p") is not None


@pytest.mark.parametrize(
    "useless",
    [
        lambda world: world.change(NODES, "n", {"metadata": {"annotations": {"a": "b"}}}),
        lambda world: world.change(
            NODES, "n", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "status"
        ),
        lambda world: world.create(NODES, node("n2")),
        lambda world: world.change(PODS, "p", {"metadata": {"annotations": {"a": "b"}}}),
    ],
)
def test_given_a_refused_pod_when_what_happens_cannot_help_then_it_is_not_tried(world: World, useless: Any) -> None:
    world.create(NODES, node())
    world.create(PODS, pod(nodeSelector={"pool": "x"}))
    world.settle(1)
    useless(world)
    world.settle(200)
    assert world.attempts("p") == [0]


def test_given_a_pod_that_nothing_helps_when_time_passes_then_it_is_tried_when_5_minutes_are_over(world: World) -> None:
    world.create(NODES, node())
    world.create(PODS, pod(requests=BIG))
    world.settle(1000)
    assert world.attempts("p") == [0, 330, 660, 990]
    events = [event for event in world.store.list(EVENTS) if event["reason"] == "FailedScheduling"]
    # Upstream, too: the first attempt's condition makes another version of the pod, about which the later ones are one series.
    assert [event.get("series", {}).get("count") for event in events] == [None, 2]


def test_given_priorities_when_room_is_scarce_then_the_higher_gets_it(world: World) -> None:
    world.create(PODS, pod("low", requests={"cpu": "3"}))
    world.create(PODS, pod("high", requests={"cpu": "3"}, priorityClassName="system-cluster-critical"))
    world.settle()
    world.create(NODES, node())
    world.settle(2)
    assert (world.where("low"), world.where("high")) == (None, "n")


def test_given_a_pod_deleted_while_it_waits_when_room_comes_then_nothing_happens(world: World) -> None:
    world.create(PODS, pod())
    world.settle()
    world.delete(PODS, "p")
    world.create(NODES, node())
    world.settle(1000)
    assert not world.store.list(PODS)
    assert len(world.timeline.of_kind("FailedScheduling", "Scheduled")) == 1


def test_given_a_pod_bound_by_hand_when_it_waits_in_the_queue_then_it_counts_on_its_node(world: World) -> None:
    world.create(PODS, pod("p", requests={"cpu": "3"}, nodeSelector={"no": "where"}))
    world.create(NODES, node())
    world.settle()
    world.kernel.call(lambda: world.store.bind("default", "p", "n"))
    world.create(PODS, pod("q", requests={"cpu": "3"}))
    world.settle(1)
    assert world.where("q") is None


def test_given_a_node_that_goes_with_its_pods_still_there_when_it_comes_back_then_their_requests_count(
    world: World,
) -> None:
    world.create(NODES, node())
    world.create(PODS, pod("p", requests={"cpu": "3"}))
    world.settle()
    world.delete(NODES, "n")
    world.create(PODS, pod("q", requests={"cpu": "3"}))
    world.settle(1)
    world.create(NODES, node())
    world.settle(2)
    assert (world.where("p"), world.where("q")) == ("n", None)


def placements(seed: int, pods: int = 12) -> list[str | None]:
    world = World(seed)
    world.kernel.start()
    try:
        world.create(NODES, *(node(f"n{number}") for number in range(6)))
        world.create(PODS, *(pod(f"p{number}") for number in range(pods)))
        world.settle()
        return [world.where(f"p{number}") for number in range(pods)]
    finally:
        world.kernel.close()


def test_given_ties_when_seeds_are_equal_then_so_are_the_placements_and_different_ones_differ() -> None:
    assert placements(1) == placements(1)
    assert any(placements(1) != placements(seed) for seed in range(2, 5))
    assert Counter(placements(3)) == {f"n{number}": 2 for number in range(6)}, "evenly, whoever comes first"


def test_given_the_ties_draws_when_somebody_else_draws_then_they_do_not_shift() -> None:
    seeds = Seeds(1)
    first = seeds.stream("scheduler").random()
    other = Seeds(1)
    other.stream("names").random()
    assert other.stream("scheduler").random() == first


def test_given_a_pod_when_explained_then_each_node_has_its_refusal_or_its_scores(world: World) -> None:
    world.create(NODES, *four_nodes())
    world.settle()
    explained = world.kernel.call(lambda: world.scheduler.explain(pod(requests={"cpu": "1"})))
    assert {
        name: (entry.plugin, [refusal.reason for refusal in entry.refusals]) for name, entry in explained.items()
    } == {
        "n1": ("", []),
        "n2": ("TaintToleration", [REASON]),
        "n3": ("TaintToleration", [REASON]),
        "n4": ("NodeResourcesFit", ["Insufficient cpu"]),
    }
    assert explained["n1"].scores == {
        "TaintToleration": 300,
        "NodeResourcesFit": 86,  # (75 + 97) // 2
        "NodeResourcesBalancedAllocation": 87,
        "ImageLocality": 0,
    }
    assert explained["n1"].total == 473


def test_given_a_claim_that_comes_when_the_pod_waits_for_it_then_the_text_follows(world: World) -> None:
    world.create(NODES, node())
    world.create(PODS, pod(volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "missing"}}]))
    world.settle()
    assert world.message("p") == '0/1 nodes are available: persistentvolumeclaim "missing" not found. not found'
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "missing", "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteMany"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "",
        },
    }
    world.create(PERSISTENT_VOLUME_CLAIMS, claim)
    world.settle(1)
    assert world.message("p") == "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"


def test_given_the_scheduler_of_1_32_when_something_helps_then_the_back_off_is_waited_out_first() -> None:
    world = World(settings=QueueSettings(pops_early=False))
    world.kernel.start()
    try:
        world.create(PODS, pod())
        world.settle()
        world.create(NODES, node())
        world.settle(0.999)
        assert world.where("p") is None
        world.settle(1)
        assert world.where("p") == "n"
    finally:
        world.kernel.close()


@pytest.mark.slow
def test_given_1000_nodes_when_500_pods_come_then_each_costs_little_and_the_load_is_even(world: World) -> None:
    world.create(NODES, *(node(f"n{number}", labels={ZONE: "abc"[number % 3]}) for number in range(1000)))
    world.create(PODS, *(pod(f"p{number}", requests={"cpu": "500m", "memory": "1Gi"}) for number in range(500)))
    world.settle()
    load = Counter(world.where(f"p{number}") for number in range(500))
    assert None not in load
    assert max(load.values()) == 1
