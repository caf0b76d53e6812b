"""The EKS add-ons of the cluster and what their Deployments request on the system pool (their DaemonSets: infra/instance_types.py).

Requests are those of the charts; coredns and metrics-server as commonly observed on EKS (no written source).
"""

from __future__ import annotations

from dataclasses import dataclass

from infra.node_pools import Requests


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """A Deployment that an add-on brings."""

    name: str
    replicas: int
    requests: Requests


@dataclass(frozen=True, kw_only=True)
class Addon:
    """One EKS add-on; those that need a node to become active come after the node groups."""

    name: str
    before_nodes: bool
    deployed: tuple[Deployed, ...] = ()


EFS_DRIVER_ADDON = "aws-efs-csi-driver"
EFS_CONTROLLER_ACCOUNT = ("kube-system", "efs-csi-controller-sa")
ADDON_ACCOUNTS = (EFS_CONTROLLER_ACCOUNT,)

ADDONS: tuple[Addon, ...] = (
    Addon(name="vpc-cni", before_nodes=True),
    Addon(name="kube-proxy", before_nodes=True),
    Addon(name="eks-pod-identity-agent", before_nodes=True),
    Addon(
        name="coredns",
        before_nodes=False,
        deployed=(Deployed(name="coredns", replicas=2, requests=Requests(cpu_m=100, memory_mi=70)),),
    ),
    Addon(
        name="metrics-server",
        before_nodes=False,
        deployed=(Deployed(name="metrics-server", replicas=2, requests=Requests(cpu_m=100, memory_mi=200)),),
    ),
    Addon(
        name=EFS_DRIVER_ADDON,
        before_nodes=False,
        deployed=(Deployed(name="efs-csi-controller", replicas=2, requests=Requests(cpu_m=0, memory_mi=0)),),
    ),
)
