"""Instances that become nodes (`boot` says how), and the three ways in which a machine ends.

`stop` is an orderly end: the operating
system shuts down, from Kubernetes 1.34 on gracefully (150 s, 30 s of it for critical pods; before, pods vanish with
the machine). `lose` is a power cut. EC2 says `terminated` 40 to 60 s after the end began; the Node is deleted by
`harness.cloud.nodegroups.lifecycle`, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fixtures.facts import document
from harness.clock import SECOND, Kernel, Seeds
from harness.cloud.draws import Uniform, boot_times
from harness.cloud.estate import NodeGroupSpec
from harness.cloud.instances import Instance, InstanceProvider, InstanceState
from harness.cloud.launching import LaunchRequest, Pool
from harness.cloud.nodegroups.boot import Boot
from harness.cloud.nodegroups.machines import Machines
from harness.cloud.nodegroups.member import Member
from harness.cloud.tempo import Tempo
from harness.kube.client import Change, Reader
from harness.kube.objects import Object
from harness.kube.resources import PODS

_GONE = Uniform(40, 60)
"""From the end of a machine to `terminated`; kubernetes-facts: spot kill path 50 s (heartbeat) + 40-60 s."""


class Fleet:
    """All members of all groups. All methods belong to the kernel's thread.

    `shutdown` are the grace and critical seconds of a graceful end, None where machines just go off.
    """

    def __init__(
        self,
        *,
        kernel: Kernel,
        reader: Reader,
        seeds: Seeds,
        instances: InstanceProvider,
        machines: Machines,
        boot: Boot,
        shutdown: tuple[int, int] | None,
        tempo: Tempo,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._seeds = seeds
        self._instances = instances
        self._machines = machines
        self._boot = boot
        self._shutdown = shutdown
        self._tempo = tempo
        self._launch_delay = boot_times().launch_delay
        self._members: dict[str, Member] = {}
        self._ready_observers: list[Callable[[Member], None]] = []
        self._shutting_down: dict[str, Callable[[], None]] = {}  # by node name
        reader.observe(PODS, self._pod_changed)

    def observe_ready(self, observer: Callable[[Member], None]) -> None:
        """Call `observer` when a member's node has become ready."""
        self._ready_observers.append(observer)

    def members(self) -> list[Member]:
        """Every member that ever was, in launch order."""
        return list(self._members.values())

    def by_node(self, node_name: str) -> Member | None:
        """The member behind a node."""
        return next((member for member in self._members.values() if member.node_name == node_name), None)

    def instance_of(self, member: Member) -> Instance:
        """The member's instance as it is now."""
        instance = self._instances.get(member.instance_id)
        if instance is None:
            raise LookupError(f"instance {member.instance_id} is unknown: members come from this fleet only")
        return instance

    def launch_delay_us(self, group: str) -> int:
        """From the change of the desired size to the launch."""
        return self._tempo.us(self._launch_delay.draw_us(self._seeds.stream(f"ec2/launch-delay/{group}")))

    def start(self, spec: NodeGroupSpec, pool: Pool) -> Member:
        """Launch an instance and let it become a node. Raises LaunchError."""
        subnet = next(subnet for subnet in spec.subnets if subnet.zone == pool.zone)
        plan = self._boot.plan(spec)
        instance = self._instances.launch(LaunchRequest(pool, subnet, spec.name), pending_us=plan.pending_us)
        member = Member(spec, instance.id, instance.private_dns_name)
        self._members[instance.id] = member
        self._boot.begin(plan, member, instance, lambda: self._joined(member))
        return member

    def stop(self, member: Member, reason: str) -> None:
        """Orderly end; harmless when it is ending already."""
        if member.ending:
            return
        member.ending = True
        self._instances.shutting_down(member.instance_id, reason)
        gone_us = self._gone_us()
        if not member.ready or self._shutdown is None:
            self._off(member, gone_us, reason)
            return
        grace_s, critical_s = self._shutdown
        node = member.node_name
        self._shutting_down[node] = lambda: self._off(member, gone_us, reason)
        self._machines.shut_down(node, grace_s, critical_s)
        self._kernel.after(grace_s * SECOND, lambda: self._shut_down(node))
        self._kernel.after(0, lambda: self._shut_down_if_idle(node))

    def lose(self, member: Member, reason: str) -> None:
        """Power cut; harmless when the machine is off already."""
        if self.instance_of(member).state is InstanceState.TERMINATED:
            return
        member.ending = True
        self._shutting_down.pop(member.node_name, None)
        self._instances.shutting_down(member.instance_id, reason)
        gone_us = self._gone_us()
        self._off(member, gone_us, reason)

    def _gone_us(self) -> int:
        return self._kernel.now + self._tempo.us(_GONE.draw_us(self._seeds.stream("ec2/terminate")))

    def _joined(self, member: Member) -> None:
        member.ready = True
        for observer in tuple(self._ready_observers):
            observer(member)

    def _off(self, member: Member, gone_us: int, reason: str) -> None:
        if member.ready:
            member.ready = False
            self._machines.leave(member.node_name)
        when_us = max(self._kernel.now, gone_us)
        self._kernel.at(when_us, lambda: self._instances.terminated(member.instance_id, reason))

    def _pod_changed(self, _change: Change, pod: Object, _old: Object | None) -> None:
        node = str(pod["spec"].get("nodeName") or "")
        if node in self._shutting_down:
            self._kernel.after(0, lambda: self._shut_down_if_idle(node))

    def _shut_down_if_idle(self, node: str) -> None:
        if not any(_is_alive(pod) for pod in self._reader.by_index(PODS, "node", node)):
            self._shut_down(node)

    def _shut_down(self, node: str) -> None:
        off = self._shutting_down.pop(node, None)
        if off is not None:
            off()


def graceful_shutdown(kubernetes_version: str) -> tuple[int, int] | None:
    """Grace and critical seconds of the images of a Kubernetes version; None where they are off."""
    fact: Mapping[str, object] = document("eks")["kube_reserved"]["other_defaults"]["graceful_node_shutdown"]
    if _minor(kubernetes_version) < _minor(str(fact["from_kubernetes"])):
        return None
    return int(str(fact["shutdown_grace_period_s"])), int(str(fact["critical_pods_s"]))


def _minor(version: str) -> tuple[int, int]:
    major, minor, *_ = version.split(".")
    return int(major), int(minor)


def _is_alive(pod: Object) -> bool:
    return (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
