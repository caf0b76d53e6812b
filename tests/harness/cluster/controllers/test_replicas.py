"""ReplicaSets, Deployments and PodDisruptionBudgets over time, and their pure rules."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.controllers.deployment.rollout import (
    Bounds,
    bounds_of,
    new_size,
    without_surplus,
    without_unhealthy,
)
from harness.cluster.controllers.poddisruptionbudget import Need, need_of
from harness.kube.errors import TooManyRequests
from harness.kube.objects import is_deleting, name_of, new_object
from harness.kube.resources import DEPLOYMENTS, NODES, POD_DISRUPTION_BUDGETS, PODS, REPLICA_SETS, SERVICE_ACCOUNTS

from .bench import Bench, Kubelet, node


@pytest.fixture
def world(bench: Bench) -> Bench:
    bench.add_standard()
    bench.add_scheduler()
    bench.create(NODES, node("n"))
    return bench


def workload(resource: Any, name: str = "web", **spec: Any) -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "c", "image": "web:1"}]}}
    selector = {"matchLabels": {"app": name}}
    return new_object(resource, name, "default", spec={"selector": selector, "template": template, **spec})


def image(bench: Bench, name: str) -> None:
    patch = [{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": name}]
    bench.kernel.call(lambda: bench.store.patch(DEPLOYMENTS, "default", "web", patch, kind="json"))


def alive(bench: Bench) -> list[Any]:
    return [pod for pod in bench.pods() if not is_deleting(pod)]


def settled(bench: Bench) -> bool:
    status = bench.get(DEPLOYMENTS, "web").get("status") or {}
    reasons = [entry["reason"] for entry in status.get("conditions") or () if entry["type"] == "Progressing"]
    return reasons == ["NewReplicaSetAvailable"] and len(bench.pods()) == 4


def test_given_a_replica_set_when_a_pod_goes_or_the_number_changes_then_it_is_made_good(world: Bench) -> None:
    Kubelet(world)
    world.create(REPLICA_SETS, workload(REPLICA_SETS, replicas=3))
    world.advance_to(1)
    status = world.get(REPLICA_SETS, "web")["status"]
    assert status == {
        "replicas": 3,
        "fullyLabeledReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "terminatingReplicas": 0,
        "observedGeneration": 1,
    }
    victim = name_of(world.pods()[0])
    world.kernel.call(lambda: world.store.delete(PODS, "default", victim))
    world.advance_to(2)
    assert len(world.pods()) == 3
    assert victim not in [name_of(pod) for pod in world.pods()]
    world.kernel.call(lambda: world.store.patch(REPLICA_SETS, "default", "web", {"spec": {"replicas": 1}}))
    world.advance_to(3)
    assert len(world.pods()) == 1
    assert len(world.events("SuccessfulCreate")) == 4
    assert len(world.events("SuccessfulDelete")) == 2


def test_given_min_ready_seconds_when_a_pod_is_ready_then_it_is_available_only_later(world: Bench) -> None:
    Kubelet(world)
    world.create(REPLICA_SETS, workload(REPLICA_SETS, minReadySeconds=20))
    assert world.wait(lambda: world.get(REPLICA_SETS, "web")["status"].get("availableReplicas") == 1) == 20


def test_given_a_deployment_when_it_is_created_then_status_and_conditions_are_those_of_a_real_one(world: Bench) -> None:
    Kubelet(world)
    world.create(DEPLOYMENTS, workload(DEPLOYMENTS, replicas=2))
    world.advance_to(1)
    (replica_set,) = world.store.list(REPLICA_SETS)
    now = world.stamp(0)
    stamps = {"lastTransitionTime": now, "lastUpdateTime": now}
    assert world.get(DEPLOYMENTS, "web")["status"] == {
        "availableReplicas": 2,
        "observedGeneration": world.get(DEPLOYMENTS, "web")["metadata"]["generation"],
        "readyReplicas": 2,
        "replicas": 2,
        "updatedReplicas": 2,
        "terminatingReplicas": 0,
        "conditions": [
            {
                "type": "Available",
                "status": "True",
                "reason": "MinimumReplicasAvailable",
                "message": "Deployment has minimum availability.",
                **stamps,
            },
            {
                "type": "Progressing",
                "status": "True",
                "reason": "NewReplicaSetAvailable",
                "message": f'ReplicaSet "{name_of(replica_set)}" has successfully progressed.',
                **stamps,
            },
        ],
    }
    assert world.events("ScalingReplicaSet") == [f"Scaled up replica set {name_of(replica_set)} from 0 to 2"]
    assert world.get(DEPLOYMENTS, "web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "1"


def test_given_a_rolling_update_when_it_runs_then_never_fewer_than_3_of_4_are_ready_nor_more_than_5_there(
    world: Bench,
) -> None:
    Kubelet(world, stop_s=3)
    world.create(DEPLOYMENTS, workload(DEPLOYMENTS, replicas=4))
    world.wait(lambda: settled(world))
    counts: list[tuple[int, int]] = []

    def note(*_: Any) -> None:
        live = alive(world)
        ready = sum(
            any(c["type"] == "Ready" and c["status"] == "True" for c in p["status"]["conditions"])
            for p in live
            if p["status"].get("conditions")
        )
        counts.append((ready, len(live)))

    world.kernel.call(lambda: world.store.observe(PODS, note))
    counts.clear()
    image(world, "web:2")
    world.wait(lambda: settled(world) and {p["spec"]["containers"][0]["image"] for p in alive(world)} == {"web:2"})
    assert min(ready for ready, _ in counts) >= 3
    assert max(live for _, live in counts) <= 5
    sizes = {
        entry["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: entry["spec"]["replicas"]
        for entry in world.store.list(REPLICA_SETS)
    }
    assert sizes == {"1": 0, "2": 4}


def test_given_recreate_when_the_template_changes_then_no_new_pod_starts_before_the_old_ones_ended(
    world: Bench,
) -> None:
    Kubelet(world, stop_s=10)
    world.create(DEPLOYMENTS, workload(DEPLOYMENTS, replicas=2, strategy={"type": "Recreate"}))
    world.advance_to(5)
    image(world, "web:2")
    world.advance_to(14)
    assert {pod["spec"]["containers"][0]["image"] for pod in world.pods()} == {"web:1"}
    world.advance_to(16)
    assert [pod["spec"]["containers"][0]["image"] for pod in world.pods()] == ["web:2", "web:2"]


def test_given_a_rollout_that_cannot_go_on_when_the_deadline_is_over_then_progressing_is_false(world: Bench) -> None:
    world.create(DEPLOYMENTS, workload(DEPLOYMENTS, progressDeadlineSeconds=60))
    reason_s = world.wait(lambda: (world.condition(DEPLOYMENTS, "web", "Progressing") or {}).get("status") == "False")
    assert reason_s == 60
    assert world.held_condition(DEPLOYMENTS, "web", "Progressing")["reason"] == "ProgressDeadlineExceeded"


def test_given_pods_that_the_api_refuses_when_a_deployment_wants_them_then_both_say_replica_failure_until_it_works(
    world: Bench,
) -> None:
    Kubelet(world)
    body = workload(DEPLOYMENTS)
    body["spec"]["template"]["spec"]["serviceAccountName"] = "missing"
    world.create(DEPLOYMENTS, body)
    world.advance_to(1)
    (replica_set,) = world.store.list(REPLICA_SETS)
    for resource, name in ((REPLICA_SETS, name_of(replica_set)), (DEPLOYMENTS, "web")):
        failure = world.held_condition(resource, name, "ReplicaFailure")
        assert (failure["status"], failure["reason"]) == ("True", "FailedCreate")
        assert 'serviceaccount "missing" not found' in failure["message"]
    world.create(SERVICE_ACCOUNTS, new_object(SERVICE_ACCOUNTS, "missing", "default"))
    world.advance_to(5)
    assert world.get(DEPLOYMENTS, "web")["status"]["availableReplicas"] == 1
    assert world.condition(DEPLOYMENTS, "web", "ReplicaFailure") is None
    assert world.condition(REPLICA_SETS, name_of(replica_set), "ReplicaFailure") is None


def test_given_a_deployment_when_it_is_deleted_then_everything_of_it_goes(world: Bench) -> None:
    Kubelet(world)
    world.create(DEPLOYMENTS, workload(DEPLOYMENTS, replicas=2))
    world.advance_to(1)
    world.kernel.call(lambda: world.store.delete(DEPLOYMENTS, "default", "web"))
    world.advance_to(2)
    assert not world.pods()
    assert not world.store.list(REPLICA_SETS)


def test_given_a_budget_when_pods_become_ready_and_are_evicted_then_it_allows_as_many_as_it_can(world: Bench) -> None:
    Kubelet(world, stop_s=5)
    world.create(DEPLOYMENTS, workload(DEPLOYMENTS, replicas=2))
    budget = new_object(
        POD_DISRUPTION_BUDGETS, "b", "default", spec={"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    )
    world.create(POD_DISRUPTION_BUDGETS, budget)
    world.advance_to(1)
    status = world.get(POD_DISRUPTION_BUDGETS, "b")["status"]
    assert {
        field: status[field] for field in ("currentHealthy", "desiredHealthy", "disruptionsAllowed", "expectedPods")
    } == {
        "currentHealthy": 2,
        "desiredHealthy": 1,
        "disruptionsAllowed": 1,
        "expectedPods": 2,
    }
    first, second = (name_of(pod) for pod in world.pods())
    world.kernel.call(lambda: world.store.evict("default", first))
    with pytest.raises(TooManyRequests):
        world.kernel.call(lambda: world.store.evict("default", second))
    world.advance_to(20)
    assert world.get(POD_DISRUPTION_BUDGETS, "b")["status"]["disruptionsAllowed"] == 1


@pytest.mark.parametrize(
    ("spec", "need"),
    [
        ({"minAvailable": 2}, Need(5, 2)),
        ({"minAvailable": "50%"}, Need(6, 3)),
        ({"maxUnavailable": 1}, Need(6, 5)),
        ({"maxUnavailable": "30%"}, Need(6, 4)),
        ({"maxUnavailable": 9}, Need(6, 0)),
        ({}, Need(5, 0)),
    ],
)
def test_given_a_budget_s_spec_when_5_of_6_pods_exist_then_so_many_must_stay(spec: dict[str, Any], need: Need) -> None:
    assert need_of(spec, matched=5, wanted=6) == need


@pytest.mark.parametrize(
    ("replicas", "surge", "unavailable", "bounds"),
    [
        (4, "25%", "25%", Bounds(1, 1)),
        (2, "25%", "25%", Bounds(1, 0)),
        (10, "25%", "25%", Bounds(3, 2)),
        (3, 0, 0, Bounds(0, 1)),
        (1, 2, 5, Bounds(2, 1)),
    ],
)
def test_given_rolling_limits_when_resolved_then_surge_rounds_up_and_missing_rounds_down(
    replicas: int, surge: Any, unavailable: Any, bounds: Bounds
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
    assert bounds_of({"replicas": replicas, "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling}}) == bounds


def entry(replicas: int, available: int) -> dict[str, Any]:
    return {"spec": {"replicas": replicas}, "status": {"availableReplicas": available}}


@pytest.mark.parametrize(
    ("new", "old", "sizes"),
    [
        (entry(1, 0), [entry(4, 4)], [3]),  # one may be missing
        (entry(1, 0), [entry(3, 3)], [3]),
        (entry(2, 2), [entry(3, 3)], [1]),
        (entry(1, 0), [entry(2, 0), entry(2, 2)], [1, 2]),  # what is not ready goes first
        (entry(4, 4), [entry(1, 1)], [0]),
    ],
)
def test_given_old_replica_sets_of_a_rollout_to_4_when_scaled_then_they_shrink_to(
    new: dict[str, Any], old: list[dict[str, Any]], sizes: list[int]
) -> None:
    spec = {"replicas": 4, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}
    healthy = without_unhealthy(spec, new, old)
    assert without_surplus(spec, new, old, healthy) == sizes


@pytest.mark.parametrize(("current", "total", "size"), [(0, 0, 4), (0, 4, 1), (1, 5, 1), (2, 4, 3), (9, 9, 4)])
def test_given_a_new_replica_set_when_scaled_then_it_takes_what_the_surge_leaves(
    current: int, total: int, size: int
) -> None:
    spec = {"replicas": 4, "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}}
    assert new_size(spec, current, total) == size
