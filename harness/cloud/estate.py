"""What the template says exists, as the models read it: cluster, node groups, add-ons, pod identities, and what the bill
counts by the hour.

Pure: everything comes from the provisioned resources; no second copy of a size, a taint or a role is declared
anywhere.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.cloud.provision import Provisioned, Resource

CapacityType = Literal["ON_DEMAND", "SPOT"]

_EFFECTS = {"NO_SCHEDULE": "NoSchedule", "NO_EXECUTE": "NoExecute", "PREFER_NO_SCHEDULE": "PreferNoSchedule"}


@dataclass(frozen=True)
class Taint:
    """A taint as a Node carries it."""

    key: str
    value: str
    effect: str

    def as_object(self) -> dict[str, str]:
        """The entry of `spec.taints`."""
        entry = {"key": self.key, "effect": self.effect}
        return {**entry, "value": self.value} if self.value else entry


@dataclass(frozen=True)
class Subnet:
    """Where nodes get their addresses."""

    id: str
    zone: str
    cidr: str


@dataclass(frozen=True)
class NodeGroupSpec:
    """A managed node group; its Auto Scaling group spans all its subnets."""

    name: str
    cluster: str
    capacity_type: CapacityType
    instance_types: tuple[str, ...]
    min_size: int
    max_size: int
    desired_size: int
    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    subnets: tuple[Subnet, ...]
    disk_gib: int = 20
    ami_type: str = "AL2023_x86_64_STANDARD"
    role_arn: str = ""
    arn: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def zones(self) -> tuple[str, ...]:
        """In the order of the subnets, each once."""
        return tuple(dict.fromkeys(subnet.zone for subnet in self.subnets))

    @property
    def asg_name(self) -> str:
        """The Auto Scaling group that EKS makes: `eks-<group>-<uuid>`; the uuid follows from cluster and group."""
        digest = hashlib.sha256(f"{self.cluster}/{self.name}".encode()).digest()[:16]
        return f"eks-{self.name}-{uuid.UUID(bytes=digest, version=4)}"

    @property
    def asg_tags(self) -> dict[str, str]:
        """The tags by which Cluster Autoscaler discovers the group; EKS sets them."""
        return {
            "eks:cluster-name": self.cluster,
            "eks:nodegroup-name": self.name,
            "k8s.io/cluster-autoscaler/enabled": "true",
            f"k8s.io/cluster-autoscaler/{self.cluster}": "owned",
            f"kubernetes.io/cluster/{self.cluster}": "owned",
        }


@dataclass(frozen=True)
class Addon:
    """An EKS add-on."""

    name: str
    version: str | None = None
    arn: str = ""


@dataclass(frozen=True)
class PodIdentity:
    """Which role pods of a service account get."""

    namespace: str
    service_account: str
    role_arn: str
    association_id: str = ""
    association_arn: str = ""

    @property
    def role_name(self) -> str:
        """The last part of the role's ARN."""
        return self.role_arn.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class ClusterSpec:
    """The EKS cluster."""

    name: str
    kubernetes_version: str
    arn: str = ""
    role_arn: str = ""


@dataclass(frozen=True)
class Estate:
    """Everything that the models and the bill take from the template."""

    region: str
    account_id: str
    cluster: ClusterSpec
    node_groups: tuple[NodeGroupSpec, ...] = ()
    addons: tuple[Addon, ...] = ()
    pod_identities: tuple[PodIdentity, ...] = ()
    outputs: Mapping[str, str] = field(default_factory=dict)
    buckets: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    file_systems: tuple[str, ...] = ()
    nat_gateways: int = 0
    public_addresses: int = 0
    interface_endpoint_zones: int = 0  # endpoints times the zones of each: what is billed by the hour
    gateway_endpoints: tuple[
        str, ...
    ] = ()  # services of the region that are reached past the NAT gateways: s3, dynamodb

    def has_addon(self, name: str) -> bool:
        """Whether the template installs an add-on."""
        return any(addon.name == name for addon in self.addons)

    def pod_identity(self, namespace: str, service_account: str) -> PodIdentity | None:
        """The association of a service account."""
        for identity in self.pod_identities:
            if (identity.namespace, identity.service_account) == (namespace, service_account):
                return identity
        return None


class NoCluster(Exception):
    """A template without an EKS cluster."""


def survey(provisioned: Provisioned) -> Estate:
    """The estate that was provisioned.

    Raises NoCluster when there is no EKS cluster in it.
    """
    clusters = provisioned.of_type("AWS::EKS::Cluster")
    if len(clusters) != 1:
        raise NoCluster(f"the rendered templates hold {len(clusters)} EKS clusters, one is needed")
    subnets = {subnet.id: subnet for subnet in map(_subnet, provisioned.of_type("AWS::EC2::Subnet"))}
    return Estate(
        region=provisioned.region,
        account_id=provisioned.account_id,
        cluster=_cluster(clusters[0]),
        node_groups=tuple(_node_group(one, subnets) for one in provisioned.of_type("AWS::EKS::Nodegroup")),
        addons=tuple(_addon(one) for one in provisioned.of_type("AWS::EKS::Addon")),
        pod_identities=tuple(_pod_identity(one) for one in provisioned.of_type("AWS::EKS::PodIdentityAssociation")),
        outputs=provisioned.outputs,
        buckets=tuple(one.physical.ref for one in provisioned.of_type("AWS::S3::Bucket")),
        repositories=tuple(one.physical.ref for one in provisioned.of_type("AWS::ECR::Repository")),
        file_systems=tuple(one.physical.ref for one in provisioned.of_type("AWS::EFS::FileSystem")),
        nat_gateways=len(provisioned.of_type("AWS::EC2::NatGateway")),
        public_addresses=len(provisioned.of_type("AWS::EC2::EIP")),
        interface_endpoint_zones=sum(
            len(one.wanted.properties.get("SubnetIds") or ())
            for one in provisioned.of_type("AWS::EC2::VPCEndpoint")
            if one.wanted.properties.get("VpcEndpointType") == "Interface"
        ),
        gateway_endpoints=tuple(
            str(one.wanted.properties["ServiceName"]).rpartition(".")[2]
            for one in provisioned.of_type("AWS::EC2::VPCEndpoint")
            if one.wanted.properties.get("VpcEndpointType", "Gateway") == "Gateway"
        ),
    )


def _cluster(made: Resource) -> ClusterSpec:
    properties = made.wanted.properties
    return ClusterSpec(
        name=made.physical.ref,
        kubernetes_version=str(properties["Version"]),
        arn=str(made.physical.attributes["Arn"]),
        role_arn=str(properties["RoleArn"]),
    )


def _subnet(made: Resource) -> Subnet:
    properties = made.wanted.properties
    return Subnet(made.physical.ref, str(properties["AvailabilityZone"]), str(properties["CidrBlock"]))


def _node_group(made: Resource, subnets: Mapping[str, Subnet]) -> NodeGroupSpec:
    properties = made.wanted.properties
    scaling: Mapping[str, Any] = properties.get("ScalingConfig") or {}
    min_size = int(scaling.get("MinSize", 1))
    capacity: CapacityType = "SPOT" if properties.get("CapacityType") == "SPOT" else "ON_DEMAND"
    return NodeGroupSpec(
        name=str(made.physical.attributes["NodegroupName"]),
        cluster=str(properties["ClusterName"]),
        capacity_type=capacity,
        instance_types=tuple(properties.get("InstanceTypes") or ("t3.medium",)),
        min_size=min_size,
        max_size=int(scaling.get("MaxSize", 2)),
        desired_size=int(scaling.get("DesiredSize", min_size)),
        labels={str(key): str(value) for key, value in (properties.get("Labels") or {}).items()},
        taints=tuple(
            Taint(str(taint["Key"]), str(taint.get("Value", "")), _EFFECTS[taint["Effect"]])
            for taint in properties.get("Taints") or ()
        ),
        subnets=tuple(subnets[subnet] for subnet in properties["Subnets"]),
        disk_gib=int(properties.get("DiskSize", 20)),
        ami_type=str(properties.get("AmiType", "AL2023_x86_64_STANDARD")),
        role_arn=str(properties["NodeRole"]),
        arn=str(made.physical.attributes["Arn"]),
        tags={str(key): str(value) for key, value in (properties.get("Tags") or {}).items()},
    )


def _addon(made: Resource) -> Addon:
    version = made.wanted.properties.get("AddonVersion")
    return Addon(
        str(made.wanted.properties["AddonName"]),
        None if version is None else str(version),
        str(made.physical.attributes["Arn"]),
    )


def _pod_identity(made: Resource) -> PodIdentity:
    properties = made.wanted.properties
    return PodIdentity(
        namespace=str(properties["Namespace"]),
        service_account=str(properties["ServiceAccount"]),
        role_arn=str(properties["RoleArn"]),
        association_id=str(made.physical.attributes["AssociationId"]),
        association_arn=str(made.physical.attributes["AssociationArn"]),
    )
