"""Budgets, quotas, root certificates and the nodes' ttl: what these controllers write."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.controllers import ControllerManagerSettings
from harness.kube.objects import new_object
from harness.kube.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    JOBS,
    LEASES,
    NAMESPACES,
    NODES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    RESOURCE_QUOTAS,
)

from .bench import Bench, Kubelet, job, lease, node, pod


@pytest.fixture
def world(bench: Bench) -> Bench:
    bench.add_standard()
    bench.add_scheduler()
    Kubelet(bench)
    bench.create(NODES, node("n"))
    bench.create(LEASES, lease("n"))
    return bench


def budget(bench: Bench, name: str, labels: dict[str, str], **spec: Any) -> None:
    body = {"selector": {"matchLabels": labels}, **spec}
    bench.create(POD_DISRUPTION_BUDGETS, new_object(POD_DISRUPTION_BUDGETS, name, "default", spec=body))


def counts(bench: Bench, name: str) -> tuple[int, ...]:
    """expected, healthy, desired, allowed."""
    status = bench.get(POD_DISRUPTION_BUDGETS, name)["status"]
    return tuple(status[key] for key in ("expectedPods", "currentHealthy", "desiredHealthy", "disruptionsAllowed"))


def deploy(bench: Bench, replicas: int) -> None:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "pause"}]}}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    bench.create(DEPLOYMENTS, new_object(DEPLOYMENTS, "web", "default", spec=spec))


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({"maxUnavailable": 1}, (4, 4, 3, 1)),
        ({"maxUnavailable": "30%"}, (4, 4, 2, 2)),
        ({"minAvailable": 3}, (4, 4, 3, 1)),
        ({"minAvailable": "51%"}, (4, 4, 3, 1)),
    ],
)
def test_given_a_deployment_when_a_budget_protects_it_then_its_scale_counts(
    world: Bench, spec: dict[str, Any], expected: tuple[int, int, int, int]
) -> None:
    deploy(world, 4)
    budget(world, "b", {"app": "web"}, **spec)
    world.advance_to(5)
    assert counts(world, "b") == expected


def test_given_a_deployment_that_is_scaled_when_the_budget_is_looked_at_then_it_follows_at_once(world: Bench) -> None:
    deploy(world, 2)
    budget(world, "b", {"app": "web"}, maxUnavailable="50%")
    world.advance_to(5)
    assert counts(world, "b") == (2, 2, 1, 1)
    change = {"spec": {"replicas": 6}}
    world.kernel.call(lambda: world.store.patch(DEPLOYMENTS, "default", "web", change))
    world.advance_to(10)
    assert counts(world, "b") == (6, 6, 3, 3)


def test_given_pods_of_a_job_when_a_budget_needs_their_scale_then_it_says_that_there_is_none(world: Bench) -> None:
    world.create(JOBS, job("j", template={"containers": [{"name": "c", "image": "x"}]}))
    budget(world, "b", {"batch.kubernetes.io/job-name": "j"}, maxUnavailable=1)
    world.advance_to(5)
    entry = world.held_condition(POD_DISRUPTION_BUDGETS, "b", "DisruptionAllowed")
    text = "jobs.batch does not implement the scale subresource"
    assert (entry["status"], entry["reason"], entry["message"]) == ("False", "SyncFailed", text)
    assert world.events("CalculateExpectedPodCountFailed") == [
        f"Failed to calculate the number of expected pods: {text}"
    ]


def test_given_bare_pods_when_a_budget_counts_a_share_then_they_are_unmanaged_but_a_number_protects_them(
    world: Bench,
) -> None:
    world.create(PODS, pod("p"))
    budget(world, "share", {"app": "p"}, maxUnavailable=1)
    budget(world, "number", {"app": "p"}, minAvailable=1)
    world.advance_to(5)
    assert counts(world, "share") == (0, 1, 0, 0)
    assert counts(world, "number") == (1, 1, 1, 0)
    (text,) = set(world.events("UnmanagedPods"))
    assert text.startswith(
        "Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{app: p,},"
        "MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged."
    )


def test_given_a_quota_when_pods_end_or_go_then_what_they_used_is_free_again(world: Bench) -> None:
    requests = {"resources": {"requests": {"cpu": "300m"}}}
    for name in ("a", "b"):
        world.create(PODS, pod(name, containers=[{"name": "main", "image": "pause", **requests}]))
    hard = {"pods": "5", "requests.cpu": "1", "count/configmaps": "3"}
    world.create(RESOURCE_QUOTAS, new_object(RESOURCE_QUOTAS, "q", "default", spec={"hard": hard}))
    world.advance_to(1)
    used = {"count/configmaps": "0", "pods": "2", "requests.cpu": "600m"}
    assert world.get(RESOURCE_QUOTAS, "q")["status"] == {"hard": hard, "used": used}
    world.end("a", "Succeeded")
    world.advance_to(2)
    assert world.get(RESOURCE_QUOTAS, "q")["status"]["used"]["requests.cpu"] == "300m"
    world.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "c", "default"))
    world.kernel.call(lambda: world.store.delete(PODS, "default", "b"))
    world.advance_to(3)
    used = {"count/configmaps": "1", "pods": "0", "requests.cpu": "0"}
    assert world.get(RESOURCE_QUOTAS, "q")["status"]["used"] == used


def test_given_a_root_certificate_when_a_namespace_lives_then_it_has_it_and_gets_it_back(bench: Bench) -> None:
    bench.add_standard(ControllerManagerSettings(root_ca="PEM"))
    bench.create(NAMESPACES, new_object(NAMESPACES, "team"))
    bench.advance_to(1)
    assert bench.get(CONFIG_MAPS, "kube-root-ca.crt", "team")["data"] == {"ca.crt": "PEM"}
    change = {"data": {"ca.crt": "other", "more": "x"}}
    bench.kernel.call(lambda: bench.store.patch(CONFIG_MAPS, "team", "kube-root-ca.crt", change))
    bench.advance_to(2)
    assert bench.get(CONFIG_MAPS, "kube-root-ca.crt", "team")["data"] == {"ca.crt": "PEM"}


def test_given_more_than_a_hundred_nodes_when_they_join_then_the_later_ones_cache_for_longer(bench: Bench) -> None:
    bench.add_standard()
    for number in range(102):
        bench.create(NODES, node(f"n{number:03}"))
    bench.advance_to(1)
    found = {bench.get(NODES, f"n{n:03}")["metadata"]["annotations"]["node.alpha.kubernetes.io/ttl"] for n in (0, 101)}
    assert found <= {"0", "15"}
    assert bench.get(NODES, "n101")["metadata"]["annotations"]["node.alpha.kubernetes.io/ttl"] == "15"
