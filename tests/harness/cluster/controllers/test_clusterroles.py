"""Cluster roles that gather others' rules."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.controllers.clusterroles import MANAGER, ClusterRoleAggregationController, gathered
from harness.kube.objects import new_object
from harness.kube.resources import CLUSTER_ROLES

from .bench import Bench

READ = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
HEALTH = {"nonResourceURLs": ["/healthz"], "verbs": ["get"]}


def role(name: str, *rules: Any, gathers: str | None = None, **labels: str) -> Any:
    made = new_object(CLUSTER_ROLES, name, labels=labels, rules=list(rules))
    if gathers is not None:
        made["aggregationRule"] = {"clusterRoleSelectors": [{"matchLabels": {gathers: "1"}}]}
    return made


@pytest.fixture
def world(bench: Bench) -> Bench:
    def apply(name: str, rules: Any) -> None:
        config = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name}}
        bench.store.apply(CLUSTER_ROLES, None, name, {**config, "rules": rules}, manager=MANAGER, force=True)

    bench.add(ClusterRoleAggregationController(bench.store, apply))
    return bench


def make(world: Bench, *roles: Any) -> None:
    for each in roles:
        world.create(CLUSTER_ROLES, each)
    world.advance_to(world.now_s)


def rules(world: Bench, name: str = "whole") -> list[Any]:
    return list(world.get(CLUSTER_ROLES, name).get("rules") or ())


def test_given_roles_with_the_label_then_the_whole_has_their_rules_once_in_the_order_of_names(world: Bench) -> None:
    make(world, role("whole", gathers="x"), role("b", READ, x="1"), role("a", READ, HEALTH, x="1"), role("c", HEALTH))

    assert rules(world) == [READ, HEALTH]
    stored = world.store.stored(CLUSTER_ROLES, None, "whole")
    assert stored is not None
    assert (MANAGER, "Apply") in {(owner.name, owner.operation) for owner in stored.managed()}


@pytest.mark.parametrize("change", ["label", "delete"])
def test_given_a_part_that_leaves_then_its_rules_leave(world: Bench, change: str) -> None:
    make(world, role("whole", gathers="x"), role("a", READ, x="1"), role("b", HEALTH, x="1"))

    if change == "label":
        patch = {"metadata": {"labels": {"x": None}}}
        world.kernel.call(lambda: world.store.patch(CLUSTER_ROLES, None, "a", patch))
    else:
        world.kernel.call(lambda: world.store.delete(CLUSTER_ROLES, None, "a"))
    world.advance_to(world.now_s)

    assert rules(world) == [HEALTH]


def test_given_a_whole_that_gathers_a_whole_then_the_rules_go_through(world: Bench) -> None:
    make(world, role("all", gathers="y"), role("whole", gathers="x", y="1"), role("a", READ, x="1"))

    assert rules(world, "all") == [READ]


def test_given_rules_that_somebody_wrote_then_they_are_replaced(world: Bench) -> None:
    make(world, role("whole", HEALTH, gathers="x"), role("a", READ, x="1"))

    assert rules(world) == [READ]


def test_given_nothing_new_then_nothing_is_written(world: Bench) -> None:
    make(world, role("whole", gathers="x"), role("a", READ, x="1"))
    version = world.get(CLUSTER_ROLES, "whole")["metadata"]["resourceVersion"]

    make(world, role("other", READ))

    assert world.get(CLUSTER_ROLES, "whole")["metadata"]["resourceVersion"] == version


def test_given_a_selector_that_takes_the_whole_itself_then_it_does_not_count() -> None:
    whole = role("whole", READ, gathers="x", x="1")

    assert gathered(whole, [whole]) == []
