"""The bill as arithmetic on dated prices."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fixtures.facts import service_price
from harness.cloud.bill import Machine, Usage, lines, total
from harness.cloud.launching import Pool

SPOT = Pool("t3.medium", "us-east-1a", "SPOT")
HEAVY = Pool("r6i.2xlarge", "us-east-1b", "ON_DEMAND")
HOURLY = {SPOT: 0.02, HEAVY: 0.504}
EMPTY = Usage(region="us-east-1", day="2027-01-15", hours=2.0, kubernetes_version="1.36")


def price(name: str) -> float:
    return service_price(name, "us-east-1").usd


def machine(pool: Pool, *, billed_s: float, life_s: float, interrupted: bool = False, lost_s: float = 0.0) -> Machine:
    return Machine(pool, HOURLY[pool], "2026-09-06", 20, billed_s, life_s, interrupted, lost_s)


def usd(usage: Usage, start: str) -> float:
    return sum(line.usd for line in lines(usage) if line.item.startswith(start))


def test_an_idle_cluster_pays_for_its_control_plane_alone() -> None:
    (line,) = lines(EMPTY)
    assert line.item == "EKS control plane 1.36 (standard support)"
    assert line.usd == pytest.approx(0.2)


def test_out_of_standard_support_the_control_plane_costs_six_times_as_much() -> None:
    assert usd(replace(EMPTY, day="2028-01-01"), "EKS control plane") == pytest.approx(1.2)


@pytest.mark.parametrize("pool", [SPOT, HEAVY])
def test_instances_are_billed_by_the_second_at_their_own_price(pool: Pool) -> None:
    usage = replace(EMPTY, machines=[machine(pool, billed_s=900, life_s=900)])
    assert usd(usage, f"EC2 {pool.instance_type} {pool.capacity_type} {pool.zone}") == pytest.approx(HOURLY[pool] / 4)


def test_a_minute_is_the_least() -> None:
    short = replace(EMPTY, machines=[machine(SPOT, billed_s=5, life_s=5)])
    assert [line.quantity for line in lines(short) if line.item.startswith("EC2")] == [60]


def test_lost_work_stands_alone_and_is_not_counted_twice() -> None:
    whole = replace(EMPTY, machines=[machine(SPOT, billed_s=7200, life_s=7200)])
    with_loss = replace(EMPTY, machines=[machine(SPOT, billed_s=7200, life_s=7200, interrupted=True, lost_s=600)])
    assert usd(with_loss, "lost work") == pytest.approx(usd(whole, "EC2") / 12)
    assert total(lines(with_loss)) == pytest.approx(total(lines(whole)))


def test_a_spot_instance_that_ec2_takes_within_its_first_hour_is_free() -> None:
    taken = replace(EMPTY, machines=[machine(SPOT, billed_s=600, life_s=600, interrupted=True, lost_s=100)])
    assert usd(taken, "EC2") == 0
    assert usd(taken, "lost work") == 0
    kept = replace(EMPTY, machines=[machine(HEAVY, billed_s=600, life_s=600, interrupted=True)])
    assert usd(kept, "EC2") > 0


def test_network_storage_and_requests() -> None:
    usage = replace(
        EMPTY,
        nat_gateways=1,
        public_addresses=1,
        interface_endpoint_zones=6,
        nat_bytes=10e9,
        bucket_bytes=730 * 2**30,
        file_system_bytes=2**30,
        requests={"PutObject": 1500, "ListObjectsV2": 500, "GetObject": 3000, "HeadObject": 1000, "DeleteObject": 99},
    )
    assert usd(usage, "NAT gateways") == pytest.approx(2 * price("vpc.nat_gateway_hour"))
    assert usd(usage, "NAT gateway data") == pytest.approx(10 * price("vpc.nat_gateway_gb"))
    assert usd(usage, "interface endpoints") == pytest.approx(12 * price("vpc.interface_endpoint_hour"))
    assert usd(usage, "S3 storage") == pytest.approx(2 * price("s3.standard_gb_month_first_50tb"))
    assert usd(usage, "S3 PUT") == pytest.approx(2 * price("s3.put_copy_post_list_per_1000"))
    assert usd(usage, "S3 GET") == pytest.approx(4 * price("s3.get_select_other_per_1000"))
    assert total(lines(usage)) == pytest.approx(sum(line.usd for line in lines(usage)))


def test_every_line_says_of_which_day_its_price_is() -> None:
    usage = replace(
        EMPTY,
        machines=[machine(SPOT, billed_s=600, life_s=600), machine(HEAVY, billed_s=600, life_s=600)],
        nat_gateways=1,
    )
    assert all(line.price_date for line in lines(usage))
