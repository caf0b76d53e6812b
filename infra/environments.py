"""The environments as values. An environment is checked when it is built, so a table that imports is one that can be rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from infra.kubernetes_versions import refuse_unless_supported
from infra.node_pools import CapacityType, NodePool
from infra.refusal import RefusedValue, refuse_unless

ZONES_MIN = 2
LOG_RETENTION_DAYS = (
    1,
    3,
    5,
    7,
    14,
    30,
    60,
    90,
    120,
    150,
    180,
    365,
    400,
    545,
    731,
    1096,
    1827,
    2192,
    2557,
    2922,
    3288,
    3653,
)
_IMAGE_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_NAME = re.compile(r"[a-z][a-z0-9]{0,15}")


@dataclass(frozen=True, kw_only=True)
class Environment:
    """Everything in which one environment may differ from another; `reviewed_on` is the day its dates were last checked."""

    name: str
    reviewed_on: date
    region: str
    zones: tuple[str, ...]
    vpc_cidr: str
    kubernetes_version: str
    node_pools: tuple[NodePool, ...]
    interface_endpoints: tuple[str, ...]
    image_tag: str
    chunk_size_mb: int
    max_workers: int
    keeps_data: bool
    log_retention_days: int
    budget_monthly_usd: int

    def __post_init__(self) -> None:
        place = f"environment {self.name}"
        refuse_unless(
            _NAME.fullmatch(self.name) is not None,
            "environment name",
            found=self.name,
            limit="1 to 16 of a-z and 0-9, a letter first: it is part of stack and cluster names",
        )
        self._refuse_zones(place)
        refuse_unless_supported(self.kubernetes_version, on=self.reviewed_on, place=f"{place}, kubernetes_version")
        names = [pool.name for pool in self.node_pools]
        refuse_unless(
            len(set(names)) == len(names),
            f"{place}, node_pools",
            found=names,
            limit="a name may appear once: it is the value of the label that pods select",
        )
        refuse_unless(
            any(not pool.tainted and pool.min_size >= 1 for pool in self.node_pools),
            f"{place}, node_pools",
            found=names,
            limit="one untainted pool of at least 1 node is needed: Cluster Autoscaler itself cannot start a group from zero",
        )
        refuse_unless(
            _IMAGE_TAG.fullmatch(self.image_tag) is not None and self.image_tag != "latest",
            f"{place}, image_tag",
            found=self.image_tag,
            limit="a tag of at most 128 characters other than latest: the repositories refuse to move a tag",
        )
        refuse_unless(
            1 <= self.chunk_size_mb <= 5000,
            f"{place}, chunk_size_mb",
            found=self.chunk_size_mb,
            limit="1 to 5000 MB: a shard is one PUT, and S3 takes at most 5 GB in one",
        )
        refuse_unless(
            1 <= self.max_workers <= 64,
            f"{place}, max_workers",
            found=self.max_workers,
            limit="1 to 64 transfers at once",
        )
        refuse_unless(
            self.log_retention_days in LOG_RETENTION_DAYS,
            f"{place}, log_retention_days",
            found=self.log_retention_days,
            limit=f"CloudWatch Logs keeps {', '.join(map(str, LOG_RETENTION_DAYS))} days",
        )
        refuse_unless(
            self.budget_monthly_usd >= 1,
            f"{place}, budget_monthly_usd",
            found=self.budget_monthly_usd,
            limit="at least 1 USD",
        )

    def _refuse_zones(self, place: str) -> None:
        refuse_unless(
            len(self.zones) >= ZONES_MIN,
            f"{place}, zones",
            found=self.zones,
            limit=f"an EKS control plane wants subnets in at least {ZONES_MIN} zones",
        )
        for zone in self.zones:
            refuse_unless(
                re.fullmatch(re.escape(self.region) + "[a-z]", zone) is not None,
                f"{place}, zones",
                found=zone,
                limit=f"a zone of {self.region} is {self.region} and one letter",
            )

    @property
    def cluster_name(self) -> str:
        return f"em-pipeline-{self.name}"

    def pool(self, name: str) -> NodePool:
        """The pool of that name; a service that names another is refused."""
        for pool in self.node_pools:
            if pool.name == name:
                return pool
        raise RefusedValue(
            f"environment {self.name}, node_pools",
            found=[pool.name for pool in self.node_pools],
            limit=f"a workload wants {name}",
        )


DEV = Environment(
    name="dev",
    reviewed_on=date(2026, 11, 23),
    region="us-east-1",
    zones=("us-east-1a", "us-east-1b", "us-east-1c"),
    vpc_cidr="10.40.0.0/16",
    kubernetes_version="1.36",
    node_pools=(
        NodePool(
            name="system",
            instance_types=("t3.medium", "t3.large"),
            capacity_type=CapacityType.ON_DEMAND,
            min_size=1,
            max_size=2,
            disk_gib=30,
            tainted=False,
        ),
        NodePool(
            name="small-loaders",
            instance_types=("t3.medium", "t3.large"),
            capacity_type=CapacityType.SPOT,
            min_size=0,
            max_size=2,
            disk_gib=30,
            tainted=True,
        ),
        NodePool(
            name="heavy-processing",
            instance_types=("r6i.2xlarge", "r6i.4xlarge"),
            capacity_type=CapacityType.ON_DEMAND,
            min_size=0,
            max_size=2,
            disk_gib=50,
            tainted=True,
        ),
    ),
    interface_endpoints=("ec2", "ecr.api", "ecr.dkr", "eks-auth", "logs", "monitoring", "sts"),
    image_tag="0.1.0",
    chunk_size_mb=64,
    max_workers=1,
    keeps_data=False,
    log_retention_days=14,
    budget_monthly_usd=600,
)

ENVIRONMENTS: dict[str, Environment] = {DEV.name: DEV}
