"""Node groups over virtual time: from zero to nodes and back, and what a scale-in does to pods."""

from __future__ import annotations

import pytest

from harness.cloud.estate import ClusterSpec
from harness.cloud.instances import InstanceState
from harness.cloud.launching import (
    InsufficientInstanceCapacity,
    LaunchError,
    LaunchRequest,
    MaxSpotInstanceCountExceeded,
)
from harness.cloud.nodegroups import ValidationError
from harness.kube.resources import NODES, PODS
from tests.harness.cloud.conftest import MakeCell, node_group, pod_object


def test_given_a_group_at_zero_when_two_nodes_are_desired_then_they_are_ready_within_the_boot_times(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group())
    cell.call(lambda: cell.groups.set_desired("small-loaders", 2, "test"))

    first_s = cell.wait(lambda: len(cell.ready_nodes()) == 1)
    both_s = cell.wait(lambda: len(cell.ready_nodes()) == 2)

    assert 25 < first_s <= both_s < 180
    states = [instance.state for instance in cell.instances.all()]
    assert states == [InstanceState.RUNNING, InstanceState.RUNNING]
    zones = {instance.pool.zone for instance in cell.instances.all()}
    assert len(zones) == 2, "zones are balanced"


def test_given_a_node_when_it_registers_then_it_looks_like_an_eks_node(make_cell: MakeCell) -> None:
    cell = make_cell(node_group())
    cell.call(lambda: cell.groups.set_desired("small-loaders", 1, "test"))
    cell.wait(lambda: len(cell.nodes()) == 1)

    node = cell.nodes()[0]
    labels = node["metadata"]["labels"]
    assert labels["workload-type"] == "small-loaders"
    assert labels["eks.amazonaws.com/capacityType"] == "SPOT"
    assert labels["eks.amazonaws.com/nodegroup"] == "small-loaders"
    assert node["status"]["allocatable"]["memory"] == "3297Mi"
    assert node["status"]["allocatable"]["cpu"] == "1930m"
    assert node["status"]["capacity"]["pods"] == "17"
    assert node["spec"]["providerID"].startswith(f"aws:///{labels['topology.kubernetes.io/zone']}/i-")
    assert [taint["key"] for taint in node["spec"]["taints"]] == ["node.kubernetes.io/not-ready", "workload-type"]
    assert node["metadata"]["name"].endswith(".ec2.internal")


def test_given_two_nodes_when_one_is_desired_then_a_node_drains_ends_and_its_node_object_goes(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group(desired_size=2))
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 2)
    oldest = min(cell.instances.all(), key=lambda one: one.launched_us).private_dns_name
    cell.call(lambda: cell.store.create(PODS, pod_object("p", nodeName=oldest)))

    cell.call(lambda: cell.groups.set_desired("small-loaders", 1, "test"))
    cell.wait(lambda: len(cell.nodes()) == 1)

    assert cell.store.get(PODS, "em-pipeline", "p") is None
    states = sorted(str(instance.state) for instance in cell.instances.all())
    assert states == ["running", "terminated"]
    what = [entry[1] for entry in cell.machines.log if entry[2] == oldest]
    assert what == ["join", "shut_down 150 30", "leave"]


def test_given_a_power_cut_when_the_node_is_lost_then_a_replacement_comes_and_the_node_goes_after_50_s(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group(desired_size=1))
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 1)
    lost_s = cell.seconds(cell.kernel.now)
    member = cell.fleet.members()[0]

    def cut_power() -> None:
        cell.fleet.lose(member, "test")
        cell.groups.lost(member, "test")

    cell.call(cut_power)
    gone_s = cell.wait(lambda: cell.store.get(NODES, None, member.node_name) is None)
    cell.wait(lambda: len(cell.ready_nodes()) == 1)

    assert 45 <= gone_s - lost_s <= 66
    assert len(cell.instances.all()) == 2


def test_given_an_older_kubernetes_when_a_node_stops_then_there_is_no_graceful_shutdown(make_cell: MakeCell) -> None:
    cell = make_cell(node_group(desired_size=1), cluster=ClusterSpec("em-pipeline-dev", "1.33"))
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 1)
    cell.call(lambda: cell.groups.set_desired("small-loaders", 0, "test"))
    cell.run(120)

    assert [entry[1] for entry in cell.machines.log] == ["join", "leave"]


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (3, "New SetDesiredCapacity value 3 is above max value 2 for the AutoScalingGroup."),
        (-1, "New SetDesiredCapacity value -1 is below min value 0 for the AutoScalingGroup."),
    ],
)
def test_given_bounds_when_the_desired_size_is_outside_then_it_is_refused(
    make_cell: MakeCell, size: int, message: str
) -> None:
    cell = make_cell(node_group())
    with pytest.raises(ValidationError, match=message):
        cell.call(lambda: cell.groups.set_desired("small-loaders", size, "test"))


class _Refusal:
    def __init__(self, error: LaunchError, zones: tuple[str, ...], until: int) -> None:
        self.error, self.zones, self.until, self.asked = error, zones, until, 0

    def refuse(self, request: LaunchRequest) -> LaunchError | None:
        self.asked += 1
        return self.error if request.pool.zone in self.zones and self.asked <= self.until else None


def test_given_no_capacity_in_two_zones_when_launching_then_the_third_zone_serves(make_cell: MakeCell) -> None:
    cell = make_cell(node_group())
    error = InsufficientInstanceCapacity("Could not launch Spot Instances. UnfulfillableCapacity")
    cell.instances.capacity_rules.append(_Refusal(error, ("us-east-1a", "us-east-1b"), 1000))
    cell.call(lambda: cell.groups.set_desired("small-loaders", 2, "test"))
    cell.wait(lambda: len(cell.ready_nodes()) == 2)

    assert {instance.pool.zone for instance in cell.instances.all()} == {"us-east-1c"}


def test_given_a_spot_quota_when_launching_then_no_sibling_is_tried_and_the_group_tries_again_each_minute(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group())
    refusal = _Refusal(
        MaxSpotInstanceCountExceeded("Max spot instance count exceeded"), ("us-east-1a", "us-east-1b", "us-east-1c"), 2
    )
    cell.instances.capacity_rules.append(refusal)
    cell.call(lambda: cell.groups.set_desired("small-loaders", 1, "test"))
    cell.run(30)

    assert refusal.asked == 1
    assert cell.groups.get("small-loaders").issues[0]["code"] == "AsgInstanceLaunchFailures"
    cell.wait(lambda: len(cell.ready_nodes()) == 1)
    assert refusal.asked == 3
    assert cell.groups.get("small-loaders").issues == []


def test_given_equal_seeds_when_a_group_scales_then_the_timelines_are_equal_and_another_seed_differs(
    make_cell: MakeCell,
) -> None:
    def trace(seed: int) -> str:
        cell = make_cell(node_group(), seed=seed)
        cell.call(lambda: cell.groups.set_desired("small-loaders", 2, "test"))
        cell.wait(lambda: len(cell.ready_nodes()) == 2)
        return cell.timeline.as_jsonl()

    assert trace(1) == trace(1)
    assert trace(1) != trace(2)


def test_given_on_demand_and_spot_groups_when_launching_then_order_and_price_decide(make_cell: MakeCell) -> None:
    on_demand = node_group("heavy-processing", capacity_type="ON_DEMAND", instance_types=("r6i.4xlarge", "r6i.2xlarge"))
    spot = node_group("spot", instance_types=("r6i.4xlarge", "r6i.2xlarge"))
    cell = make_cell(on_demand, spot)
    cell.call(lambda: cell.groups.set_desired("heavy-processing", 1, "test"))
    cell.call(lambda: cell.groups.set_desired("spot", 1, "test"))
    cell.wait(lambda: len(cell.ready_nodes()) == 2)

    types = {instance.group: instance.pool.instance_type for instance in cell.instances.all()}
    assert types == {"heavy-processing": "r6i.4xlarge", "spot": "r6i.2xlarge"}


def test_given_a_launch_that_waits_when_the_size_goes_back_then_it_is_not_made_and_nobody_is_ended(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group(desired_size=1))
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 1)
    cell.call(lambda: cell.groups.set_desired("small-loaders", 2, "test"))
    cell.call(lambda: cell.groups.set_desired("small-loaders", 1, "test"))
    cell.run(300)

    assert [instance.state for instance in cell.instances.all()] == [InstanceState.RUNNING]


def test_given_a_node_object_that_somebody_deletes_when_the_kubelet_joins_then_it_registers_again(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group(desired_size=1))
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.nodes()) == 1)
    cell.call(lambda: cell.store.delete(NODES, None, cell.nodes()[0]["metadata"]["name"]))

    cell.wait(lambda: len(cell.ready_nodes()) == 1)
