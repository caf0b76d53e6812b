"""EC2 instances as modelled machines: their states, their bill, and when they reach the next state.

`launch` and `terminate` return at once; transitions come later, on the kernel, and are announced to observers (moto
lists transitions apart from what advances them; ours advance by the kernel only, never on read). What runs on an
instance is not known here: `harness.cloud.nodegroups` makes nodes of them. Capacity is unlimited unless a rule in
`capacity_rules` refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Network
from typing import Protocol

from fixtures.facts import UnknownFact, instance_type
from harness.clock import Kernel, Seeds, Timeline
from harness.cloud.estate import Subnet
from harness.cloud.launching import (
    CapacityRule,
    InsufficientFreeAddressesInSubnet,
    LaunchRequest,
    Pool,
    Unsupported,
)

_RESERVED_ADDRESSES = 4  # AWS keeps the first four addresses of a subnet and the last one


class InstanceState(StrEnum):
    """EC2's names."""

    PENDING = "pending"
    RUNNING = "running"
    SHUTTING_DOWN = "shutting-down"
    TERMINATED = "terminated"


@dataclass(frozen=True)
class Instance:
    """One instance as it is now."""

    id: str
    pool: Pool
    subnet: Subnet
    group: str
    private_ip: str
    private_dns_name: str
    launched_us: int
    state: InstanceState = InstanceState.PENDING
    running_us: int | None = None
    ended_us: int | None = None  # when it stopped being billed: it left `running`
    reason: str = ""

    @property
    def provider_id(self) -> str:
        """As a Node's `spec.providerID` has it."""
        return f"aws:///{self.pool.zone}/{self.id}"


@dataclass(frozen=True)
class InstanceUsage:
    """For the bill: one instance's time in `running`; `end_us` None while it runs."""

    instance_id: str
    group: str
    pool: Pool
    start_us: int
    end_us: int | None
    interrupted: bool


class InstanceProvider(Protocol):
    """Who launches and ends machines."""

    def launch(self, request: LaunchRequest, *, pending_us: int) -> Instance:
        """A pending instance that is running in `pending_us`. Raises LaunchError."""

    def shutting_down(self, instance_id: str, reason: str) -> None:
        """It has been told to end; billing stops."""

    def terminated(self, instance_id: str, reason: str) -> None:
        """It is gone, and no question about it will be answered otherwise."""

    def get(self, instance_id: str) -> Instance | None:
        """The instance as it is now, None when it never was."""

    def observe(self, observer: Callable[[Instance], None]) -> None:
        """Call `observer` with the instance after each transition."""


class Instances:
    """The model. All methods belong to the kernel's thread."""

    def __init__(self, kernel: Kernel, seeds: Seeds, timeline: Timeline, *, region: str) -> None:
        self._kernel = kernel
        self._seeds = seeds
        self._timeline = timeline
        self._region = region
        self._instances: dict[str, Instance] = {}
        self._observers: list[Callable[[Instance], None]] = []
        self.capacity_rules: list[CapacityRule] = []

    def observe(self, observer: Callable[[Instance], None]) -> None:
        """Call `observer` with the instance after each transition."""
        self._observers.append(observer)

    def launch(self, request: LaunchRequest, *, pending_us: int) -> Instance:
        """A pending instance that is running in `pending_us`. Raises LaunchError."""
        try:
            instance_type(request.pool.instance_type)
        except UnknownFact as error:
            raise Unsupported(
                f"Could not launch: instance type {request.pool.instance_type} is unknown: {error}"
            ) from error
        for rule in self.capacity_rules:
            refused = rule.refuse(request)
            if refused is not None:
                raise refused
        address = self._address(request.subnet)
        instance = Instance(
            id=f"i-{self._seeds.stream('ec2/instance').getrandbits(68):017x}",
            pool=request.pool,
            subnet=request.subnet,
            group=request.group,
            private_ip=address,
            private_dns_name=self._dns_name(address),
            launched_us=self._kernel.now,
        )
        self._put(instance)
        self._kernel.after(pending_us, lambda: self._running(instance.id))
        return instance

    def shutting_down(self, instance_id: str, reason: str) -> None:
        """It has been told to end; billing stops. Harmless when it has ended already."""
        instance = self._instances[instance_id]
        if instance.state in {InstanceState.PENDING, InstanceState.RUNNING}:
            self._put(replace(instance, state=InstanceState.SHUTTING_DOWN, ended_us=self._kernel.now, reason=reason))

    def terminated(self, instance_id: str, reason: str) -> None:
        """It is gone. Harmless when it was already."""
        instance = self._instances[instance_id]
        if instance.state is InstanceState.TERMINATED:
            return
        ended_us = instance.ended_us if instance.ended_us is not None else self._kernel.now
        self._put(
            replace(instance, state=InstanceState.TERMINATED, ended_us=ended_us, reason=instance.reason or reason)
        )

    def get(self, instance_id: str) -> Instance | None:
        """The instance as it is now, None when it never was."""
        return self._instances.get(instance_id)

    def by_node(self, node_name: str) -> Instance | None:
        """The latest instance with that private DNS name."""
        found = [one for one in self._instances.values() if one.private_dns_name == node_name]
        return found[-1] if found else None

    def all(self) -> list[Instance]:
        """Every instance that ever was, in launch order."""
        return list(self._instances.values())

    def usage(self) -> list[InstanceUsage]:
        """What is billed, in launch order."""
        return [
            InstanceUsage(one.id, one.group, one.pool, one.running_us, one.ended_us, one.reason == "spot interruption")
            for one in self._instances.values()
            if one.running_us is not None
        ]

    def _running(self, instance_id: str) -> None:
        instance = self._instances[instance_id]
        if instance.state is InstanceState.PENDING:
            self._put(replace(instance, state=InstanceState.RUNNING, running_us=self._kernel.now))

    def _put(self, instance: Instance) -> None:
        self._instances[instance.id] = instance
        details = {"group": instance.group, "instanceType": instance.pool.instance_type, "zone": instance.pool.zone}
        if instance.reason:
            details["reason"] = instance.reason
        kind = "".join(word.capitalize() for word in instance.state.split("-"))
        self._timeline.record(f"Instance{kind}", f"Instance/{instance.id}", **details)
        for observer in tuple(self._observers):
            observer(instance)

    def _address(self, subnet: Subnet) -> str:
        """A free address, none twice in a run: a node's name is made of it."""
        network = IPv4Network(subnet.cidr)
        used = {one.private_ip for one in self._instances.values() if one.subnet.id == subnet.id}
        if len(used) >= network.num_addresses - _RESERVED_ADDRESSES - 1:
            raise InsufficientFreeAddressesInSubnet(
                f"Could not launch: subnet {subnet.id} ({subnet.cidr}) has no free address."
            )
        draw = self._seeds.stream(f"ec2/address/{subnet.zone}")
        while True:
            address = str(network[draw.randrange(_RESERVED_ADDRESSES, network.num_addresses - 1)])
            if address not in used:
                return address

    def _dns_name(self, address: str) -> str:
        """Resource naming by IP address, which managed node groups use."""
        domain = "ec2.internal" if self._region == "us-east-1" else f"{self._region}.compute.internal"
        return f"ip-{address.replace('.', '-')}.{domain}"
