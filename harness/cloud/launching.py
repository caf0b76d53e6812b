"""What EC2 refuses to launch, as types that carry EC2's code, and the request that is refused.

LaunchError
+-- InsufficientInstanceCapacity   this pool (type, zone, capacity type) is empty: another pool may do
+-- MaxSpotInstanceCountExceeded   the spot quota: no sibling pool helps
+-- VcpuLimitExceeded              the on-demand quota: no sibling pool helps
+-- Unsupported                    the type is not offered there
+-- InsufficientFreeAddressesInSubnet   the subnet is full: another zone may do
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol

from harness.cloud.estate import CapacityType, Subnet

_BOUGHT: Final[Mapping[CapacityType, str]] = {"SPOT": "Spot Instances", "ON_DEMAND": "On-Demand Instances"}


@dataclass(frozen=True)
class Pool:
    """A capacity pool: instances of one type in one zone, bought one way."""

    instance_type: str
    zone: str
    capacity_type: CapacityType


@dataclass(frozen=True)
class LaunchRequest:
    """One instance, please."""

    pool: Pool
    subnet: Subnet
    group: str


class LaunchError(Exception):
    """EC2 did not launch; `helped_by_other_pool` tells the caller whether a sibling is worth a try."""

    code: ClassVar[str] = ""
    helped_by_other_pool: ClassVar[bool] = False


class InsufficientInstanceCapacity(LaunchError):
    """The pool has no capacity now."""

    code = "InsufficientInstanceCapacity"
    helped_by_other_pool = True

    @classmethod
    def of(cls, pool: Pool) -> InsufficientInstanceCapacity:
        """The text as an Auto Scaling activity has it."""
        if pool.capacity_type == "SPOT":
            return cls(
                "Could not launch Spot Instances. InsufficientInstanceCapacity - There is no Spot capacity available."
            )
        return cls(
            f"Could not launch On-Demand Instances. InsufficientInstanceCapacity - We currently do not have sufficient {pool.instance_type} "
            f"capacity in the Availability Zone you requested ({pool.zone})."
        )


class MaxSpotInstanceCountExceeded(LaunchError):
    """The account's spot quota is used up."""

    code = "MaxSpotInstanceCountExceeded"

    @classmethod
    def of(cls) -> MaxSpotInstanceCountExceeded:
        """The text as an Auto Scaling activity has it."""
        return cls("Could not launch Spot Instances. MaxSpotInstanceCountExceeded - Max spot instance count exceeded.")


class VcpuLimitExceeded(LaunchError):
    """The account's on-demand quota is used up."""

    code = "VcpuLimitExceeded"

    @classmethod
    def of(cls, limit: int) -> VcpuLimitExceeded:
        """The text as an Auto Scaling activity has it."""
        return cls(
            f"Could not launch On-Demand Instances. VcpuLimitExceeded - You have requested more vCPU capacity than your current vCPU limit of {limit} "
            "allows for the instance bucket that the specified instance type belongs to. Please visit "
            "http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this limit."
        )


class Unsupported(LaunchError):
    """The type is not offered in that zone."""

    code = "Unsupported"
    helped_by_other_pool = True

    @classmethod
    def of(cls, pool: Pool) -> Unsupported:
        """The text as an Auto Scaling activity has it."""
        return cls(
            f"Could not launch {_BOUGHT[pool.capacity_type]}. Unsupported - Your requested instance type ({pool.instance_type}) is not supported in "
            f"your requested Availability Zone ({pool.zone})."
        )


class InsufficientFreeAddressesInSubnet(LaunchError):
    """No free address in the subnet."""

    code = "InsufficientFreeAddressesInSubnet"
    helped_by_other_pool = True

    @classmethod
    def of(cls, pool: Pool, subnet: Subnet) -> InsufficientFreeAddressesInSubnet:
        """The text as an Auto Scaling activity has it."""
        return cls(
            f"Could not launch {_BOUGHT[pool.capacity_type]}. InsufficientFreeAddressesInSubnet - There are not enough free addresses in subnet "
            f"'{subnet.id}' to satisfy the requested number of instances."
        )


class CapacityRule(Protocol):
    """Decides whether a launch is refused: quotas, missing capacity; a fault is one too."""

    def refuse(self, request: LaunchRequest) -> LaunchError | None:
        """The error to raise, or None."""
