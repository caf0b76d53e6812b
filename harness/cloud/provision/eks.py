"""EKS at the stand-in: the cluster and its node groups, so that calls which are not answered from the model find them.
How they behave is `harness.cloud.nodegroups`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.cloud.provision.model import Fields, Made, Physical, Wanted, given, lower_first, tag_map, tags_of
from harness.cloud.standin import Services


class Cluster:
    """AWS::EKS::Cluster."""

    name = "AWS::EKS::Cluster"
    applied = frozenset(
        {"KubernetesNetworkConfig", "Logging", "Name", "ResourcesVpcConfig", "RoleArn", "Tags", "Version"}
    )

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateCluster; the stand-in's cluster is ACTIVE at once."""
        properties = wanted.properties
        name = str(properties.get("Name") or wanted.physical_name(100))
        network = properties["ResourcesVpcConfig"]
        created = services.client("eks").create_cluster(
            name=name,
            roleArn=properties["RoleArn"],
            resourcesVpcConfig=lower_first(
                given(network, "SubnetIds", "SecurityGroupIds", "EndpointPublicAccess", "EndpointPrivateAccess")
            ),
            tags=tag_map(tags_of(wanted)),
            **({"version": str(properties["Version"])} if "Version" in properties else {}),
        )["cluster"]
        return Physical(
            name,
            {
                "Arn": created["arn"],
                "Endpoint": created.get("endpoint"),
                "CertificateAuthorityData": (created.get("certificateAuthority") or {}).get("data"),
                "OpenIdConnectIssuerUrl": ((created.get("identity") or {}).get("oidc") or {}).get("issuer"),
                "ClusterSecurityGroupId": (created.get("resourcesVpcConfig") or {}).get("clusterSecurityGroupId"),
            },
        )

    def expected(self, made: Made) -> Fields:
        """Version and subnets."""
        properties = made.wanted.properties
        return {
            **({"version": str(properties["Version"])} if "Version" in properties else {}),
            "subnetIds": sorted(properties["ResourcesVpcConfig"]["SubnetIds"]),
            "roleArn": properties["RoleArn"],
        }

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeCluster."""
        eks = services.client("eks")
        found: dict[str, Fields] = {}
        for one in made:
            entry = eks.describe_cluster(name=one.physical.ref)["cluster"]
            version = {"version": entry["version"]} if "Version" in one.wanted.properties else {}
            subnets = sorted(entry["resourcesVpcConfig"]["subnetIds"])
            found[one.physical.ref] = {**version, "subnetIds": subnets, "roleArn": entry["roleArn"]}
        return found


class Nodegroup:
    """AWS::EKS::Nodegroup."""

    name = "AWS::EKS::Nodegroup"
    applied = frozenset(
        {
            "AmiType",
            "CapacityType",
            "ClusterName",
            "DiskSize",
            "InstanceTypes",
            "Labels",
            "NodeRole",
            "NodegroupName",
            "ScalingConfig",
            "Subnets",
            "Tags",
            "Taints",
        }
    )

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateNodegroup."""
        properties = wanted.properties
        name = str(properties.get("NodegroupName") or wanted.physical_name(63))
        cluster = str(properties["ClusterName"])
        plain = given(
            properties, "AmiType", "CapacityType", "DiskSize", "InstanceTypes", "NodeRole", "Subnets", "Labels", "Tags"
        )
        created = services.client("eks").create_nodegroup(
            clusterName=cluster,
            nodegroupName=name,
            scalingConfig={
                key: int(value) for key, value in lower_first(properties.get("ScalingConfig") or {}).items()
            },
            taints=lower_first(properties.get("Taints") or []),
            **{key[:1].lower() + key[1:]: value for key, value in plain.items()},
        )["nodegroup"]
        return Physical(
            f"{cluster}/{name}", {"Arn": created["nodegroupArn"], "ClusterName": cluster, "NodegroupName": name}
        )

    def expected(self, made: Made) -> Fields:
        """All that decides which pods land there and how many nodes there are."""
        properties = made.wanted.properties
        return {
            "capacityType": properties.get("CapacityType", "ON_DEMAND"),
            "instanceTypes": list(properties.get("InstanceTypes") or ["t3.medium"]),
            "labels": dict(properties.get("Labels") or {}),
            "scalingConfig": {
                key: int(value) for key, value in lower_first(properties.get("ScalingConfig") or {}).items()
            },
            "subnets": sorted(properties["Subnets"]),
            "taints": lower_first(list(properties.get("Taints") or ())),
        }

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeNodegroup."""
        eks = services.client("eks")
        found: dict[str, Fields] = {}
        for one in made:
            cluster, name = one.physical.ref.split("/", 1)
            entry = eks.describe_nodegroup(clusterName=cluster, nodegroupName=name)["nodegroup"]
            found[one.physical.ref] = {
                "capacityType": entry["capacityType"],
                "instanceTypes": list(entry["instanceTypes"]),
                "labels": dict(entry.get("labels") or {}),
                "scalingConfig": dict(entry["scalingConfig"]),
                "subnets": sorted(entry["subnets"]),
                "taints": list(entry.get("taints") or ()),
            }
        return found
