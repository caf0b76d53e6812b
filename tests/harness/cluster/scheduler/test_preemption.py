"""Preemption: who has to go, for whom, and what is said. Pure rules on tables, then the scheduler on a real store."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.scheduler.framework import Diagnosis
from harness.cluster.scheduler.plugins.default_preemption import (
    NEVER,
    Candidate,
    Outcome,
    best_candidates,
    preempt,
    split_by_budget,
)
from harness.cluster.scheduler.podinfo import PodInfo, pod_info
from harness.kube.objects import condition, new_object
from harness.kube.resources import NODES, POD_DISRUPTION_BUDGETS, PODS, PRIORITY_CLASSES

from .world import World, cluster, cycle, node, pod

NOW_US = 10**15


def running(
    name: str, priority: int, cpu: str = "1", started: str = "2026-01-01T00:00:00Z", **extra: Any
) -> dict[str, Any]:
    body = pod(name, requests={"cpu": cpu}, priority=priority, **extra)
    return {**body, "status": {"startTime": started}}


def budget(allowed: int, app: str = "x") -> dict[str, Any]:
    spec = {"selector": {"matchLabels": {"app": app}}}
    status = {"disruptionsAllowed": allowed}
    return new_object(POD_DISRUPTION_BUDGETS, "b", "default", spec=spec, status=status)


def attempt(wanting: dict[str, Any], nodes: dict[str, list[dict[str, Any]]], *budgets: dict[str, Any]) -> Outcome:
    """Nodes have 4 cores."""
    found = cluster([node(name) for name in nodes], nodes)
    asking, placing = pod_info(wanting), cycle(found)
    diagnosis = placing.place(asking, min)
    assert isinstance(diagnosis, Diagnosis)
    return preempt(asking, diagnosis, found, lambda: placing.trial(asking), budgets, lambda _: 0, NOW_US)


def names(candidate: Candidate | None) -> tuple[str, list[str]]:
    assert candidate is not None
    return candidate.node, [victim.key.removeprefix("default/") for victim in candidate.victims]


def high(cpu: str = "2", **extra: Any) -> dict[str, Any]:
    return pod("high", requests={"cpu": cpu}, priority=100, **extra)


def test_given_lower_pods_when_preempting_then_the_more_important_ones_are_reprieved() -> None:
    placed = [running("a", 1), running("b", 5), running("c", 3), running("d", 2)]
    assert names(attempt(high("2"), {"n": placed}).candidate) == ("n", ["d", "a"])


def test_given_equal_priorities_when_preempting_then_the_older_ones_are_reprieved() -> None:
    old, young = running("old", 1, "2"), running("young", 1, "2", "2026-01-02T00:00:00Z")
    assert names(attempt(high("2"), {"n": [young, old]}).candidate) == ("n", ["young"])


def test_given_a_budget_when_preempting_then_its_pods_are_reprieved_before_more_important_ones() -> None:
    guarded = running("guarded", 1, "2", labels={"app": "x"})
    free = running("free", 50, "2")
    assert names(attempt(high("2"), {"n": [guarded, free]}, budget(0)).candidate) == ("n", ["free"])
    assert names(attempt(high("2"), {"n": [guarded, free]}, budget(1)).candidate) == ("n", ["guarded"])
    both = attempt(high("4"), {"n": [guarded, free]}, budget(0)).candidate
    assert names(both) == ("n", ["free", "guarded"])  # a budget does not protect when nothing else helps
    assert both is not None
    assert both.violations == 1


@pytest.mark.parametrize(
    ("one", "other", "winner"),
    [
        ([running("a", 1, "3", labels={"app": "x"})], [running("b", 50, "3")], "m"),  # fewest violations
        ([running("a", 5, "3")], [running("b", 9, "3")], "n"),  # lowest highest priority
        ([running("a", 5, "2"), running("c", 5, "2")], [running("b", 5, "3")], "m"),  # lowest sum, fewest pods
        ([running("a", 5, "3")], [running("b", 5, "3", "2026-03-01T00:00:00Z")], "m"),  # latest start
    ],
)
def test_given_two_nodes_when_preempting_then_the_criteria_decide_in_upstream_s_order(
    one: list[dict[str, Any]], other: list[dict[str, Any]], winner: str
) -> None:
    outcome = attempt(high("4"), {"n": one, "m": other}, budget(0))
    assert names(outcome.candidate)[0] == winner


def test_given_candidates_that_are_alike_when_compared_then_all_of_them_are_best() -> None:
    victim = pod_info(running("a", 1))
    alike = [Candidate(name, (victim,), 0) for name in "abc"]
    assert best_candidates(alike, NOW_US) == alike


@pytest.mark.parametrize(
    ("wanting", "placed", "message"),
    [
        (high(preemptionPolicy="Never"), running("a", 1, "3"), NEVER),
        (high("40"), running("a", 1, "3"), "0/1 nodes are available: 1 Preemption is not helpful for scheduling."),
        (high("2"), running("a", 100, "3"), "0/1 nodes are available: 1 No preemption victims found for incoming pod."),
        (high("2"), running("a", 500, "3"), "0/1 nodes are available: 1 No preemption victims found for incoming pod."),
    ],
)
def test_given_no_use_in_preempting_when_asked_then_the_text_says_why(
    wanting: dict[str, Any], placed: dict[str, Any], message: str
) -> None:
    assert attempt(wanting, {"n": [placed]}).message == message


def test_given_pods_that_stay_in_the_way_when_the_lower_ones_are_gone_then_the_filter_s_reason_is_told() -> None:
    placed = [running("equal", 100, "3"), running("low", 1, "1")]
    assert attempt(high("2"), {"n": placed}).message == "0/1 nodes are available: 1 Insufficient cpu."


def test_given_pods_of_one_budget_when_taken_one_after_the_other_then_those_above_its_allowance_violate_it() -> None:
    pods: list[PodInfo] = [pod_info(running(name, 1, labels={"app": "x"})) for name in "abc"]
    violating, others = split_by_budget(pods, [budget(2)])
    assert ([entry.key[-1] for entry in violating], [entry.key[-1] for entry in others]) == (["c"], ["a", "b"])


def classes(world: World) -> None:
    for name, value in (("low", 1), ("high", 1000), ("top", 5000)):
        world.create(PRIORITY_CLASSES, new_object(PRIORITY_CLASSES, name, value=value))


def test_given_a_full_node_when_a_higher_pod_comes_then_the_lower_is_told_and_goes_and_the_higher_is_placed(
    world: World,
) -> None:
    world.create(NODES, node())
    classes(world)
    world.create(PODS, pod("low", requests={"cpu": "3"}, priorityClassName="low"))
    world.settle()
    world.create(PODS, pod("high", requests={"cpu": "3"}, priorityClassName="high"))
    world.settle(1)
    assert world.message("high") == "0/1 nodes are available: 1 Insufficient cpu."
    preemptor, victim = (world.store.get(PODS, "default", name) for name in ("high", "low"))
    assert preemptor is not None
    assert victim is not None
    assert preemptor["status"]["nominatedNodeName"] == "n"
    assert "deletionTimestamp" in victim["metadata"]
    target = condition(victim, "DisruptionTarget")
    assert target is not None
    assert (target["reason"], target["message"]) == (
        "PreemptionByScheduler",
        "default-scheduler: preempting to accommodate a higher priority pod",
    )
    (told,) = world.timeline.of_kind("Preempted")
    assert (told.subject, told.details["message"]) == (
        "Pod/default/low",
        f"Preempted by pod {preemptor['metadata']['uid']} on node n",
    )
    world.delete(PODS, "low")
    world.settle(2)
    assert world.where("high") == "n"


def test_given_a_nomination_when_a_lower_pod_would_fit_then_it_has_to_wait_and_a_higher_one_takes_it_over(
    world: World,
) -> None:
    world.create(NODES, node())
    classes(world)
    world.create(PODS, pod("low", requests={"cpu": "2"}, priorityClassName="low"))
    world.settle()
    world.create(PODS, pod("high", requests={"cpu": "3"}, priorityClassName="high"))
    world.settle(1)
    world.create(PODS, pod("other", requests={"cpu": "1500m"}, priorityClassName="low"))
    world.settle(2)
    assert world.where("other") is None  # 2 cores are free, but they are promised
    world.create(PODS, pod("top", requests={"cpu": "1"}, priorityClassName="top"))
    world.settle(3)
    assert world.where("top") == "n"
