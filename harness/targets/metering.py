"""Reads the meters of a world: what its estate has used since it began, as usage records for the bill."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fixtures.archives.log import LoggedRequest
from fixtures.archives.openorganelle import REGION
from fixtures.profiles import load_profile
from harness.clock import HOUR, SECOND, Kernel, Timeline, format_time
from harness.cloud.bill import Machine, Usage, lines
from harness.targets.base import Charge, Settings, TakenInstance
from harness.targets.cloudside import CloudSide
from harness.targets.workloads import PROFILE


class Meter:
    """Everything that is billed in one world. `bill` may be called from any thread but the kernel's."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        timeline: Timeline,
        settings: Settings,
        cloud: CloudSide,
        archive_log: Callable[[], Sequence[LoggedRequest]],
        taken: Callable[[], Sequence[TakenInstance]],
    ) -> None:
        self._kernel = kernel
        self._timeline = timeline
        self._settings = settings
        self._cloud = cloud
        self._archive_log = archive_log
        self._taken = taken

    def bill(self) -> Sequence[Charge]:
        """What was used since the world began, priced; bytes are taken to the full size."""
        now_us, machines, requests = self._kernel.call(lambda: (self._kernel.now, self._machines(), self._requests()))
        ground, scale = self._cloud.ground, self._settings.scale
        estate = ground.estate
        s3, bucket = ground.services.client("s3"), ground.provisioned.outputs["DataBucketName"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        stored = sum(entry["Size"] for page in pages for entry in page.get("Contents", ()))
        usage = Usage(
            region=estate.region,
            day=format_time(now_us)[:10],
            hours=(now_us - self._kernel.start_us) / HOUR,
            kubernetes_version=estate.cluster.kubernetes_version,
            machines=machines,
            nat_gateways=estate.nat_gateways,
            public_addresses=estate.public_addresses,
            interface_endpoint_zones=estate.interface_endpoint_zones,
            nat_bytes=self._downloaded_bytes(),
            bucket_bytes=stored / scale,
            file_system_bytes=ground.file_systems.used_bytes(),
            requests=requests,
        )
        return [Charge(line.item, line.usd, line.quantity, line.unit, line.price_date) for line in lines(usage)]

    def _downloaded_bytes(self) -> float:
        """What came through the NAT gateway; a recorded workload's bytes are those of its profile."""
        past_nat = self._past_nat()
        if self._settings.workload == "recorded":
            done = {record.subject for record in self._timeline.of_kind("WorkDone")}
            measured = load_profile(PROFILE).services.values()
            return float(
                sum(
                    one.bytes_in
                    for one in measured
                    if f"work/{one.work_key}" in done and not past_nat.intersection(one.archives)
                )
            )
        taken = (request.size_bytes for request in self._archive_log() if request.archive not in past_nat)
        return sum(taken) / self._settings.scale

    def _past_nat(self) -> frozenset[str]:
        """The archives that are buckets of our region: an S3 gateway endpoint leads there, whosever the bucket is, and costs nothing."""
        estate = self._cloud.ground.estate
        return frozenset({"openorganelle"} if "s3" in estate.gateway_endpoints and estate.region == REGION else ())

    def _machines(self) -> list[Machine]:
        lost_s = {taken.instance: taken.lost_s for taken in self._taken()}
        specs = {spec.name: spec for spec in self._cloud.ground.estate.node_groups}
        market = self._cloud.market
        machines = []
        for used in self._cloud.instances.usage():
            end_us = self._kernel.now if used.end_us is None else used.end_us
            machines.append(
                Machine(
                    pool=used.pool,
                    usd_per_hour=market.price_usd_per_hour(used.pool),
                    price_date=market.price_date(used.pool),
                    disk_gib=specs[used.group].disk_gib,
                    billed_s=(end_us - used.start_us) / SECOND,
                    life_s=(end_us - used.start_us) / SECOND,
                    interrupted=used.interrupted,
                    lost_s=lost_s.get(used.instance_id, 0.0),
                )
            )
        return machines

    def _requests(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for count in self._cloud.gateway.counters.all():
            if count.service == "s3":
                counts[count.operation] = counts.get(count.operation, 0) + count.requests
        return counts
