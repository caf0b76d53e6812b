"""What an instance type leaves for pods: its allocatable size (not its nominal one) less the DaemonSets that run on every node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fixtures.facts import daemonset_request, node_allocatable
from harness.check.manifests import Requests
from harness.check.model import Plan
from harness.check.placement import can_run_on
from harness.check.templates import NodeGroup

_ALWAYS = ("aws-node", "kube-proxy")  # EKS installs them by itself where no add-on does
_OF_ADDON = {
    "aws-ebs-csi-driver": ("ebs-csi-node",),
    "aws-efs-csi-driver": ("efs-csi-node",),
    "eks-pod-identity-agent": ("eks-pod-identity-agent",),
    "amazon-cloudwatch-observability": ("cloudwatch-agent", "fluent-bit"),
    "eks-node-monitoring-agent": ("eks-node-monitoring-agent",),
}
MIB = 1024 * 1024


@dataclass(frozen=True)
class Room:
    """What is left on a node of one type."""

    cpu_m: int
    memory_bytes: int

    def holds(self, requests: Requests) -> bool:
        return requests.cpu_m <= self.cpu_m and requests.memory_bytes <= self.memory_bytes

    def __str__(self) -> str:
        return f"{self.cpu_m}m cpu and {self.memory_bytes // MIB}Mi"


def room_on(plan: Plan, group: NodeGroup, instance_type: str) -> Room:
    """Raises UnknownFact for a type that no fact describes."""
    node = node_allocatable(instance_type)
    taken = sum(_daemons(plan, group), Requests())
    return Room(node.cpu_allocatable_m - taken.cpu_m, node.memory_allocatable_mib * MIB - taken.memory_bytes)


def _daemons(plan: Plan, group: NodeGroup) -> Iterator[Requests]:
    addons = [str(r.properties.get("AddonName")) for r in plan.of_type("AWS::EKS::Addon")]
    for name in (*_ALWAYS, *(daemon for addon in addons for daemon in _OF_ADDON.get(addon, ()))):
        daemon = daemonset_request(name)
        yield Requests(daemon.cpu_m, daemon.memory_mib * MIB)
    for pod in plan.pods:
        if pod.kind == "DaemonSet" and can_run_on(pod, group):
            yield pod.requests
