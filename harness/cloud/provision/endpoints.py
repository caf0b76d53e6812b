"""EC2 endpoints and security groups: how the VPC reaches AWS services and who may speak to whom. Stored and billed; no
packet is filtered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.cloud.provision.model import Fields, Made, Physical, Wanted, given
from harness.cloud.provision.vpc import tag_specification
from harness.cloud.standin import Services

_ANYWHERE: dict[str, Any] = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


class VpcEndpoint:
    """AWS::EC2::VPCEndpoint."""

    name = "AWS::EC2::VPCEndpoint"
    applied = frozenset(
        {
            "PolicyDocument",
            "PrivateDnsEnabled",
            "RouteTableIds",
            "SecurityGroupIds",
            "ServiceName",
            "SubnetIds",
            "Tags",
            "VpcEndpointType",
            "VpcId",
        }
    )

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateVpcEndpoint."""
        properties = wanted.properties
        names = sorted(self.applied - {"Tags", "PolicyDocument"})
        policy = {"PolicyDocument": json.dumps(properties["PolicyDocument"])} if "PolicyDocument" in properties else {}
        created = services.client("ec2").create_vpc_endpoint(
            **given(properties, *names), **policy, **tag_specification(wanted, "vpc-endpoint")
        )["VpcEndpoint"]
        endpoint = str(created["VpcEndpointId"])
        return Physical(endpoint, {"Id": endpoint, "DnsEntries": []})

    def expected(self, made: Made) -> Fields:
        """Service, kind and where it is reachable."""
        properties = made.wanted.properties
        return {
            "ServiceName": properties["ServiceName"],
            "VpcEndpointType": properties.get("VpcEndpointType", "Gateway"),
            "SubnetIds": sorted(properties.get("SubnetIds") or ()),
            "RouteTableIds": sorted(properties.get("RouteTableIds") or ()),
        }

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeVpcEndpoints once."""
        ids = [one.physical.ref for one in made]
        described = services.client("ec2").describe_vpc_endpoints(VpcEndpointIds=ids)["VpcEndpoints"]
        return {
            entry["VpcEndpointId"]: {
                **given(entry, "ServiceName", "VpcEndpointType"),
                "SubnetIds": sorted(entry.get("SubnetIds") or ()),
                "RouteTableIds": sorted(entry.get("RouteTableIds") or ()),
            }
            for entry in described
        }


class SecurityGroup:
    """AWS::EC2::SecurityGroup."""

    name = "AWS::EC2::SecurityGroup"
    applied = frozenset(
        {"GroupDescription", "GroupName", "SecurityGroupEgress", "SecurityGroupIngress", "Tags", "VpcId"}
    )

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateSecurityGroup, then its rules; listed egress replaces the default one."""
        ec2 = services.client("ec2")
        properties = wanted.properties
        created = ec2.create_security_group(
            GroupName=properties.get("GroupName") or wanted.physical_name(255),
            Description=properties["GroupDescription"],
            **given(properties, "VpcId"),
            **tag_specification(wanted, "security-group"),
        )
        group = str(created["GroupId"])
        ingress = [_permission(rule) for rule in properties.get("SecurityGroupIngress") or ()]
        egress = [_permission(rule) for rule in properties.get("SecurityGroupEgress") or ()]
        if ingress:
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ingress)
        if egress and not _is_anywhere(egress):
            ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[_ANYWHERE])
            ec2.authorize_security_group_egress(GroupId=group, IpPermissions=egress)
        return Physical(group, {"GroupId": group, **given(properties, "VpcId")})

    def expected(self, made: Made) -> Fields:
        """Protocol, ports and source of each rule."""
        properties = made.wanted.properties
        egress = [_permission(rule) for rule in properties.get("SecurityGroupEgress") or ()] or [_ANYWHERE]
        ingress = [_permission(rule) for rule in properties.get("SecurityGroupIngress") or ()]
        return {"Ingress": _rules(ingress), "Egress": _rules(egress)}

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeSecurityGroups once."""
        ids = [one.physical.ref for one in made]
        described = services.client("ec2").describe_security_groups(GroupIds=ids)["SecurityGroups"]
        return {
            entry["GroupId"]: {
                "Ingress": _rules(entry["IpPermissions"]),
                "Egress": _rules(entry["IpPermissionsEgress"]),
            }
            for entry in described
        }


def _permission(rule: Mapping[str, Any]) -> dict[str, Any]:
    permission: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    for port in ("FromPort", "ToPort"):
        if port in rule:
            permission[port] = int(rule[port])
    if "CidrIp" in rule:
        permission["IpRanges"] = [{"CidrIp": rule["CidrIp"]}]
    for source in ("SourceSecurityGroupId", "DestinationSecurityGroupId"):
        if source in rule:
            permission["UserIdGroupPairs"] = [{"GroupId": rule[source]}]
    return permission


def _is_anywhere(permissions: Sequence[Mapping[str, Any]]) -> bool:
    return _rules(permissions) == _rules([_ANYWHERE])


def _rules(permissions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Comparable text of permissions, one line a peer."""
    lines = []
    for entry in permissions:
        ports = f"{entry.get('FromPort', '')}-{entry.get('ToPort', '')}"
        peers = [peer["CidrIp"] for peer in entry.get("IpRanges") or ()]
        peers += [peer["GroupId"] for peer in entry.get("UserIdGroupPairs") or ()]
        lines += [f"{entry['IpProtocol']} {ports} {peer}" for peer in peers]
    return sorted(lines)
