"""The HorizontalPodAutoscaler over time. Real: store, Deployment controller, scheduler and the autoscaler; fed: the metrics; played: kubelets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from harness.clock import SECOND, parse_time
from harness.cluster.controllers import standard
from harness.cluster.controllers.horizontalpodautoscaling.calculator import Calculator, Target, Tolerances
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.cluster.metrics import MetricsError, MetricValue, PodMetric, StandardMetricsClient
from harness.kube.objects import name_of, new_object
from harness.kube.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    HORIZONTAL_POD_AUTOSCALERS,
    LEASES,
    NODES,
    PODS,
    Resource,
)

from .bench import START, Bench, Kubelet, lease, node
from .feed import MetricsFeed

CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}


class World:
    """A Deployment `web` whose pods ask for 100 m, and an autoscaler for it."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.feed = MetricsFeed(bench.store)
        client = StandardMetricsClient(self.feed, self.feed, self.feed)
        bench.add(*bench.kernel.call(lambda: standard(*bench.parts, bench.seeds, metrics=client)))
        bench.add_scheduler()
        Kubelet(bench)
        bench.create(NODES, node("n"))
        bench.create(LEASES, lease("n"))

    def deploy(self, replicas: int, *, cpu: str | None = "100m") -> None:
        requests = {"resources": {"requests": {"cpu": cpu}}} if cpu else {}
        template = {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "pause", **requests}]},
        }
        spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
        self.bench.create(DEPLOYMENTS, new_object(DEPLOYMENTS, "web", "default", spec=spec))

    def autoscale(self, name: str = "web", target: Mapping[str, Any] | None = None, **spec: Any) -> None:
        reference = target or {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
        body = {"minReplicas": 1, "maxReplicas": 10, "metrics": [CPU], "scaleTargetRef": reference, **spec}
        self.bench.create(
            HORIZONTAL_POD_AUTOSCALERS, new_object(HORIZONTAL_POD_AUTOSCALERS, name, "default", spec=body)
        )

    def use(self, cpu: str, *, memory: str = "1Mi") -> None:
        """Every pod uses this from now on, measured now."""
        for pod in self.bench.pods():
            usage = {"c": {"cpu": cpu, "memory": memory}}
            self.feed.set_pod("default", name_of(pod), usage, self.bench.kernel.now + 3600 * SECOND)

    @property
    def replicas(self) -> int:
        return int(self.bench.get(DEPLOYMENTS, "web")["spec"]["replicas"])

    def status(self, name: str = "web") -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.bench.get(HORIZONTAL_POD_AUTOSCALERS, name)["status"]
        return found

    def condition(self, kind: str, name: str = "web") -> tuple[str, str, str]:
        found = self.bench.held_condition(HORIZONTAL_POD_AUTOSCALERS, name, kind)
        return found["status"], found["reason"], found["message"]


@pytest.fixture
def world(bench: Bench) -> World:
    return World(bench)


def test_given_usage_twice_the_target_when_15_s_have_passed_then_the_replicas_double(world: World) -> None:
    world.deploy(2)
    world.bench.advance_to(1)
    world.use("100m")
    world.autoscale()
    world.bench.advance_to(15.9)
    assert world.replicas == 2
    world.bench.advance_to(16)
    assert world.replicas == 4
    assert world.bench.events("SuccessfulRescale") == [
        "New size: 4; reason: cpu resource utilization (percentage of request) above target"
    ]
    assert world.condition("AbleToScale") == (
        "True",
        "SucceededRescale",
        "the HPA controller was able to update the target scale to 4",
    )
    assert world.condition("ScalingActive")[2] == (
        "the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)"
    )
    assert world.condition("ScalingLimited")[:2] == ("False", "DesiredWithinRange")
    status = world.status()
    assert (status["currentReplicas"], status["desiredReplicas"]) == (2, 4)
    current = status["currentMetrics"][0]["resource"]["current"]
    assert current == {"averageUtilization": 100, "averageValue": "100m"}


def test_given_load_that_ends_when_the_window_of_300_s_is_over_then_the_replicas_go_down(world: World) -> None:
    world.deploy(4)
    world.bench.advance_to(1)
    world.use("50m")
    world.autoscale()
    world.bench.advance_to(30)
    world.use("5m")
    world.bench.advance_to(310)
    assert world.replicas == 4
    assert world.condition("AbleToScale")[1] == "ScaleDownStabilized"
    assert world.bench.wait(lambda: world.replicas == 1) == 316  # the recommendation of second 16 is just outside
    assert world.bench.events("SuccessfulRescale") == ["New size: 1; reason: All metrics below target"]


def test_given_the_default_rates_when_usage_explodes_then_it_grows_by_four_or_doubles(world: World) -> None:
    world.deploy(1)
    world.bench.advance_to(1)
    world.autoscale(maxReplicas=100)
    seen = []
    for second in (16, 31, 46):
        world.use("10")
        world.bench.advance_to(second)
        seen.append(world.replicas)
    assert seen == [4, 8, 16]
    assert world.condition("ScalingLimited")[:2] == ("True", "ScaleUpLimit")


def test_given_policies_when_scaling_up_then_the_pods_of_the_period_are_counted(world: World) -> None:
    world.deploy(1)
    world.bench.advance_to(1)
    policies = [{"type": "Pods", "value": 2, "periodSeconds": 60}]
    world.autoscale(behavior={"scaleUp": {"policies": policies}}, maxReplicas=100)
    seen = {}
    for second in range(16, 152, 15):
        world.use("10")
        world.bench.advance_to(second)
        seen[second] = world.replicas
    assert seen == {16: 3, 31: 3, 46: 3, 61: 3, 76: 5, 91: 5, 106: 5, 121: 5, 136: 7, 151: 7}


def test_given_a_disabled_direction_when_usage_falls_then_nothing_is_taken_away(world: World) -> None:
    world.deploy(4)
    world.bench.advance_to(1)
    world.use("1m")
    world.autoscale(behavior={"scaleDown": {"selectPolicy": "Disabled", "stabilizationWindowSeconds": 0}})
    world.bench.advance_to(400)
    assert world.replicas == 4
    assert world.condition("ScalingLimited")[:2] == ("True", "ScaleDownLimit")


@pytest.mark.parametrize(
    ("replicas", "expected", "reason"),
    [
        (12, 10, "Current number of replicas above Spec.MaxReplicas"),
        (1, 2, "Current number of replicas below Spec.MinReplicas"),
    ],
)
def test_given_replicas_out_of_bounds_when_looked_at_then_they_are_brought_in_without_any_metric(
    world: World, replicas: int, expected: int, reason: str
) -> None:
    world.deploy(replicas)
    world.autoscale(minReplicas=2)
    world.bench.advance_to(15)
    assert world.replicas == expected
    assert world.bench.events("SuccessfulRescale") == [f"New size: {expected}; reason: {reason}"]


def test_given_a_target_of_zero_when_looked_at_then_scaling_is_disabled(world: World) -> None:
    world.deploy(0)
    world.autoscale()
    world.bench.advance_to(15)
    assert world.condition("ScalingActive") == (
        "False",
        "ScalingDisabled",
        "scaling is disabled since the replica count of the target is zero",
    )


def test_given_no_target_when_looked_at_then_the_condition_says_so(world: World) -> None:
    world.autoscale()
    world.autoscale("foo", {"apiVersion": "foo/v1", "kind": "Foo", "name": "absent"})
    world.bench.advance_to(15)
    prefix = "the HPA controller was unable to get the target's current scale: "
    assert world.condition("AbleToScale") == ("False", "FailedGetScale", prefix + 'deployments.apps "web" not found')
    assert world.condition("AbleToScale", "foo")[2] == prefix + 'no matches for kind "Foo" in group "foo"'


def test_given_metrics_of_several_kinds_when_one_fails_then_the_others_may_scale_up_but_not_down(world: World) -> None:
    world.deploy(2)
    world.bench.advance_to(1)
    broken = {
        "type": "Pods",
        "pods": {"metric": {"name": "qps"}, "target": {"type": "AverageValue", "averageValue": "1"}},
    }
    queue = {
        "type": "External",
        "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "10"}},
    }
    world.feed.set_external("default", "queue", [(MetricValue(5000, 0), {})])
    world.autoscale(metrics=[broken, queue])
    world.bench.advance_to(16)
    assert world.replicas == 2
    assert world.bench.events("FailedComputeMetricsReplicas") == [
        "invalid metrics (1 invalid out of 2), first error is: failed to get pods metric value: unable to get metric qps: "
        "no metrics returned from custom metrics API"
    ]
    world.feed.set_external("default", "queue", [(MetricValue(35_000, 0), {})])
    world.bench.advance_to(31)
    assert world.replicas == 4
    assert world.bench.events("SuccessfulRescale") == ["New size: 4; reason: external metric queue(nil) above target"]


def test_given_two_autoscalers_for_one_target_when_looked_at_then_the_second_says_so(world: World) -> None:
    world.deploy(2)
    world.bench.advance_to(1)
    world.use("50m")
    world.autoscale()
    world.autoscale("other")
    world.bench.advance_to(31)
    text = "pods by selector app=web are controlled by multiple HPAs: [{other default} {web default}]"
    assert world.condition("ScalingActive", "web") == ("False", "AmbiguousSelector", text)


def test_given_a_custom_resource_with_a_scale_when_the_metric_asks_then_its_replicas_are_written(world: World) -> None:
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.size",
                "statusReplicasPath": ".status.size",
                "labelSelectorPath": ".status.selector",
            },
        },
    }
    names = {"plural": "fleets", "kind": "Fleet"}
    spec = {"group": "x.io", "scope": "Namespaced", "names": names, "versions": [version]}
    world.bench.create(CUSTOM_RESOURCE_DEFINITIONS, new_object(CUSTOM_RESOURCE_DEFINITIONS, "fleets.x.io", spec=spec))
    fleets = Resource("x.io", "v1", "fleets", "Fleet", True, "fleet", subresources=("status",))
    world.bench.create(fleets, new_object(fleets, "f", "default", spec={"size": 2}))
    status = {"status": {"size": 2, "selector": "app=f"}}
    world.bench.kernel.call(lambda: world.bench.store.patch(fleets, "default", "f", status, subresource="status"))
    queue = {
        "type": "External",
        "external": {"metric": {"name": "queue"}, "target": {"type": "AverageValue", "averageValue": "10"}},
    }
    world.feed.set_external("default", "queue", [(MetricValue(30_000, 0), {})])
    world.autoscale(target={"apiVersion": "x.io/v1", "kind": "Fleet", "name": "f"}, metrics=[queue])
    world.bench.advance_to(15)
    assert world.bench.get(fleets, "f")["spec"]["size"] == 3


def test_given_no_metrics_api_when_looked_at_then_the_text_is_upstream_s(bench: Bench) -> None:
    bench.add_standard()
    spec = {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "x"}]}},
    }
    bench.create(DEPLOYMENTS, new_object(DEPLOYMENTS, "web", "default", spec=spec))
    body = {
        "maxReplicas": 10,
        "metrics": [CPU],
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
    }
    bench.create(HORIZONTAL_POD_AUTOSCALERS, new_object(HORIZONTAL_POD_AUTOSCALERS, "web", "default", spec=body))
    bench.advance_to(15)
    assert bench.events("FailedComputeMetricsReplicas") == [
        "invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: failed to get cpu "
        "utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could "
        "not find the requested resource (get pods.metrics.k8s.io)"
    ]


def test_given_no_autoscaler_when_a_day_passes_then_nothing_happens(world: World) -> None:
    world.bench.advance_to(10)
    version = world.bench.store.version
    world.bench.advance_to(86_400)
    assert world.bench.store.version == version


NOW_US = parse_time(START)


def pod(name: str, *, ready: bool = True, phase: str = "Running", age_s: int = 3600, cpu: str = "1") -> dict[str, Any]:
    started = "2026-03-01T07:00:00Z" if age_s == 3600 else "2026-03-01T07:59:00Z"
    status = {
        "phase": phase,
        "startTime": started,
        "conditions": [{"type": "Ready", "status": "True" if ready else "False", "lastTransitionTime": started}],
    }
    container = {"name": "c", "resources": {"requests": {"cpu": cpu}}}
    return new_object(PODS, name, "default", spec={"containers": [container]}, status=status)


@pytest.mark.parametrize(
    ("usages", "pods", "expected"),
    [
        ({"a": 300, "b": 500, "c": 700}, ["a", "b", "c"], 5),  # 50 % against 30 %
        ({"a": 300, "b": 330}, ["a", "b"], 2),  # within the tolerance
        ({"a": 600, "b": 600}, ["a", "b", "missing"], 4),  # up: what is missing uses nothing
        ({"a": 100, "b": 100}, ["a", "b", "missing"], 3),  # down: what is missing uses its request
        ({"a": 600, "b": 600}, ["a", "b", "-unready"], 4),  # up: what is not ready uses nothing
        ({"a": 100, "b": 100, "unready": 5}, ["a", "b", "-unready"], 1),  # down: it does not count
        ({"a": 400}, ["a", "missing"], 2),  # the direction would turn
    ],
)
def test_given_usages_when_counted_against_30_percent_then_so_many_replicas_are_asked_for(
    usages: dict[str, int], pods: list[str], expected: int
) -> None:
    objects = [
        pod(name.removeprefix("-"), ready=not name.startswith("-"), age_s=60 if name[0] == "-" else 3600)
        for name in pods
    ]
    metrics = {name: PodMetric(value, NOW_US, 0) for name, value in usages.items()}
    calculator = Calculator(ControllerManagerSettings(), Tolerances())
    target = Target(len(pods), len(pods), objects, NOW_US)
    assert calculator.by_utilization(target, metrics, "cpu", 30).replicas == expected


def test_given_a_container_without_a_request_when_its_utilization_is_asked_for_then_the_error_names_it() -> None:
    without = pod("p")
    del without["spec"]["containers"][0]["resources"]
    target = Target(1, 1, [without], NOW_US)
    with pytest.raises(MetricsError, match=r"^missing request for cpu in container c of Pod p$"):
        Calculator(ControllerManagerSettings(), Tolerances()).by_utilization(target, {"p": PodMetric(1)}, "cpu", 50)
