"""Cluster Autoscaler over virtual time, with the embedded cluster's scheduler: 0 -> n -> 0, limits, what it says, and its platform rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from harness.clock import SECOND
from harness.cloud.autoscaler import ClusterAutoscaler
from harness.cloud.estate import Addon, Estate, PodIdentity
from harness.cloud.launching import InsufficientInstanceCapacity, LaunchError, LaunchRequest
from harness.cluster.scheduler import Scheduler
from harness.kube.objects import name_of, new_object
from harness.kube.resources import DEPLOYMENTS, EVENTS, JOBS, PODS
from tests.harness.cloud.conftest import CLUSTER, START_US, Cell, MakeCell, node_group, pod_object

IDENTITY = PodIdentity("kube-system", "cluster-autoscaler", "arn:aws:iam::123456789012:role/ca", "a-1")
ESTATE = Estate(
    "us-east-1",
    "123456789012",
    CLUSTER,
    addons=(Addon("eks-pod-identity-agent"),),
    pod_identities=(IDENTITY,),
)
DISCOVERY = (
    "--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/em-pipeline-dev"
)
HEAVY = node_group("heavy-processing", capacity_type="ON_DEMAND", instance_types=("r6i.2xlarge",))


def deployment(*flags: str) -> dict[str, Any]:
    """The autoscaler as the platform's manifests have it."""
    container = {
        "name": "cluster-autoscaler",
        "image": "registry.k8s.io/autoscaling/cluster-autoscaler:v1.36.1",
        "command": ["./cluster-autoscaler", "--cloud-provider=aws", DISCOVERY, *flags],
    }
    labels = {"app": "cluster-autoscaler"}
    return new_object(
        DEPLOYMENTS,
        "cluster-autoscaler",
        "kube-system",
        spec={
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"serviceAccountName": "cluster-autoscaler", "containers": [container]},
            },
        },
    )


def scaling(cell: Cell, *flags: str, estate: Estate = ESTATE, available: int = 1) -> None:
    """Start scheduler and autoscaler, and its Deployment with that many available replicas."""

    def start() -> None:
        cell.manager.add(Scheduler(cell.kernel, cell.store, cell.store, cell.recorder, cell.seeds))
        cell.manager.add(
            ClusterAutoscaler(
                kernel=cell.kernel,
                reader=cell.store,
                writer=cell.store,
                recorder=cell.recorder,
                seeds=cell.seeds,
                timeline=cell.timeline,
                groups=cell.groups,
                drainer=cell.drainer,
                estate=estate,
            )
        )
        cell.store.create(DEPLOYMENTS, deployment(*flags))
        set_available(cell, available)
        cell.groups.start()

    cell.call(start)


def set_available(cell: Cell, replicas: int) -> None:
    cell.store.patch(
        DEPLOYMENTS,
        "kube-system",
        "cluster-autoscaler",
        {"status": {"availableReplicas": replicas}},
        subresource="status",
    )


def owned_by_a_job(cell: Cell, pod: dict[str, Any]) -> dict[str, Any]:
    job = new_object(JOBS, "job", "em-pipeline", spec={"template": {"spec": pod["spec"]}})
    stored = cell.store.get(JOBS, "em-pipeline", "job") or cell.store.create(JOBS, job)
    reference = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "name": "job",
        "uid": stored["metadata"]["uid"],
        "controller": True,
    }
    pod["metadata"]["ownerReferences"] = [reference]
    return pod


def submit(cell: Cell, *pods: dict[str, Any]) -> None:
    cell.call(lambda: [cell.store.create(PODS, pod) for pod in pods])


def events(cell: Cell, name: str, reason: str) -> list[str]:
    return [
        str(event["message"])
        for event in cell.store.list(EVENTS)
        if event["involvedObject"]["name"] == name and event["reason"] == reason
    ]


def is_bound(cell: Cell, name: str) -> Callable[[], bool]:
    def bound() -> bool:
        pod = cell.store.get(PODS, "em-pipeline", name)
        return pod is not None and bool(pod["spec"].get("nodeName"))

    return bound


def finish(cell: Cell, *names: str) -> None:
    def end() -> None:
        for name in names:
            cell.store.patch(PODS, "em-pipeline", name, {"status": {"phase": "Succeeded"}}, subresource="status")

    cell.call(end)


def test_given_groups_at_zero_when_a_pod_waits_then_its_group_grows_and_shrinks_again_when_it_is_done(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group(), HEAVY)
    scaling(cell, "--scale-down-unneeded-time=5m", "--scale-down-delay-after-add=5m")
    submit(cell, pod_object("p"))

    bound_s = cell.wait(is_bound(cell, "p"))
    assert 30 < bound_s < 200
    asg = node_group().asg_name
    assert events(cell, "p", "TriggeredScaleUp") == [f"pod triggered scale-up: [{{{asg} 0->1 (max: 2)}}]"]
    assert [node["metadata"]["labels"]["eks.amazonaws.com/nodegroup"] for node in cell.nodes()] == ["small-loaders"]

    finish(cell, "p")
    done_s = cell.seconds(cell.kernel.now)
    gone_s = cell.wait(lambda: cell.nodes() == [])
    assert 300 <= gone_s - done_s <= 400
    assert cell.groups.get("small-loaders").desired == 0


def test_given_pods_for_two_groups_when_they_wait_then_both_groups_grow(make_cell: MakeCell) -> None:
    cell = make_cell(node_group(), HEAVY)
    scaling(cell)
    submit(cell, pod_object("small"), pod_object("heavy", pool="heavy-processing", cpu="2", memory="6Gi"))

    cell.wait(lambda: is_bound(cell, "small")() and is_bound(cell, "heavy")())

    assert sorted(instance.group for instance in cell.instances.all()) == ["heavy-processing", "small-loaders"]


def test_given_more_pods_than_fit_when_the_group_is_at_its_maximum_then_the_rest_is_told_so(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group())
    scaling(cell)
    submit(cell, *[pod_object(f"p{index}", cpu="1500m") for index in range(3)])

    cell.wait(lambda: len(cell.ready_nodes()) == 2)
    cell.run(60)

    told = [message for index in range(3) for message in events(cell, f"p{index}", "NotTriggerScaleUp")]
    assert told == ["pod didn't trigger scale-up: 1 max node group size reached"]


@pytest.mark.parametrize(
    ("pod", "message"),
    [
        (
            pod_object("p", pool="no-such-pool"),
            "pod didn't trigger scale-up: 1 node(s) had untolerated taint {workload-type: small-loaders}",
        ),
        (
            pod_object("p", pool=None, nodeSelector={"workload-type": "x"}, tolerations=[{"operator": "Exists"}]),
            "pod didn't trigger scale-up: 1 node(s) didn't match Pod's node affinity/selector",
        ),
        (pod_object("p", memory="8Gi"), "pod didn't trigger scale-up: 1 Insufficient memory"),
        (
            pod_object("p", cpu="3", memory="8Gi"),
            "pod didn't trigger scale-up: 1 Insufficient cpu, 1 Insufficient memory",
        ),
    ],
)
def test_given_a_pod_that_no_group_helps_when_it_waits_then_it_is_told_why_and_nothing_grows(
    make_cell: MakeCell, pod: dict[str, Any], message: str
) -> None:
    cell = make_cell(node_group())
    scaling(cell)
    submit(cell, pod)
    cell.run(120)

    assert events(cell, "p", "NotTriggerScaleUp") == [message]
    assert cell.instances.all() == []


def test_given_a_pod_that_fits_the_nominal_size_only_when_it_waits_then_the_group_grows_in_vain(
    make_cell: MakeCell,
) -> None:
    """At zero upstream takes the instance's nominal memory for allocatable, so 3500Mi seem to fit a t3.medium (3297Mi)."""
    cell = make_cell(node_group())
    scaling(cell)
    submit(cell, pod_object("p", memory="3500Mi"))

    cell.wait(lambda: len(cell.ready_nodes()) == 1)
    cell.run(60)

    assert not is_bound(cell, "p")()
    assert events(cell, "p", "NotTriggerScaleUp") == ["pod didn't trigger scale-up: 1 Insufficient memory"]


def test_given_no_deployment_of_the_autoscaler_when_pods_wait_then_they_stay_pending(make_cell: MakeCell) -> None:
    cell = make_cell(node_group())
    scaling(cell)
    cell.call(lambda: cell.store.delete(DEPLOYMENTS, "kube-system", "cluster-autoscaler"))
    submit(cell, pod_object("p"))
    cell.run(1800)

    assert not is_bound(cell, "p")()
    assert cell.instances.all() == []


def test_given_an_autoscaler_that_becomes_available_later_when_pods_wait_then_it_acts_from_then_on(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group())
    scaling(cell, available=0)
    submit(cell, pod_object("p"))
    cell.run(600)
    assert cell.instances.all() == []

    cell.call(lambda: set_available(cell, 1))
    bound_s = cell.wait(is_bound(cell, "p"))

    assert 630 < bound_s < 800


@pytest.mark.parametrize(
    ("estate", "flags"),
    [
        (Estate("us-east-1", "123456789012", CLUSTER, addons=ESTATE.addons), ()),
        (Estate("us-east-1", "123456789012", CLUSTER, pod_identities=(IDENTITY,)), ()),
        (ESTATE, ("--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/other-cluster",)),
    ],
)
def test_given_no_role_no_agent_or_the_wrong_discovery_tag_when_pods_wait_then_nothing_grows_and_the_timeline_says_why(
    make_cell: MakeCell, estate: Estate, flags: Sequence[str]
) -> None:
    cell = make_cell(node_group())
    scaling(cell, *flags, estate=estate)
    submit(cell, pod_object("p"))
    cell.run(600)

    assert cell.instances.all() == []
    assert len(cell.timeline.of_kind("AutoscalerNote")) == 1


def test_given_two_half_used_nodes_when_their_pods_fit_one_then_one_is_drained_and_goes(make_cell: MakeCell) -> None:
    cell = make_cell(node_group(desired_size=2))
    scaling(cell)
    cell.wait(lambda: len(cell.ready_nodes()) == 2)
    first, second = cell.ready_nodes()

    def fill() -> None:
        cell.store.create(PODS, owned_by_a_job(cell, pod_object("a", cpu="300m", memory="512Mi", nodeName=first)))
        cell.store.create(PODS, owned_by_a_job(cell, pod_object("b", cpu="900m", memory="1Gi", nodeName=second)))

    cell.call(fill)
    gone_s = cell.wait(lambda: len(cell.nodes()) == 1)

    assert name_of(cell.nodes()[0]) == second
    assert cell.store.get(PODS, "em-pipeline", "a") is None, "evicted; its Job would start another"
    assert gone_s > 600
    assert cell.store.get(PODS, "em-pipeline", "b") is not None


@pytest.mark.parametrize(
    "change",
    [
        {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}},
        {"ownerReferences": []},
    ],
)
def test_given_a_pod_that_must_not_be_moved_when_its_node_is_hardly_used_then_the_node_stays(
    make_cell: MakeCell, change: Mapping[str, Any]
) -> None:
    cell = make_cell(node_group(desired_size=2))
    scaling(cell)
    cell.wait(lambda: len(cell.ready_nodes()) == 2)

    def fill() -> None:
        for name, node in zip(("a", "b"), cell.ready_nodes(), strict=True):
            pod = owned_by_a_job(cell, pod_object(name, cpu="100m", memory="128Mi", nodeName=node))
            pod["metadata"].update(change)
            cell.store.create(PODS, pod)

    cell.call(fill)
    cell.run(3600)

    assert len(cell.nodes()) == 2


def test_given_an_idle_day_when_nothing_happens_then_nothing_is_recorded(make_cell: MakeCell) -> None:
    cell = make_cell(node_group(min_size=1, desired_size=1))
    scaling(cell)
    cell.run(3600)
    before = len(cell.timeline)
    cell.run(24 * 3600)

    assert len(cell.timeline) == before
    assert len(cell.nodes()) == 1, "never below the minimum"


class _NoCapacity:
    def refuse(self, request: LaunchRequest) -> LaunchError | None:
        return InsufficientInstanceCapacity.of(request.pool)


def test_given_no_capacity_when_a_group_cannot_grow_then_it_is_left_alone_for_five_minutes_and_tried_again(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group())
    rule = _NoCapacity()
    cell.instances.capacity_rules.append(rule)
    scaling(cell)
    submit(cell, pod_object("p"))
    cell.run(120)

    assert len(cell.timeline.of_kind("ScaleUpFailed")) == 1
    assert cell.groups.get("small-loaders").desired == 0
    assert events(cell, "p", "NotTriggerScaleUp") == ["pod didn't trigger scale-up: 1 in backoff after failed scale-up"]

    cell.call(lambda: cell.instances.capacity_rules.remove(rule))
    bound_s = cell.wait(is_bound(cell, "p"))
    assert 300 < bound_s < 600


def test_given_equal_seeds_when_groups_grow_and_shrink_then_the_timelines_are_equal(make_cell: MakeCell) -> None:
    def trace() -> str:
        cell = make_cell(node_group(), HEAVY)
        scaling(cell)
        submit(cell, *[pod_object(f"p{index}", cpu="1") for index in range(3)])
        cell.run(1200)
        return cell.timeline.as_jsonl()

    assert trace() == trace()


def test_given_a_scan_interval_when_a_pod_waits_then_the_reaction_falls_on_its_grid(make_cell: MakeCell) -> None:
    cell = make_cell(node_group())
    scaling(cell)
    cell.run(3)
    submit(cell, pod_object("p"))
    cell.run(20)

    changed = cell.timeline.of_kind("DesiredSizeChanged")
    assert [(record.at_us - START_US) / SECOND for record in changed] == [10.0]
