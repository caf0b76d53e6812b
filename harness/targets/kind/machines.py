"""Instances as real nodes: for every launch a container that was no node before, with the name, labels, taints, size and provider id of its instance.

Implements `harness.cloud.nodegroups.Boot` and `Machines`. What a kubelet may not say of itself (labels of Kubernetes' own domains) is written to the Node,
as AWS's cloud controller does. Nobody shuts the operating system of a container down, so a machine that ends goes off.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.clock import Kernel, Timeline
from harness.cloud.estate import NodeGroupSpec
from harness.cloud.instances import Instance, InstanceProvider, Instances, InstanceState
from harness.cloud.launching import InsufficientInstanceCapacity, LaunchError, LaunchRequest
from harness.cloud.nodegroups import BootPlan, Member
from harness.cloud.nodegroups.nodes import node_labels
from harness.kube.client import Change, Reader, Writer
from harness.kube.objects import Object, is_true, name_of
from harness.kube.resources import NODES
from harness.targets.kind.capacity import Capacity
from harness.targets.kind.nodes import Nodes
from harness.targets.kind.plans import Forward, NodePlan, is_kubelet_label

_OWN = frozenset(
    {"kubernetes.io/arch", "kubernetes.io/os", "kubernetes.io/hostname"}
)  # every kubelet says these itself


class NodeLost(RuntimeError):
    """A container did not become a node."""


class RealMachines:
    """All methods belong to the kernel's thread."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        timeline: Timeline,
        nodes: Nodes,
        instances: InstanceProvider,
        region: str,
        forwards: Callable[[Instance], Sequence[Forward]],
        switched_off: Callable[[str], None],
    ) -> None:
        self._kernel = kernel
        self._writer = writer
        self._timeline = timeline
        self._nodes = nodes
        self._region = region
        self._forwards = forwards
        self._switched_off = switched_off
        self._waiting: dict[str, Callable[[], None]] = {}  # by node name: what to call when it is ready
        self._launched: dict[str, Member] = {}
        reader.observe(NODES, self._node_changed)
        instances.observe(self._instance_changed)

    def plan(self, spec: NodeGroupSpec) -> BootPlan:  # noqa: ARG002 - a container takes the time that it takes
        """EC2 says `running` at once."""
        return BootPlan(pending_us=0)

    def begin(self, plan: BootPlan, member: Member, instance: Instance, ready: Callable[[], None]) -> None:  # noqa: ARG002 - Boot's
        """Let a container join; it is ready when its kubelet says so."""
        labels = node_labels(member.spec, instance, region=self._region)
        node = NodePlan(
            name=member.node_name,
            provider_id=instance.provider_id,
            labels={key: value for key, value in labels.items() if key not in _OWN and is_kubelet_label(key)},
            taints=[taint.as_object() for taint in member.spec.taints],
            capacity=Capacity.of(instance.pool.instance_type),
            forwards=self._forwards(instance),
        )
        rest = {key: value for key, value in labels.items() if not is_kubelet_label(key)}
        self._launched[member.node_name] = member
        self._waiting[member.node_name] = ready
        self._nodes.launch(node, lambda error: self._kernel.post(lambda: self._registered(member, rest, error)))

    def leave(self, node_name: str) -> None:
        """Switch it off."""
        self._waiting.pop(node_name, None)
        if node_name in self._launched:
            self._nodes.kill(node_name)
            self._switched_off(node_name)

    def shut_down(self, node_name: str, grace_s: int, critical_s: int) -> None:  # noqa: ARG002 - Machines'
        """There is no orderly end of a container's operating system here."""
        self.leave(node_name)

    def _registered(self, member: Member, labels: Mapping[str, str], error: BaseException | None) -> None:
        if member.ending:
            self._nodes.kill(member.node_name)
            return
        if error is not None:
            raise NodeLost(f"the container of {member.node_name} did not become a node: {error}") from error
        member.registered = True
        if labels:
            self._writer.patch(NODES, None, member.node_name, {"metadata": {"labels": dict(labels)}})

    def _node_changed(self, change: Change, node: Object, _old: Object | None) -> None:
        if change != "DELETED" and is_true(node, "Ready") and name_of(node) in self._waiting:
            member = self._launched[name_of(node)]
            if member.registered and not member.ending:
                self._waiting.pop(name_of(node))()

    def _instance_changed(self, instance: Instance) -> None:
        if instance.state is InstanceState.TERMINATED and instance.private_dns_name in self._launched:
            self._waiting.pop(instance.private_dns_name, None)
            self._nodes.remove(instance.private_dns_name)


class RoomOfThisMachine:
    """The capacity rule that keeps the real nodes of a world to what one host carries: so many of each capacity type."""

    def __init__(self, instances: Instances, each: int) -> None:
        self._instances = instances
        self._each = each

    def refuse(self, request: LaunchRequest) -> LaunchError | None:
        """EC2's answer when a pool is empty."""
        present = [
            instance
            for instance in self._instances.all()
            if instance.state is not InstanceState.TERMINATED
            and instance.pool.capacity_type == request.pool.capacity_type
        ]
        return InsufficientInstanceCapacity.of(request.pool) if len(present) >= self._each else None
