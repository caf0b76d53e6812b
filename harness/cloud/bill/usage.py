"""What is billed: usage records, as quantities. Nothing here knows a price."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.cloud.launching import Pool


@dataclass(frozen=True)
class Machine:
    """One instance's time in `running`, clipped to the billed period; `life_s` is its whole time until its end or the period's."""

    pool: Pool
    usd_per_hour: float
    price_date: str
    disk_gib: int
    billed_s: float
    life_s: float
    interrupted: bool = False
    lost_s: float = 0.0  # of `billed_s`: work that had to be done again


@dataclass(frozen=True)
class Usage:
    """What an estate used in a period. Bytes are those of the full size, whatever the scale of the run."""

    region: str
    day: str  # ISO date at the period's end, for prices that depend on it
    hours: float
    kubernetes_version: str
    machines: Sequence[Machine] = ()
    nat_gateways: int = 0
    public_addresses: int = 0
    interface_endpoint_zones: int = 0
    nat_bytes: float = 0.0  # what came from the public archives through the NAT gateway
    bucket_bytes: float = 0.0  # stored at the period's end
    file_system_bytes: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)  # S3 operation -> how often
