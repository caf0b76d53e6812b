"""Score plugins: raw points, normalisation and the defaults' weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.cluster.scheduler.cycle import feasible_nodes_enough
from harness.cluster.scheduler.framework import normalise_by_max
from harness.cluster.scheduler.plugins.image_locality import normalised_name, priority
from harness.cluster.scheduler.plugins.node_resources_balanced_allocation import (
    NodeResourcesBalancedAllocation,
    balanced,
)
from harness.cluster.scheduler.plugins.node_resources_fit import least_allocated
from harness.cluster.scheduler.plugins.pod_topology_spread import IGNORED, PodTopologySpread
from harness.cluster.scheduler.podinfo import pod_info
from harness.kube.selectors import from_labels

from .world import HOSTNAME, ZONE, cluster, cycle, info, node, pod

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("requests", "used", "points"),
    [
        ({"cpu": "1", "memory": "2Gi"}, None, 75),
        ({"cpu": "1", "memory": "2Gi"}, {"cpu": "1", "memory": "2Gi"}, 50),
        ({"cpu": "4", "memory": "8Gi"}, None, 0),
        ({}, None, 97),  # 100m of 4 is 97, 200 MiB of 8 GiB is 97
        ({"cpu": "3", "memory": "1Gi"}, None, 56),  # 25 and 87, in whole numbers
    ],
)
def test_given_requests_when_rated_then_least_allocated_gives(requests: Any, used: Any, points: int) -> None:
    placed = [pod("other", requests=used)] if used else []
    assert least_allocated(pod_info(pod(requests=requests)), info(node(), *placed)) == points


@pytest.mark.parametrize(
    ("requests", "points"),
    [({"cpu": "1", "memory": "2Gi"}, 100), ({"cpu": "4", "memory": "0"}, 50), ({"cpu": "2", "memory": "6Gi"}, 87)],
)
def test_given_requests_when_rated_then_balanced_allocation_gives(requests: Any, points: int) -> None:
    assert balanced(pod_info(pod(requests=requests)), info(node())) == points


def test_given_a_best_effort_pod_when_rated_then_balanced_allocation_is_skipped() -> None:
    assert NodeResourcesBalancedAllocation().points(pod_info(pod())) is None


@pytest.mark.parametrize(
    ("summed", "containers", "points"),
    [(0, 1, 0), (23 * MIB, 1, 0), (1000 * MIB, 1, 100), (5000 * MIB, 1, 100), (1000 * MIB, 2, 49), (512 * MIB, 1, 50)],
)
def test_given_bytes_present_when_rated_then_image_locality_gives(summed: int, containers: int, points: int) -> None:
    assert priority(summed, containers) == points


@pytest.mark.parametrize(
    ("image", "name"),
    [("a", "a:latest"), ("a:1", "a:1"), ("host:5000/a", "host:5000/a:latest"), ("host:5000/a:1", "host:5000/a:1")],
)
def test_given_an_image_when_its_tag_is_missing_then_it_is_latest(image: str, name: str) -> None:
    assert normalised_name(image) == name


@pytest.mark.parametrize(
    ("points", "reverse", "expected"),
    [([0, 0], False, [0, 0]), ([0, 0], True, [100, 100]), ([1, 3], False, [33, 100]), ([1, 3], True, [67, 0])],
)
def test_given_points_when_normalised_by_the_largest_then(
    points: list[int], reverse: bool, expected: list[int]
) -> None:
    assert normalise_by_max(np.array(points), reverse=reverse).tolist() == expected


@pytest.mark.parametrize(
    ("nodes", "enough"), [(3, 3), (99, 99), (100, 100), (125, 100), (1000, 420), (5000, 500), (6000, 300), (10000, 500)]
)
def test_given_a_cluster_when_nodes_are_sought_then_so_many_feasible_ones_are_enough(nodes: int, enough: int) -> None:
    assert feasible_nodes_enough(nodes) == enough


def placed_on(found: Any, candidate: Any, **extra: Any) -> dict[str, dict[str, int]]:
    explained = cycle(found, **extra).explain(pod_info(candidate))
    return {name: dict(entry.scores) for name, entry in explained.items()}


def test_given_soft_taints_and_preferences_when_rated_then_they_weigh_3_and_2() -> None:
    soft = {"key": "k", "effect": "PreferNoSchedule"}
    found = cluster([node("a", taints=[soft]), node("b", labels={"pool": "x"}), node("c")])
    term = {"matchExpressions": [{"key": "pool", "operator": "In", "values": ["x"]}]}
    affinity = {
        "nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 10, "preference": term}]}
    }
    scores = placed_on(found, pod(affinity=affinity))
    assert {name: (row["TaintToleration"], row["NodeAffinity"]) for name, row in scores.items()} == {
        "a": (0, 0),
        "b": (300, 200),
        "c": (300, 0),
    }


def test_given_images_on_some_nodes_when_rated_then_they_count_by_how_common_they_are() -> None:
    found = cluster([node("a", images={"big:1": 1000 * MIB}), node("b")])
    scores = placed_on(found, pod(image="big:1"))
    assert scores["a"]["ImageLocality"] == priority(500 * MIB, 1)
    assert scores["b"]["ImageLocality"] == 0


def test_given_a_wish_to_spread_when_rated_then_the_emptier_zone_is_better_and_nodes_without_one_get_nothing() -> None:
    wish = {
        "maxSkew": 1,
        "topologyKey": ZONE,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "x"}},
    }
    nodes = [node("a", labels={ZONE: "a"}), node("b", labels={ZONE: "b"}), node("c")]
    found = cluster(nodes, {"a": [pod(f"x{i}", labels={"app": "x"}) for i in range(3)]})
    scores = placed_on(found, pod("p", labels={"app": "x"}, topologySpreadConstraints=[wish]))
    assert [scores[name]["PodTopologySpread"] for name in "abc"] == [0, 200, 0]


def test_given_raw_spread_points_when_normalised_then_the_fewest_are_best() -> None:
    plugin = PodTopologySpread(lambda _: None)
    assert plugin.normalise(np.array([2, 4, IGNORED])).tolist() == [100, 50, 0]
    assert plugin.normalise(np.array([0, 0])).tolist() == [100, 100]


def test_given_pods_of_a_service_when_rated_then_they_are_spread_by_default_and_others_are_not() -> None:
    nodes = [node("a", labels={ZONE: "z"}), node("b", labels={ZONE: "z"})]
    found = cluster(nodes, {"a": [pod(f"x{i}", labels={"app": "x"}) for i in range(6)]})
    candidate = pod("p", labels={"app": "x"})
    scores = placed_on(found, candidate, default_selector=lambda _: from_labels({"app": "x"}))
    assert scores["a"]["PodTopologySpread"] < scores["b"]["PodTopologySpread"]
    assert "PodTopologySpread" not in placed_on(found, candidate)["a"]
    assert HOSTNAME in nodes[0]["metadata"]["labels"]
