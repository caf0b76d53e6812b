"""From usage to the lines of a bill. Pure: every figure is quantity times a dated unit price of `fixtures/facts`.

Rules: an instance is billed by the second, 60 s at least; a spot instance that EC2 interrupts in its first hour is
free (AWS documentation on spot interruptions; fixtures/facts/prices.yaml marks it as from memory); storage by the
month of 730 hours; the control plane's price is that of extended support from the day on which standard support of
its version ends. The time of work that an interruption undid is taken out of its instance's line and stands alone.
Not in the bill yet: surplus credits of burstable types, data transfer between zones, log ingestion, free tiers.
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from fixtures.facts import ec2_price, eks_version, service_price
from harness.cloud.bill.usage import Machine, Usage
from harness.cloud.launching import Pool

_HOURS_PER_MONTH = 730
_GIB = 1 << 30
_GB = 10**9
_MINIMUM_S = 60.0
_FREE_IF_INTERRUPTED_WITHIN_S = 3600.0
_WRITING = ("Put", "Copy", "Post", "List", "Create", "Complete", "UploadPart")
_FREE = ("Delete", "Abort")


@dataclass(frozen=True)
class Line:
    """One line: `usd` = `quantity` x unit price of `price_date`."""

    item: str
    quantity: float
    unit: str
    usd: float
    price_date: str


def lines(usage: Usage) -> list[Line]:
    """The bill of a period, in a fixed order: machines, control plane, network, storage, requests."""
    return [line for line in _all(usage) if line.quantity > 0]


def total(bill: list[Line]) -> float:
    """The sum in US dollars."""
    return sum(line.usd for line in bill)


def _all(usage: Usage) -> Iterator[Line]:
    yield from _machines(usage)
    day = datetime.date.fromisoformat(usage.day)
    support = eks_version(usage.kubernetes_version).status(day)
    plane = "eks.control_plane_standard_support" if support == "standard" else "eks.control_plane_extended_support"
    yield _service(
        usage, f"EKS control plane {usage.kubernetes_version} ({support} support)", plane, usage.hours, "hours"
    )
    yield _service(usage, "NAT gateways", "vpc.nat_gateway_hour", usage.nat_gateways * usage.hours, "gateway-hours")
    yield _service(usage, "NAT gateway data", "vpc.nat_gateway_gb", usage.nat_bytes / _GB, "GB")
    endpoint_hours = usage.interface_endpoint_zones * usage.hours
    yield _service(usage, "interface endpoints", "vpc.interface_endpoint_hour", endpoint_hours, "endpoint-zone-hours")
    yield _service(
        usage, "public IPv4 addresses", "vpc.public_ipv4_hour", usage.public_addresses * usage.hours, "address-hours"
    )
    months = usage.hours / _HOURS_PER_MONTH
    disk_hours = sum(machine.disk_gib * _billed_s(machine) / 3600 for machine in usage.machines)
    yield _service(usage, "EBS gp3 root volumes", "ebs.gp3_gb_month", disk_hours / _HOURS_PER_MONTH, "GiB-months")
    yield _service(
        usage, "S3 storage", "s3.standard_gb_month_first_50tb", usage.bucket_bytes / _GIB * months, "GiB-months"
    )
    yield _service(usage, "EFS storage", "efs.standard_gb_month", usage.file_system_bytes / _GIB * months, "GiB-months")
    yield from _requests(usage)


def _machines(usage: Usage) -> Iterator[Line]:
    useful: defaultdict[Pool, float] = defaultdict(float)
    free: defaultdict[Pool, float] = defaultdict(float)
    lost: defaultdict[Pool, float] = defaultdict(float)
    for machine in usage.machines:
        seconds = _billed_s(machine)
        lost_s = min(machine.lost_s, seconds)
        if (
            machine.interrupted
            and machine.pool.capacity_type == "SPOT"
            and machine.life_s < _FREE_IF_INTERRUPTED_WITHIN_S
        ):
            free[machine.pool] += seconds
            continue
        useful[machine.pool] += seconds - lost_s
        lost[machine.pool] += lost_s
    for pool in sorted(useful, key=_name):
        yield _instance(usage, pool, _name(pool), useful[pool])
    for pool in sorted(free, key=_name):
        yield Line(
            f"{_name(pool)}, interrupted by EC2 within its first hour",
            free[pool],
            "seconds",
            0.0,
            _instance(usage, pool, "", 0).price_date,
        )
    for pool in sorted(lost, key=_name):
        yield _instance(usage, pool, f"lost work on {_name(pool)}", lost[pool])


def _billed_s(machine: Machine) -> float:
    """At least a minute, once: the minimum belongs to an instance that lived no longer than the period."""
    return max(machine.billed_s, _MINIMUM_S) if machine.life_s <= machine.billed_s else machine.billed_s


def _name(pool: Pool) -> str:
    return f"EC2 {pool.instance_type} {pool.capacity_type} {pool.zone}"


def _instance(usage: Usage, pool: Pool, item: str, seconds: float) -> Line:
    price = ec2_price(pool.instance_type, usage.region)
    spot = pool.capacity_type == "SPOT"
    per_hour = price.spot_usd_per_hour if spot else price.on_demand_usd_per_hour
    return Line(item, seconds, "seconds", seconds / 3600 * per_hour, price.spot_date if spot else price.on_demand_date)


def _requests(usage: Usage) -> Iterator[Line]:
    writing = sum(count for name, count in usage.requests.items() if name.startswith(_WRITING))
    free = sum(count for name, count in usage.requests.items() if name.startswith(_FREE))
    reading = sum(usage.requests.values()) - writing - free
    yield _service(
        usage, "S3 PUT, COPY, POST, LIST requests", "s3.put_copy_post_list_per_1000", writing / 1000, "thousands"
    )
    yield _service(usage, "S3 GET and other requests", "s3.get_select_other_per_1000", reading / 1000, "thousands")


def _service(usage: Usage, item: str, price_name: str, quantity: float, unit: str) -> Line:
    price = service_price(price_name, usage.region)
    return Line(item, quantity, unit, quantity * price.usd, price.date)
