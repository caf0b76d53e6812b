"""Missing capacity and lost zones: which launches are refused and in whose words, what stops, and what comes back."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from harness.cloud.estate import Subnet
from harness.cloud.launching import LaunchRequest, Pool
from harness.cloud.outage import ZoneOutages
from harness.cloud.shortage import RefusalCode, Shortage
from tests.harness.cloud.conftest import Cell, MakeCell, node_group

SUBNET = Subnet("subnet-a", "us-east-1a", "10.40.0.0/24")
SPOT = Pool("t3.medium", "us-east-1a", "SPOT")
ON_DEMAND = Pool("r6i.2xlarge", "us-east-1a", "ON_DEMAND")


def refused(shortage: Shortage, pool: Pool) -> str | None:
    error = shortage.refuse(LaunchRequest(pool, SUBNET, "group"))
    return None if error is None else str(error)


@pytest.mark.parametrize(
    ("code", "pool", "text"),
    [
        (
            "InsufficientInstanceCapacity",
            SPOT,
            "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity available.",
        ),
        ("MaxSpotInstanceCountExceeded", SPOT, "Max spot instance count exceeded."),
        ("MaxSpotInstanceCountExceeded", ON_DEMAND, None),
        ("VcpuLimitExceeded", ON_DEMAND, "more vCPU capacity than your current vCPU limit of 5 allows"),
        ("VcpuLimitExceeded", SPOT, None),
        (
            "Unsupported",
            SPOT,
            "Could not launch Spot Instances. Unsupported - Your requested instance type (t3.medium)",
        ),
        (
            "InsufficientFreeAddressesInSubnet",
            ON_DEMAND,
            "There are not enough free addresses in subnet 'subnet-a' to satisfy the requested number of instances.",
        ),
    ],
)
def test_a_refusal_has_the_words_of_its_code_and_a_quota_is_one_of_a_way_to_buy(
    code: str, pool: Pool, text: str | None
) -> None:
    shortage = Shortage(code)
    found = refused(shortage, pool)
    assert (text in found) if text is not None and found is not None else found is text
    assert shortage.refused == (text is not None)


def test_every_code_that_can_be_asked_for_is_known() -> None:
    assert all(refused(Shortage(code), SPOT) or refused(Shortage(code), ON_DEMAND) for code in get_args(RefusalCode))
    with pytest.raises(ValueError, match="EC2 has no refusal 'Sorry' here"):
        refused(Shortage("Sorry"), SPOT)


@pytest.mark.parametrize(
    ("globs", "matches"),
    [
        ({}, True),
        ({"instance_type": "t3.*"}, True),
        ({"instance_type": "r6i.*"}, False),
        ({"zone": "*a"}, True),
        ({"zone": "*b"}, False),
        ({"capacity_type": "SPOT"}, True),
        ({"capacity_type": "ON_DEMAND"}, False),
        ({"instance_type": "t3.*", "zone": "*b"}, False),
    ],
)
def test_a_pool_is_short_when_all_globs_match(globs: dict[str, Any], matches: bool) -> None:
    assert (refused(Shortage("InsufficientInstanceCapacity", **globs), SPOT) is not None) is matches


def outages(cell: Cell) -> ZoneOutages:
    return ZoneOutages(groups=cell.groups, fleet=cell.fleet, instances=cell.instances)


def zones(cell: Cell, *states: str) -> list[str]:
    return [one.pool.zone for one in cell.instances.all() if str(one.state) in states]


def test_given_machines_in_three_zones_when_one_is_lost_then_its_machine_stops_and_another_zone_replaces_it(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group(desired_size=3, max_size=3))
    lost = outages(cell)
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 3)
    assert sorted(zones(cell, "running")) == ["us-east-1a", "us-east-1b", "us-east-1c"]

    cell.call(lambda: lost.lose("us-east-1b"))
    assert zones(cell, "shutting-down") == ["us-east-1b"]
    cell.run(600)

    assert len(cell.nodes()) == 3
    assert sorted(set(zones(cell, "running"))) == ["us-east-1a", "us-east-1c"]
    assert zones(cell, "terminated") == ["us-east-1b"]


def test_given_a_group_of_one_zone_when_it_is_lost_then_nothing_starts_until_it_is_back(make_cell: MakeCell) -> None:
    cell = make_cell(node_group(desired_size=1, subnets=(SUBNET,)))
    lost = outages(cell)
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 1)

    cell.call(lambda: lost.lose(SUBNET.zone))
    cell.run(1800)
    assert cell.nodes() == []
    (issue,) = cell.groups.get("small-loaders").issues
    assert "InsufficientInstanceCapacity" in issue["message"]

    cell.call(lambda: lost.restore(SUBNET.zone))
    cell.wait(lambda: len(cell.ready_nodes()) == 1, timeout_s=600)
    assert cell.groups.avoided_zones == set()
    assert cell.instances.capacity_rules == []


def test_given_a_machine_that_still_boots_when_its_zone_is_lost_then_it_never_becomes_a_node(
    make_cell: MakeCell,
) -> None:
    cell = make_cell(node_group(desired_size=1))
    lost = outages(cell)
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.instances.all()) == 1)
    (first,) = cell.instances.all()

    cell.call(lambda: lost.lose(first.pool.zone))
    cell.wait(lambda: len(cell.ready_nodes()) == 1)

    assert cell.ready_nodes() != [first.private_dns_name]
    assert [node["metadata"]["name"] for node in cell.nodes()] == cell.ready_nodes()


def test_a_zone_without_a_machine_cannot_be_lost(make_cell: MakeCell) -> None:
    cell = make_cell(node_group())
    with pytest.raises(
        LookupError,
        match=r"no machine is in zone 'us-east-1a': lose one that has a machine, the node groups span us-east-1a, us-east-1b, us-east-1c",
    ):
        cell.call(lambda: outages(cell).lose("us-east-1a"))
    assert cell.instances.capacity_rules == []
