"""The meter: which bytes went through the NAT gateway."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures.archives.log import LoggedRequest
from fixtures.profiles import load_profile
from harness.clock import HOUR, Kernel, Timeline, parse_time
from harness.cloud.estate import ClusterSpec, Estate
from harness.targets.base import Settings, Workload
from harness.targets.metering import Meter

GB = 10**9
START = parse_time("2026-12-01T00:00:00Z")


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    kernel = Kernel(START)
    kernel.start()
    yield kernel
    kernel.close()


def cloud(estate: Estate) -> Any:
    """A cloud in which nothing ran and nothing is stored."""
    pages = SimpleNamespace(paginate=lambda **_bucket: [{}])
    return SimpleNamespace(
        ground=SimpleNamespace(
            estate=estate,
            services=SimpleNamespace(client=lambda _name: SimpleNamespace(get_paginator=lambda _operation: pages)),
            provisioned=SimpleNamespace(outputs={"DataBucketName": "data"}),
            file_systems=SimpleNamespace(used_bytes=lambda: 0),
        ),
        market=None,
        instances=SimpleNamespace(usage=list),
        gateway=SimpleNamespace(counters=SimpleNamespace(all=list)),
    )


def nat_gb(kernel: Kernel, workload: Workload, *, region: str, gateway_endpoints: tuple[str, ...]) -> float:
    """The gigabytes on the bill of a world in which every archive was read: 1 GB each, or the measured run."""
    timeline = Timeline(lambda: kernel.now)
    kernel.call(lambda: kernel.at(START + HOUR, lambda: None))
    kernel.wait(lambda: kernel.now >= START + HOUR, 2 * HOUR)
    for service in load_profile("measured").services.values():
        timeline.record("WorkDone", f"work/{service.work_key}")
    asked = [
        LoggedRequest("pod", archive, "GET", "/", GB // 1024, 200, "answered") for archive in ("flyem", "openorganelle")
    ]
    meter = Meter(
        kernel=kernel,
        timeline=timeline,
        settings=Settings("dev", seed=1, scale=1 / 1024, workload=workload),
        cloud=cloud(
            Estate(
                region=region,
                account_id="1",
                cluster=ClusterSpec("c", "1.34"),
                nat_gateways=1,
                gateway_endpoints=gateway_endpoints,
            )
        ),
        archive_log=lambda: asked,
        taken=list,
    )
    return next(charge.quantity for charge in meter.bill() if charge.item == "NAT gateway data")


@pytest.mark.parametrize(
    ("region", "gateway_endpoints", "through_nat_gb"),
    [
        ("us-east-1", ("s3",), 1.0),  # the endpoint leads to every bucket of the region, also to the public archive
        ("us-east-1", ("dynamodb",), 2.0),
        ("us-east-1", (), 2.0),
        ("us-west-2", ("s3",), 2.0),  # the archive's bucket is not in this region
    ],
)
def test_a_public_bucket_of_the_region_is_read_past_the_nat_gateway_where_there_is_an_s3_endpoint(
    kernel: Kernel, region: str, gateway_endpoints: tuple[str, ...], through_nat_gb: float
) -> None:
    charged_gb = nat_gb(kernel, "real", region=region, gateway_endpoints=gateway_endpoints)
    assert charged_gb == pytest.approx(through_nat_gb, rel=1e-6)


def test_the_measured_run_is_charged_alike(kernel: Kernel) -> None:
    measured = load_profile("measured")
    expected = sum(service.bytes_in for service in measured.services.values() if service.archives != ("openorganelle",))
    charged_gb = nat_gb(kernel, "recorded", region="us-east-1", gateway_endpoints=("s3",))
    assert charged_gb == pytest.approx(expected / GB)
