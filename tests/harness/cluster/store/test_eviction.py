"""The eviction subresource against PodDisruptionBudgets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.cluster.store import Store
from harness.kube.errors import ApiError, TooManyRequests
from harness.kube.resources import POD_DISRUPTION_BUDGETS, PODS

MakePod = Callable[..., dict[str, Any]]
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


@pytest.fixture
def running(store: Store, pod: MakePod) -> Store:
    """A store with a ready pod that budgets may select by app=x."""
    made = pod()
    made["metadata"]["labels"] = {"app": "x"}
    store.create(PODS, made)
    store.bind("default", "p", "n")
    ready = [{"type": "Ready", "status": "True"}]
    store.patch(PODS, "default", "p", {"status": {"phase": "Running", "conditions": ready}}, subresource="status")
    return store


def budget(store: Store, name: str, spec: dict[str, Any] | None = None, **status: Any) -> None:
    spec = {"selector": {"matchLabels": {"app": "x"}}, "minAvailable": 1, **(spec or {})}
    store.create(POD_DISRUPTION_BUDGETS, {"metadata": {"name": name, "namespace": "default"}, "spec": spec})
    store.patch(POD_DISRUPTION_BUDGETS, "default", name, {"status": status}, subresource="status")


def test_given_no_budget_then_the_pod_is_deleted_and_says_why(running: Store) -> None:
    running.evict("default", "p", grace_period_s=5)
    pod = running.get(PODS, "default", "p")
    assert pod is not None
    assert pod["metadata"]["deletionGracePeriodSeconds"] == 5
    assert pod["status"]["conditions"][-1] == {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": "EvictionByEvictionAPI",
        "message": "Eviction API: evicting",
        "lastProbeTime": None,
        "lastTransitionTime": "2026-03-01T08:00:00Z",
    }


def test_given_a_budget_with_room_then_the_eviction_uses_it(running: Store) -> None:
    budget(running, "b", observedGeneration=1, disruptionsAllowed=1, currentHealthy=2, desiredHealthy=1)
    running.evict("default", "p")
    status = running.list(POD_DISRUPTION_BUDGETS)[0]["status"]
    assert (status["disruptionsAllowed"], status["disruptedPods"]) == (0, {"p": "2026-03-01T08:00:00Z"})


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        (
            {"observedGeneration": 1, "disruptionsAllowed": 0, "currentHealthy": 1, "desiredHealthy": 1},
            "The disruption budget b needs 1 healthy pods and has 1 currently",
        ),
        ({"disruptionsAllowed": 5}, "The disruption budget b is still being processed by the server."),
    ],
)
def test_given_a_budget_without_room_then_the_eviction_is_refused(
    running: Store, status: dict[str, Any], cause: str
) -> None:
    budget(running, "b", **status)
    before = running.version
    with pytest.raises(TooManyRequests) as refused:
        running.evict("default", "p")
    assert refused.value.message == REFUSED
    assert refused.value.details["causes"] == [{"reason": "DisruptionBudget", "message": cause}]
    assert running.version == before


def test_given_two_budgets_then_the_eviction_is_an_error(running: Store) -> None:
    for name in ("a", "b"):
        budget(running, name, observedGeneration=1, disruptionsAllowed=1)
    with pytest.raises(ApiError) as refused:
        running.evict("default", "p")
    assert (refused.value.code, refused.value.message) == (
        500,
        "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
    )


@pytest.mark.parametrize(
    ("spec", "healthy", "evicted"),
    [({}, 1, True), ({}, 0, False), ({"unhealthyPodEvictionPolicy": "AlwaysAllow"}, 0, True)],
)
def test_given_a_pod_that_is_not_ready_then_its_budget_spares_it_only_when_others_are_missing(
    running: Store, spec: dict[str, Any], healthy: int, evicted: bool
) -> None:
    conditions = [{"type": "Ready", "status": "False"}]
    running.patch(PODS, "default", "p", {"status": {"conditions": conditions}}, subresource="status")
    budget(running, "b", spec, observedGeneration=1, disruptionsAllowed=0, currentHealthy=healthy, desiredHealthy=1)
    if evicted:
        running.evict("default", "p")
    else:
        with pytest.raises(TooManyRequests):
            running.evict("default", "p")
    pod = running.get(PODS, "default", "p")
    assert pod is not None
    assert ("deletionTimestamp" in pod["metadata"]) is evicted


@pytest.mark.parametrize("phase", ["Pending", "Succeeded", "Failed"])
def test_given_a_pod_that_serves_nobody_then_budgets_do_not_count(running: Store, phase: str) -> None:
    budget(running, "b", observedGeneration=1, disruptionsAllowed=0)
    running.patch(PODS, "default", "p", {"status": {"phase": phase}}, subresource="status")
    running.evict("default", "p", grace_period_s=0)
    assert running.get(PODS, "default", "p") is None
