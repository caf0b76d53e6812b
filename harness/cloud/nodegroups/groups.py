"""Managed node groups: each keeps as many instances as its desired size says, within its bounds.

A change of the desired size, or an instance that is lost, starts a scaling activity after the drawn delay. Launches
go through the pools in the order of `allocation`; a refused launch is tried again every minute, as Auto Scaling does,
and the group's health says why. Desired-size reductions drain ignoring PodDisruptionBudgets (15 min at most) and then
end the instance.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from harness.clock import MINUTE, Kernel, Timeline
from harness.cloud.estate import NodeGroupSpec
from harness.cloud.instances import Instance
from harness.cloud.launching import LaunchError, Pool
from harness.cloud.market import Market
from harness.cloud.nodegroups.allocation import pools_in_order, scale_in_victim
from harness.cloud.nodegroups.drain import Drainer
from harness.cloud.nodegroups.fleet import Fleet
from harness.cloud.nodegroups.member import Member
from harness.cloud.tempo import Tempo

_RETRY_US = MINUTE
_DRAIN_TIMEOUT_S = 15 * 60


class ValidationError(ValueError):
    """A size outside of the group's bounds; the text is Auto Scaling's."""


@dataclass
class NodeGroup:
    """One group as it is now."""

    spec: NodeGroupSpec
    min_size: int
    max_size: int
    desired: int
    launching: int = 0  # launches that wait for their delay or for the next try
    issues: list[dict[str, Any]] = field(default_factory=list)


class NodeGroups:
    """All groups of a cluster. All methods belong to the kernel's thread."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        timeline: Timeline,
        fleet: Fleet,
        market: Market,
        drainer: Drainer,
        specs: Collection[NodeGroupSpec],
        tempo: Tempo | None = None,
    ) -> None:
        self._kernel = kernel
        self._timeline = timeline
        self._fleet = fleet
        self._market = market
        self._drainer = drainer
        self._tempo = tempo or Tempo()
        self._groups = {spec.name: NodeGroup(spec, spec.min_size, spec.max_size, spec.desired_size) for spec in specs}
        self.avoided_zones: set[str] = set()  # where launches are tried last: a zone that is being lost

    def start(self) -> None:
        """Launch what the template desires."""
        for group in self._groups.values():
            self._converge(group, "initial size")

    def names(self) -> list[str]:
        """The groups in template order."""
        return list(self._groups)

    def get(self, name: str) -> NodeGroup:
        """The group of that name. Raises LookupError."""
        if name not in self._groups:
            raise LookupError(
                f"No node group found for name: {name}. The template has {', '.join(self._groups) or 'none'}."
            )
        return self._groups[name]

    def members(self, name: str) -> list[Member]:
        """The members that are not ending, launching ones too."""
        return [member for member in self._fleet.members() if member.spec.name == name and not member.ending]

    def set_desired(self, name: str, size: int, cause: str) -> None:
        """Change the desired size. Raises ValidationError outside of the bounds."""
        group = self.get(name)
        if size > group.max_size:
            raise ValidationError(
                f"New SetDesiredCapacity value {size} is above max value {group.max_size} for the AutoScalingGroup."
            )
        if size < group.min_size:
            raise ValidationError(
                f"New SetDesiredCapacity value {size} is below min value {group.min_size} for the AutoScalingGroup."
            )
        if size != group.desired:
            self._record(group, size, cause)
            group.desired = size
        self._converge(group, cause)

    def set_bounds(self, name: str, *, min_size: int, max_size: int, desired: int, cause: str) -> None:
        """UpdateNodegroupConfig: new bounds and desired size together."""
        if not 0 <= min_size <= desired <= max_size:
            raise ValidationError(f"desired size {desired} has to lie between min {min_size} and max {max_size}")
        group = self.get(name)
        group.min_size, group.max_size = min_size, max_size
        self.set_desired(name, desired, cause)

    def terminate(self, node_name: str, cause: str) -> None:
        """TerminateInstanceInAutoScalingGroup with a smaller desired size: what Cluster Autoscaler calls.

        Raises ValidationError at the minimum, LookupError for a node of no group.
        """
        member = self._fleet.by_node(node_name)
        if member is None:
            raise LookupError(f"node {node_name} belongs to no node group")
        group = self.get(member.spec.name)
        if group.desired <= group.min_size:
            raise ValidationError(
                f"Currently, desiredSize equals minSize ({group.min_size}). Terminating instance without replacement will violate group's "
                "min size constraint."
            )
        self._record(group, group.desired - 1, cause)
        group.desired -= 1
        member.replaced = True
        self._end(member, "scale-in")

    def replace(self, member: Member, cause: str) -> None:
        """Launch a substitute while `member` still lives (Capacity Rebalancing): it may exceed the maximum for that time."""
        member.replaced = True
        self._converge(self.get(member.spec.name), cause)

    def lost(self, member: Member, cause: str) -> None:
        """An instance has gone: bring the group back to its size."""
        self._converge(self.get(member.spec.name), cause)

    def end(self, member: Member, reason: str) -> None:
        """Drain ignoring budgets, then end the instance."""
        self._end(member, reason)

    def _converge(self, group: NodeGroup, cause: str) -> None:
        counted = [member for member in self.members(group.spec.name) if not member.replaced]
        missing = group.desired - len(counted) - group.launching
        if missing > 0:
            group.launching += missing
            delay_us = self._fleet.launch_delay_us(group.spec.name)
            self._kernel.after(delay_us, lambda: self._launch(group, missing, cause))
        for _ in range(len(counted) - group.desired):
            victim = scale_in_victim(group.spec, [self._fleet.instance_of(member) for member in counted])
            member = next(member for member in counted if member.instance_id == victim.id)
            counted.remove(member)
            member.replaced = True
            self._end(member, "scale-in")

    def _launch(self, group: NodeGroup, count: int, cause: str) -> None:
        group.launching -= count
        for _ in range(count):
            counted = [member for member in self.members(group.spec.name) if not member.replaced]
            if len(counted) + group.launching >= group.desired:
                return
            try:
                member = self._launch_one(group, [self._fleet.instance_of(one) for one in counted])
            except LaunchError as error:
                self._refused(group, error)
                continue
            group.issues.clear()
            self._timeline.record(
                "ScalingActivity",
                f"NodeGroup/{group.spec.name}",
                description=f"Launching a new EC2 instance: {member.instance_id}",
                cause=cause,
                status="Successful",
            )

    def _launch_one(self, group: NodeGroup, counted: list[Instance]) -> Member:
        """Raises the error of the last pool that was tried."""
        last: LaunchError | None = None
        for pool in pools_in_order(group.spec, counted, self._price, avoided_zones=self.avoided_zones):
            try:
                return self._fleet.start(group.spec, pool)
            except LaunchError as error:
                last = error
                if not error.helped_by_other_pool:
                    break
        raise (
            last if last is not None else LaunchError(f"node group {group.spec.name} has no pool: no type or no subnet")
        )

    def _refused(self, group: NodeGroup, error: LaunchError) -> None:
        self._timeline.record(
            "ScalingActivity",
            f"NodeGroup/{group.spec.name}",
            description=f"Launching a new EC2 instance.  Status Reason: {error} Launching EC2 instance failed.",
            cause=error.code,
            status="Failed",
        )
        issue = {"code": "AsgInstanceLaunchFailures", "message": str(error), "resourceIds": [group.spec.asg_name]}
        group.issues[:] = [issue]
        group.launching += 1
        self._kernel.after(self._tempo.us(_RETRY_US), lambda: self._launch(group, 1, "retry of a failed launch"))

    def _end(self, member: Member, reason: str) -> None:
        if not member.registered:
            self._fleet.stop(member, reason)
            return
        self._drainer.drain(
            member.node_name,
            respects_budgets=False,
            timeout_s=_DRAIN_TIMEOUT_S,
            done=lambda: self._fleet.stop(member, reason),
        )

    def _price(self, pool: Pool) -> float:
        return self._market.price_usd_per_hour(pool)

    def _record(self, group: NodeGroup, size: int, cause: str) -> None:
        self._timeline.record(
            "DesiredSizeChanged", f"NodeGroup/{group.spec.name}", before=group.desired, after=size, cause=cause
        )
