"""Phase 3: the Argo Workflow, autoscaling from zero and back, spot interruptions."""

from __future__ import annotations

import pytest

from harness.faults import EvictPod, KillNode, OnKnock, ReclaimSpot
from harness.kube.resources import NODES, PODS
from harness.plugin import OpenWorld
from harness.world.chronicle import NODE_GROUP
from harness.world.conditions import nodes_in_group, pod_phase, workflow_succeeded
from harness.world.world import NAMESPACE, World

pytestmark = pytest.mark.phase(3)

SHARD = "*/s0/c/*"
LARGER = 1 / 512  # eighths of every axis
PIPELINE = {"epfl", "idr", "flyem", "ebi", "openorganelle", "consolidate"}


def digests(world: World) -> dict[str, str]:
    """The data sets' digests by source."""
    return {dataset.stored.source: dataset.stored.digest for dataset in world.datasets()}


def begun(world: World, service: str) -> int:
    """How many pods of a service began to run. A pod that is gone before the controller looks is made again and counts as no other attempt."""
    return len([record for record in world.timeline.of_kind("PodRunning") if record.details.get("name") == service])


def run(world: World) -> str:
    """The Workflow to its end."""
    workflow = world.submit_workflow(chunk_size_mb="1")
    world.wait(workflow_succeeded(workflow))
    return workflow


@pytest.mark.needs("real_processes")
def test_the_workflow_runs_from_zero_nodes_to_zero_nodes_with_epfl_beside_the_small_loaders(world: World) -> None:
    # given node groups without nodes
    groups = [
        str(group["nodegroupName"]) for group in world.backend.node_groups() if group["scalingConfig"]["minSize"] == 0
    ]
    assert groups
    for group in groups:
        world.wait(nodes_in_group(group, 0))
    # when the Workflow runs
    workflow = run(world)
    # then every task succeeded at its first attempt, on nodes that were not there before
    tasks = {task.name: task for task in world.tasks(workflow)}
    assert set(tasks) == PIPELINE
    assert {(task.phase, task.attempts) for task in tasks.values()} == {("Succeeded", 1)}
    assert set(groups) == {task.node_group for task in tasks.values()}
    # and EPFL ran beside the small loaders, which followed one another
    assert str(tasks["idr"].finished) <= str(tasks["flyem"].started)
    assert str(tasks["flyem"].finished) <= str(tasks["ebi"].started)
    assert str(tasks["epfl"].started) < str(tasks["flyem"].finished)
    assert str(tasks["epfl"].finished) > str(tasks["idr"].started)
    assert str(tasks["consolidate"].started) >= max(str(tasks["epfl"].finished), str(tasks["openorganelle"].finished))
    # and the nodes go again
    for group in groups:
        world.wait(nodes_in_group(group, 0), timeout_s=3600)
    # and the data sets equal their sources
    assert [dataset.difference for dataset in world.datasets(compare=True) if dataset.difference] == []


@pytest.mark.needs("real_processes", "spot_market")
def test_spot_reclaims_in_the_middle_of_small_loaders_end_bit_identical(open_world: OpenWorld) -> None:
    # given the digests of an undisturbed run, of volumes whose loaders outlast the half second that an eviction takes on a real cluster
    calm = open_world(scale=LARGER)
    calm.deploy()
    run(calm)
    undisturbed = digests(calm)
    calm.close()
    # when the instances under two small loaders are reclaimed in the middle of their shards
    stormy = open_world(scale=LARGER)
    stormy.deploy()
    for service, shards in (("flyem", 4), ("ebi", 2)):
        pods = f"{NAMESPACE}/*-{service}-*"
        stormy.inject(ReclaimSpot(pods), OnKnock("PutObject", pod=pods, target=SHARD, count=shards))
    workflow = run(stormy)
    # then both tasks began twice and the data are the same to the bit
    tasks = {task.name: task for task in stormy.tasks(workflow)}
    assert (tasks["flyem"].phase, tasks["ebi"].phase) == ("Succeeded", "Succeeded")
    assert (begun(stormy, "flyem"), begun(stormy, "ebi")) == (2, 2)
    assert digests(stormy) == undisturbed
    assert [taken.notice_s for taken in stormy.taken_instances()] == [120, 120]
    # and the interruption stands in the bill: EC2 does not charge the first hour, and the lost work is its own line
    charges = {charge.item: charge for charge in stormy.bill()}
    assert any("interrupted by EC2 within its first hour" in item for item in charges)
    assert any(item.startswith("lost work") and charge.quantity > 0 for item, charge in charges.items())


@pytest.mark.needs("real_processes")
def test_a_machine_that_dies_without_notice_costs_an_attempt_and_nothing_else(open_world: OpenWorld) -> None:
    world = open_world()
    world.deploy()
    pods = f"{NAMESPACE}/*-epfl-*"
    world.inject(KillNode(pods), OnKnock("PutObject", pod=pods, target=SHARD, count=2))
    workflow = run(world)
    epfl = next(task for task in world.tasks(workflow) if task.name == "epfl")
    assert epfl.phase == "Succeeded"
    assert [dataset.difference for dataset in world.datasets(compare=True) if dataset.difference] == []


@pytest.mark.needs("real_processes")
def test_an_evicted_loader_is_tried_again(open_world: OpenWorld) -> None:
    world = open_world()
    world.deploy()
    pods = f"{NAMESPACE}/*-idr-*"
    world.inject(EvictPod(pods), OnKnock("PutObject", pod=pods, target=SHARD, count=1))
    workflow = run(world)
    idr = next(task for task in world.tasks(workflow) if task.name == "idr")
    assert idr.phase == "Succeeded"
    assert begun(world, "idr") == 2


@pytest.mark.needs("virtual_time")
def test_the_measured_profile_takes_about_twenty_minutes(open_world: OpenWorld) -> None:
    # given the measured run as a modelled workload, when the Workflow runs
    world = open_world(workload="recorded", scale=1.0)
    world.deploy()
    begun = world.now_us
    workflow = run(world)
    # then it takes the 20 min 11 s that were measured, and what the cluster adds: boots, pulls, the controller's 10 s rounds
    tasks = {task.name: task for task in world.tasks(workflow)}
    assert {task.phase for task in tasks.values()} == {"Succeeded"}
    minutes = (world.now_us - begun) / 60e6
    assert 20 < minutes < 32


@pytest.mark.needs("virtual_time")
def test_without_the_autoscaler_pods_stay_pending_and_say_why(open_world: OpenWorld) -> None:
    # given a platform whose autoscaler was forgotten
    world = open_world(workload="recorded", scale=1.0)
    world.deploy(without=["cluster-autoscaler"])
    # when the Workflow runs for an hour
    world.submit_workflow()
    world.wait(pod_phase(f"{NAMESPACE}/*", "Pending"))
    world.advance(3600)
    # then no node came, and each pod says what it waits for
    assert {node["metadata"]["labels"][NODE_GROUP] for node in world.objects(NODES)} == {"system"}
    waiting = world.objects(PODS, NAMESPACE)
    assert waiting
    for pod in waiting:
        (scheduled,) = [c for c in pod["status"]["conditions"] if c["type"] == "PodScheduled"]
        assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
        assert "didn't match Pod's node affinity/selector" in scheduled["message"]
    assert not world.timeline.of_kind("TriggeredScaleUp")


@pytest.mark.needs("virtual_time")
def test_without_the_argo_controller_a_workflow_is_not_looked_at(open_world: OpenWorld) -> None:
    world = open_world(workload="recorded", scale=1.0)
    world.deploy(without=["argo-controller"])
    workflow = world.submit_workflow()
    world.advance(3600)
    assert world.objects(PODS, NAMESPACE) == []
    with pytest.raises(AssertionError, match="not looked at yet"):
        world.wait(workflow_succeeded(workflow), timeout_s=60)


@pytest.mark.needs("virtual_time")
def test_an_idle_day_writes_no_event(open_world: OpenWorld) -> None:
    world = open_world(workload="recorded", scale=1.0)
    world.deploy()
    world.advance(3600)
    before = len(world.timeline)
    world.advance(24 * 3600)
    assert len(world.timeline) == before
