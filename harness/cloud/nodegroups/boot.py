"""How a launched instance becomes a node: the seam, and the model of it.

Modelled, a machine registers its Node, and its kubelet joins, after drawn times (fixtures/facts/eks.yaml). Where nodes are real, their own kubelet does both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.clock import Kernel, Seeds, format_time
from harness.cloud.draws import boot_times
from harness.cloud.estate import ClusterSpec, NodeGroupSpec
from harness.cloud.instances import Instance
from harness.cloud.nodegroups.machines import Kubelets
from harness.cloud.nodegroups.member import Member
from harness.cloud.nodegroups.nodes import node_object
from harness.kube.client import Reader, Writer
from harness.kube.resources import NODES


@dataclass(frozen=True)
class BootPlan:
    """From the launch: until EC2 says `running`, until the Node is registered, until it is ready."""

    pending_us: int
    registered_us: int = 0
    ready_us: int = 0


class Boot(Protocol):
    """Turns instances into nodes. Calls return at once and belong to the kernel's thread."""

    def plan(self, spec: NodeGroupSpec) -> BootPlan:
        """The times of the next machine of a group."""

    def begin(self, plan: BootPlan, member: Member, instance: Instance, ready: Callable[[], None]) -> None:
        """Boot it: `member.registered` is set when its Node is there, `ready` called when that is ready; neither once the member is ending."""


class ModelledBoot:
    """The model, on any cluster whose kubelets are played by `machines`."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        seeds: Seeds,
        machines: Kubelets,
        cluster: ClusterSpec,
        region: str,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._seeds = seeds
        self._machines = machines
        self._cluster = cluster
        self._region = region
        self._times = boot_times()

    def plan(self, spec: NodeGroupSpec) -> BootPlan:
        """Drawn for each machine."""
        draw = self._seeds.stream(f"ec2/boot/{spec.name}")
        registered_us = self._times.boot_to_registered.draw_us(draw)
        ready_us = registered_us + self._times.registered_to_ready.draw_us(draw)
        return BootPlan(round(registered_us * self._times.running_share), registered_us, ready_us)

    def begin(self, plan: BootPlan, member: Member, instance: Instance, ready: Callable[[], None]) -> None:
        """Register and join when their time has come."""
        self._kernel.after(plan.registered_us, lambda: self._register(member, instance))
        self._kernel.after(plan.ready_us, lambda: self._join(member, instance, ready))

    def _register(self, member: Member, instance: Instance) -> None:
        if member.ending:
            return
        node = node_object(
            member.spec,
            instance,
            region=self._region,
            kubernetes_version=self._cluster.kubernetes_version,
            now=format_time(self._kernel.now),
        )
        stored = self._writer.create(NODES, node)
        if not (stored.get("status") or {}).get("allocatable"):
            self._writer.patch(NODES, None, member.node_name, {"status": node["status"]}, subresource="status")
        member.registered = True

    def _join(self, member: Member, instance: Instance, ready: Callable[[], None]) -> None:
        if member.ending:
            return
        if self._reader.get(NODES, None, member.node_name) is None:
            self._register(member, instance)  # somebody deleted the Node meanwhile: a kubelet registers again
        self._machines.join(member.node_name)
        ready()
