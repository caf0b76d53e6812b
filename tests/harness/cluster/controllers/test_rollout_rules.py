"""Rules of rollouts and removals, table by table (values worked out from `util/deployment_util.go` and `controller_utils.go`, 1.34)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SECOND, format_time
from harness.cluster.controllers.deployment import rollout
from harness.cluster.controllers.deployment.revisions import HISTORY, REVISION, annotations_for
from harness.cluster.controllers.removal import DELETION_COST, ranked_removal_order, removal_order
from harness.kube.objects import name_of

NOW_US = 1_800_000_000 * SECOND


def at(seconds_ago: int) -> str:
    return format_time(NOW_US - seconds_ago * SECOND)


def replica_set(name: str, size: int, maximum: int | None = None, available: int | None = None) -> dict[str, Any]:
    annotations = {} if maximum is None else {rollout.MAXIMUM: str(maximum), rollout.DESIRED: "10"}
    metadata = {"name": name, "creationTimestamp": at(100 - len(name)), "annotations": annotations}
    status = {"availableReplicas": size if available is None else available}
    return {"metadata": metadata, "spec": {"replicas": size}, "status": status}


def deployment(replicas: int, surge: int = 3, unavailable: int = 2, **status: Any) -> dict[str, Any]:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    return {"metadata": {"name": "web"}, "spec": {"replicas": replicas, "strategy": strategy}, "status": status}


@pytest.mark.parametrize(
    ("replicas", "sizes", "expected"),
    [
        (15, (8, 5), (11, 7)),  # upstream's documented example: 13 pods of 10+3 become 18 of 15+3
        (5, (8, 5), (5, 3)),
        (10, (8, 5), (8, 5)),
        (0, (8, 5), (0, 0)),
    ],
)
def test_given_a_half_done_rollout_of_10_when_scaled_then_each_replica_set_gets_its_share(
    replicas: int, sizes: tuple[int, int], expected: tuple[int, int]
) -> None:
    active = [replica_set("a", sizes[0], 13), replica_set("bb", sizes[1], 13)]
    assert tuple(rollout.proportional(deployment(replicas), active).values()) == expected


@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(1, 60), st.integers(1, 10))
def test_given_any_half_done_rollout_when_scaled_then_the_sum_is_what_is_allowed(
    sizes: list[int], replicas: int, surge: int
) -> None:
    active = [replica_set("r" * (number + 1), size, sum(sizes)) for number, size in enumerate(sizes)]
    found = rollout.proportional(deployment(replicas, surge), active)
    assert min(found.values()) >= 0
    assert sum(found.values()) == replicas + surge or min(found.values()) == 0


def test_given_an_old_replica_set_that_was_just_scaled_down_when_its_status_is_older_then_it_is_behind() -> None:
    spec, new = deployment(6)["spec"], replica_set("new", 4, available=0)
    assert rollout.is_behind(spec, new, [replica_set("old", 5, available=11)])
    assert not rollout.is_behind(spec, new, [replica_set("old", 5, available=5)])


@pytest.mark.parametrize(
    ("present", "revision", "expected"),
    [
        ({}, 1, {REVISION: "1", "team": "x"}),
        ({REVISION: "3"}, 3, {REVISION: "3", "team": "x"}),
        ({REVISION: "1"}, 3, {REVISION: "3", HISTORY: "1", "team": "x"}),
        ({REVISION: "3", HISTORY: "1"}, 5, {REVISION: "5", HISTORY: "1,3", "team": "x"}),
    ],
)
def test_given_a_replica_set_when_it_becomes_the_newest_then_its_annotations_tell_its_history(
    present: dict[str, str], revision: int, expected: dict[str, str]
) -> None:
    owner = deployment(1)
    owner["metadata"]["annotations"] = {
        "team": "x",
        REVISION: "9",
        "kubectl.kubernetes.io/last-applied-configuration": "{}",
    }
    assert annotations_for(owner, present, revision, exists=True) == expected


def pod(
    name: str, *, node: str = "n", phase: str = "Running", ready_s: int | None = 100, **more: Any
) -> dict[str, Any]:
    conditions = [] if ready_s is None else [{"type": "Ready", "status": "True", "lastTransitionTime": at(ready_s)}]
    metadata = {
        "name": name,
        "uid": name,
        "creationTimestamp": at(more.get("age_s", 1000)),
        "annotations": {DELETION_COST: more["cost"]} if "cost" in more else {},
    }
    statuses = [{"name": "c", "restartCount": more.get("restarts", 0)}]
    status = {"phase": phase, "conditions": conditions, "containerStatuses": statuses}
    return {"metadata": metadata, "spec": {"nodeName": node} if node else {}, "status": status}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (pod("b", node=""), pod("a", ready_s=None)),  # without a node
        (pod("b", phase="Pending"), pod("a", ready_s=None)),
        (pod("b", ready_s=None), pod("a")),
        (pod("b", cost="-5"), pod("a")),
        (pod("b", ready_s=10), pod("a", ready_s=1000)),
        (pod("b", restarts=3), pod("a")),
        (pod("b", age_s=10), pod("a", age_s=1000)),
    ],
)
def test_given_two_pods_when_one_has_to_go_then_a_replica_set_takes_the_cheaper(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    assert [name_of(entry) for entry in ranked_removal_order([second, first], [], NOW_US)] == ["b", "a"]


def test_given_nodes_with_several_pods_of_an_owner_when_one_has_to_go_then_it_is_from_the_fullest() -> None:
    crowd = [pod("a"), pod("b", node="full"), pod("c", node="full")]
    assert [name_of(entry) for entry in ranked_removal_order(crowd, crowd, NOW_US)][:2] == ["b", "c"]


def test_given_pods_of_about_the_same_age_when_ordered_then_the_uid_decides_but_not_for_a_job() -> None:
    older, younger = pod("a", ready_s=1000), pod("b", ready_s=900)
    assert [name_of(entry) for entry in ranked_removal_order([younger, older], [], NOW_US)] == ["a", "b"]
    assert [name_of(entry) for entry in removal_order([older, younger])] == ["b", "a"]
