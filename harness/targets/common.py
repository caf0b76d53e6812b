"""What the worlds of targets with a modelled AWS have in common: the project, the provisioned templates, the archives, the bill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fixtures.archives import Archives
from fixtures.archives.log import LoggedRequest
from fixtures.volumes import dataset
from harness.clock import Kernel, Timeline
from harness.kube.objects import Object
from harness.targets.base import Charge, Settings, Truth
from harness.targets.cloudside import Ground
from harness.targets.metering import Meter
from harness.targets.project import Project


class CloudBackend:
    """A part of `harness.targets.base.Backend`, which says which thread each method belongs to."""

    project: Project
    settings: Settings
    kernel: Kernel
    timeline: Timeline
    outputs: Mapping[str, str]
    _ground: Ground
    _archives: Archives
    _meter: Meter

    def manifests(self, group: str) -> Mapping[str, Sequence[dict[str, Any]]]:
        """The rendered manifests of a group by file, with the stacks' outputs filled in."""
        return self.project.manifests(group, self.outputs)

    def node_groups(self) -> Sequence[Object]:
        """The managed node groups as the templates describe them, in EKS's words."""
        return [
            {
                "nodegroupName": spec.name,
                "capacityType": spec.capacity_type,
                "instanceTypes": list(spec.instance_types),
                "labels": dict(spec.labels),
                "taints": [taint.as_object() for taint in spec.taints],
                "scalingConfig": {"minSize": spec.min_size, "maxSize": spec.max_size, "desiredSize": spec.desired_size},
            }
            for spec in self._ground.estate.node_groups
        ]

    def sink_objects(self) -> dict[str, bytes]:
        """Every object of the data bucket, read past the gateway."""
        s3, bucket = self._ground.services.client("s3"), self.outputs["DataBucketName"]
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    def sink_url(self) -> str:
        """The data bucket as a URL."""
        return f"s3://{self.outputs['DataBucketName']}"

    def shared_directory(self) -> Path:
        """Where the shared file system's root directory is on this machine."""
        return self._ground.shared_directory

    def truth(self, source: str, attributes: Mapping[str, Any]) -> Truth:
        """What the archives hold for a data set's finest level; FlyEM's is the crop that its provenance names."""
        volume = dataset(source, self.settings.scale)  # type: ignore[arg-type]
        origin = crop_origin(attributes)

        def read(start: tuple[int, int, int], stop: tuple[int, int, int]) -> Any:
            z, y, x = origin
            return volume.region((start[0] + z, start[1] + y, start[2] + x), (stop[0] + z, stop[1] + y, stop[2] + x))

        return read

    def archive_requests(self) -> Sequence[LoggedRequest]:
        """What the archives were asked, oldest first."""
        return self._archives.log

    def coverage(self) -> dict[str, Any]:
        """What is done with each resource of the templates."""
        coverage = self._ground.provisioned.coverage
        return {
            "counts": {treatment.value: count for treatment, count in coverage.counts().items()},
            "resources": [
                {"stack": line.stack, "logical_id": line.logical_id, "type": line.type, "class": line.treatment.value}
                for line in coverage.lines
            ],
        }

    def bill(self) -> Sequence[Charge]:
        """What was used since the world began, priced. Any thread but the kernel's."""
        return self._meter.bill()


def crop_origin(attributes: Mapping[str, Any]) -> tuple[int, int, int]:
    """Where a data set begins in its source (z, y, x): zero unless its provenance names a crop."""
    crop = attributes.get("provenance", {}).get("crop", {})
    z, y, x = crop.get("origin_zyx", (0, 0, 0))
    return int(z), int(y), int(x)
