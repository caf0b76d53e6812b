"""From usage to the lines of a bill. Pure: every figure is quantity times a dated unit price of `fixtures/facts`.

Rules: an instance is billed by the second, 60 s at least; a spot instance that EC2 interrupts in its first hour is
free (AWS documentation on spot interruptions; fixtures/facts/prices.yaml marks it as from memory); storage by the
month of 730 hours; the control plane's price is that of extended support from the day on which standard support of
its version ends. The time of work that an interruption undid is taken out of its instance's line and stands alone.
Not in the bill yet: surplus credits of burstable types, data transfer between zones, bytes through interface endpoints,
images of foreign registries through the NAT gateway, log ingestion, free tiers. Stored bytes are charged for the whole
period, as if they had been there from its beginning.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fixtures.facts import eks_version, service_price
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
    """Useful time first, then what EC2 does not charge, then lost work; within each by name."""
    sums: dict[tuple[int, str], Line] = {}
    for machine in usage.machines:
        seconds = _billed_s(machine)
        lost_s = min(machine.lost_s, seconds)
        free = _is_free(machine)
        name = _name(machine.pool)
        useful = (1, f"{name}, interrupted by EC2 within its first hour") if free else (0, name)
        for key, part_s in ((useful, seconds - lost_s), ((2, f"lost work on {name}"), lost_s)):
            usd = 0.0 if free else part_s / 3600 * machine.usd_per_hour
            before = sums.get(key, Line(key[1], 0.0, "seconds", 0.0, machine.price_date))
            sums[key] = replace(before, quantity=before.quantity + part_s, usd=before.usd + usd)
    for key in sorted(sums):
        yield sums[key]


def _is_free(machine: Machine) -> bool:
    spot = machine.pool.capacity_type == "SPOT"
    return machine.interrupted and spot and machine.life_s < _FREE_IF_INTERRUPTED_WITHIN_S


def _billed_s(machine: Machine) -> float:
    """At least a minute, once: the minimum belongs to an instance that lived no longer than the period."""
    return max(machine.billed_s, _MINIMUM_S) if machine.life_s <= machine.billed_s else machine.billed_s


def _name(pool: Pool) -> str:
    return f"EC2 {pool.instance_type} {pool.capacity_type} {pool.zone}"


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
