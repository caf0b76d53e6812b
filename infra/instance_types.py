"""What a node of each instance type leaves for pods, and what the DaemonSets of every node take of it.

Allocatable = capacity - kube-reserved (255 MiB + 11 MiB a pod, CPU in tiers) - 100 MiB eviction threshold, with the pod cap of managed node
groups. Sources, collected 2026-11-23: awslabs/amazon-eks-ami nodeadm kubelet configuration (commit 81fec2e, 2026-07-23) for the formula, t3
values derived from allocatable sizes reported by running nodes, m5/r6i/c6i values estimated from measured types of the same memory size (about
1 %). DaemonSet requests: chart defaults of aws/amazon-vpc-cni-k8s (b521883), kubernetes-sigs/aws-efs-csi-driver (a4fc676),
aws/eks-pod-identity-agent (d4dc0f3); kube-proxy derived from public DaemonSet totals.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Allocatable:
    """What pods may request on one node."""

    cpu_m: int
    memory_mi: int
    pods: int


@dataclass(frozen=True, kw_only=True)
class DaemonSetShare:
    """The requests of one DaemonSet that runs on every node, whatever its taints."""

    name: str
    cpu_m: int
    memory_mi: int


ALLOCATABLE: dict[str, Allocatable] = {
    "t3.medium": Allocatable(cpu_m=1930, memory_mi=3297, pods=17),
    "t3.large": Allocatable(cpu_m=1930, memory_mi=7080, pods=35),
    "t3.xlarge": Allocatable(cpu_m=3920, memory_mi=14539, pods=58),
    "m5.large": Allocatable(cpu_m=1930, memory_mi=6966, pods=29),
    "m6i.large": Allocatable(cpu_m=1930, memory_mi=6969, pods=29),
    "c6i.large": Allocatable(cpu_m=1930, memory_mi=3163, pods=29),
    "r6i.xlarge": Allocatable(cpu_m=3920, memory_mi=30562, pods=58),
    "r6i.2xlarge": Allocatable(cpu_m=7910, memory_mi=62445, pods=58),
    "r6i.4xlarge": Allocatable(cpu_m=15890, memory_mi=123817, pods=110),
}

DAEMON_SETS: tuple[DaemonSetShare, ...] = (
    DaemonSetShare(name="aws-node", cpu_m=50, memory_mi=0),
    DaemonSetShare(name="kube-proxy", cpu_m=100, memory_mi=0),
    DaemonSetShare(name="efs-csi-node", cpu_m=0, memory_mi=0),
    DaemonSetShare(name="eks-pod-identity-agent", cpu_m=0, memory_mi=0),
)


def left_for_pods(instance_type: str) -> Allocatable:
    """What one node of this type leaves after its DaemonSets."""
    whole = ALLOCATABLE[instance_type]
    return Allocatable(
        cpu_m=whole.cpu_m - sum(share.cpu_m for share in DAEMON_SETS),
        memory_mi=whole.memory_mi - sum(share.memory_mi for share in DAEMON_SETS),
        pods=whole.pods - len(DAEMON_SETS),
    )
