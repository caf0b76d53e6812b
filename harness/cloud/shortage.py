"""Missing capacity on purpose: EC2 refuses launches from some pools for a while, with the code and the words that it has for the reason.

A quota is one of a way to buy: the spot quota refuses spot instances only, the vCPU quota on-demand ones only.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Literal

from fixtures.facts import document
from harness.cloud.launching import (
    InsufficientFreeAddressesInSubnet,
    InsufficientInstanceCapacity,
    LaunchError,
    LaunchRequest,
    MaxSpotInstanceCountExceeded,
    Unsupported,
    VcpuLimitExceeded,
)

RefusalCode = Literal[
    "InsufficientInstanceCapacity",
    "MaxSpotInstanceCountExceeded",
    "VcpuLimitExceeded",
    "Unsupported",
    "InsufficientFreeAddressesInSubnet",
]


@dataclass(eq=False)
class Shortage:
    """A capacity rule: launches from the pools that match all three globs are refused while it is over `Instances.capacity_rules`."""

    code: str
    instance_type: str = "*"
    zone: str = "*"
    capacity_type: str = "*"
    refused: int = 0

    def refuse(self, request: LaunchRequest) -> LaunchError | None:
        """EC2's error for a pool that matches, None for another."""
        pool = request.pool
        matches = (
            fnmatch.fnmatchcase(pool.instance_type, self.instance_type)
            and fnmatch.fnmatchcase(pool.zone, self.zone)
            and fnmatch.fnmatchcase(pool.capacity_type, self.capacity_type)
        )
        error = _error(self.code, request) if matches else None
        if error is not None:
            self.refused += 1
        return error


def _error(code: str, request: LaunchRequest) -> LaunchError | None:
    pool = request.pool
    match code:
        case InsufficientInstanceCapacity.code:
            return InsufficientInstanceCapacity.of(pool)
        case MaxSpotInstanceCountExceeded.code:
            return MaxSpotInstanceCountExceeded.of() if pool.capacity_type == "SPOT" else None
        case VcpuLimitExceeded.code:
            return VcpuLimitExceeded.of(_vcpu_quota()) if pool.capacity_type == "ON_DEMAND" else None
        case Unsupported.code:
            return Unsupported.of(pool)
        case InsufficientFreeAddressesInSubnet.code:
            return InsufficientFreeAddressesInSubnet.of(pool, request.subnet)
    raise ValueError(f"EC2 has no refusal {code!r} here")


def _vcpu_quota() -> int:
    """A new account's: the one that refuses."""
    return int(document("eks")["account_quotas"]["on_demand_standard_vcpu"]["new_account_default"])
