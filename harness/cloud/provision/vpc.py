"""EC2 networks: VPC, subnets, route tables and routes, internet and NAT gateways, addresses. Packets are not modelled;
the bill and the zones of subnets are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cloud.provision.model import Fields, Made, Physical, Wanted, given, tags_of
from harness.cloud.standin import Services


def tag_specification(wanted: Wanted, kind: str) -> dict[str, Any]:
    """TagSpecifications of a create call, empty without tags."""
    tags = tags_of(wanted)
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": tags}]} if tags else {}


class Vpc:
    """AWS::EC2::VPC."""

    name = "AWS::EC2::VPC"
    applied = frozenset({"CidrBlock", "EnableDnsHostnames", "EnableDnsSupport", "InstanceTenancy", "Tags"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateVpc, then its DNS switches."""
        ec2 = services.client("ec2")
        created = ec2.create_vpc(
            **given(wanted.properties, "CidrBlock", "InstanceTenancy"), **tag_specification(wanted, "vpc")
        )["Vpc"]
        for switch in ("EnableDnsSupport", "EnableDnsHostnames"):
            if switch in wanted.properties:
                ec2.modify_vpc_attribute(VpcId=created["VpcId"], **{switch: {"Value": bool(wanted.properties[switch])}})
        vpc = str(created["VpcId"])
        groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
        return Physical(
            vpc,
            {
                "VpcId": vpc,
                "CidrBlock": created["CidrBlock"],
                "DefaultSecurityGroup": groups[0]["GroupId"] if groups else None,
            },
        )

    def expected(self, made: Made) -> Fields:
        """Addresses and tenancy."""
        return given(made.wanted.properties, "CidrBlock", "InstanceTenancy")

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeVpcs once."""
        described = services.client("ec2").describe_vpcs(VpcIds=[one.physical.ref for one in made])["Vpcs"]
        return {entry["VpcId"]: given(entry, "CidrBlock", "InstanceTenancy") for entry in described}


class Subnet:
    """AWS::EC2::Subnet."""

    name = "AWS::EC2::Subnet"
    applied = frozenset({"AvailabilityZone", "CidrBlock", "MapPublicIpOnLaunch", "Tags", "VpcId"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateSubnet."""
        ec2 = services.client("ec2")
        properties = given(wanted.properties, "AvailabilityZone", "CidrBlock", "VpcId")
        created = ec2.create_subnet(**properties, **tag_specification(wanted, "subnet"))["Subnet"]
        if wanted.properties.get("MapPublicIpOnLaunch"):
            ec2.modify_subnet_attribute(SubnetId=created["SubnetId"], MapPublicIpOnLaunch={"Value": True})
        subnet = str(created["SubnetId"])
        return Physical(subnet, {"SubnetId": subnet, **given(created, "AvailabilityZone", "CidrBlock", "VpcId")})

    def expected(self, made: Made) -> Fields:
        """Where it lies."""
        public = bool(made.wanted.properties.get("MapPublicIpOnLaunch", False))
        return {
            **given(made.wanted.properties, "AvailabilityZone", "CidrBlock", "VpcId"),
            "MapPublicIpOnLaunch": public,
        }

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeSubnets once."""
        described = services.client("ec2").describe_subnets(SubnetIds=[one.physical.ref for one in made])["Subnets"]
        wanted = {one.physical.ref: one.wanted.properties for one in made}
        return {
            entry["SubnetId"]: {
                **given(entry, *given(wanted[entry["SubnetId"]], "AvailabilityZone", "CidrBlock", "VpcId")),
                "MapPublicIpOnLaunch": bool(entry.get("MapPublicIpOnLaunch", False)),
            }
            for entry in described
        }


class RouteTable:
    """AWS::EC2::RouteTable."""

    name = "AWS::EC2::RouteTable"
    applied = frozenset({"Tags", "VpcId"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateRouteTable."""
        created = services.client("ec2").create_route_table(
            VpcId=wanted.properties["VpcId"], **tag_specification(wanted, "route-table")
        )["RouteTable"]
        table = str(created["RouteTableId"])
        return Physical(table, {"RouteTableId": table})

    def expected(self, made: Made) -> Fields:
        """Its VPC."""
        return given(made.wanted.properties, "VpcId")

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeRouteTables once."""
        ids = [one.physical.ref for one in made]
        described = services.client("ec2").describe_route_tables(RouteTableIds=ids)["RouteTables"]
        return {entry["RouteTableId"]: given(entry, "VpcId") for entry in described}


class SubnetRouteTableAssociation:
    """AWS::EC2::SubnetRouteTableAssociation."""

    name = "AWS::EC2::SubnetRouteTableAssociation"
    applied = frozenset({"RouteTableId", "SubnetId"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """AssociateRouteTable."""
        created = services.client("ec2").associate_route_table(**given(wanted.properties, "RouteTableId", "SubnetId"))
        return Physical(str(created["AssociationId"]), {"Id": created["AssociationId"]})

    def expected(self, made: Made) -> Fields:
        """Which table serves which subnet."""
        return given(made.wanted.properties, "RouteTableId", "SubnetId")

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeRouteTables once."""
        tables = list(dict.fromkeys(str(one.wanted.properties["RouteTableId"]) for one in made))
        described = services.client("ec2").describe_route_tables(RouteTableIds=tables)["RouteTables"]
        return {
            entry["RouteTableAssociationId"]: given(entry, "RouteTableId", "SubnetId")
            for table in described
            for entry in table["Associations"]
        }


class Route:
    """AWS::EC2::Route."""

    name = "AWS::EC2::Route"
    applied = frozenset({"DestinationCidrBlock", "GatewayId", "NatGatewayId", "RouteTableId"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateRoute."""
        services.client("ec2").create_route(**given(wanted.properties, *sorted(self.applied)))
        return Physical(f"{wanted.properties['RouteTableId']}|{wanted.properties.get('DestinationCidrBlock')}")

    def expected(self, made: Made) -> Fields:
        """Where the destination goes."""
        return given(made.wanted.properties, "DestinationCidrBlock", "GatewayId", "NatGatewayId")

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeRouteTables once."""
        tables = list(dict.fromkeys(str(one.wanted.properties["RouteTableId"]) for one in made))
        described = services.client("ec2").describe_route_tables(RouteTableIds=tables)["RouteTables"]
        return {
            f"{table['RouteTableId']}|{route.get('DestinationCidrBlock')}": given(
                route, "DestinationCidrBlock", "GatewayId", "NatGatewayId"
            )
            for table in described
            for route in table["Routes"]
        }


class InternetGateway:
    """AWS::EC2::InternetGateway."""

    name = "AWS::EC2::InternetGateway"
    applied = frozenset({"Tags"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateInternetGateway."""
        created = services.client("ec2").create_internet_gateway(**tag_specification(wanted, "internet-gateway"))
        gateway = str(created["InternetGateway"]["InternetGatewayId"])
        return Physical(gateway, {"InternetGatewayId": gateway})

    def expected(self, made: Made) -> Fields:
        """That it exists."""
        return {"InternetGatewayId": made.physical.ref}

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeInternetGateways once."""
        ids = [one.physical.ref for one in made]
        described = services.client("ec2").describe_internet_gateways(InternetGatewayIds=ids)["InternetGateways"]
        return {entry["InternetGatewayId"]: given(entry, "InternetGatewayId") for entry in described}


class VpcGatewayAttachment:
    """AWS::EC2::VPCGatewayAttachment."""

    name = "AWS::EC2::VPCGatewayAttachment"
    applied = frozenset({"InternetGatewayId", "VpcId"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """AttachInternetGateway."""
        services.client("ec2").attach_internet_gateway(**given(wanted.properties, "InternetGatewayId", "VpcId"))
        return Physical(f"IGW|{wanted.properties['VpcId']}")

    def expected(self, made: Made) -> Fields:
        """Which gateway."""
        return given(made.wanted.properties, "InternetGatewayId")

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeInternetGateways once."""
        ids = [one.wanted.properties["InternetGatewayId"] for one in made]
        described = services.client("ec2").describe_internet_gateways(InternetGatewayIds=ids)["InternetGateways"]
        return {
            f"IGW|{attachment['VpcId']}": given(entry, "InternetGatewayId")
            for entry in described
            for attachment in entry["Attachments"]
        }


class ElasticIp:
    """AWS::EC2::EIP."""

    name = "AWS::EC2::EIP"
    applied = frozenset({"Domain", "Tags"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """AllocateAddress."""
        created = services.client("ec2").allocate_address(Domain="vpc", **tag_specification(wanted, "elastic-ip"))
        return Physical(str(created["PublicIp"]), given(created, "AllocationId", "PublicIp"))

    def expected(self, made: Made) -> Fields:
        """Its allocation."""
        return given(made.physical.attributes, "AllocationId")

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:  # noqa: ARG002 - one call lists all
        """DescribeAddresses once."""
        described = services.client("ec2").describe_addresses()["Addresses"]
        return {entry["PublicIp"]: given(entry, "AllocationId") for entry in described}


class NatGateway:
    """AWS::EC2::NatGateway."""

    name = "AWS::EC2::NatGateway"
    applied = frozenset({"AllocationId", "SubnetId", "Tags", "ConnectivityType"})

    def create(self, services: Services, wanted: Wanted) -> Physical:
        """CreateNatGateway."""
        created = services.client("ec2").create_nat_gateway(
            **given(wanted.properties, "AllocationId", "SubnetId", "ConnectivityType"),
            **tag_specification(wanted, "natgateway"),
        )["NatGateway"]
        gateway = str(created["NatGatewayId"])
        return Physical(gateway, {"NatGatewayId": gateway})

    def expected(self, made: Made) -> Fields:
        """Its subnet."""
        return given(made.wanted.properties, "SubnetId")

    def read(self, services: Services, made: Sequence[Made]) -> Mapping[str, Fields]:
        """DescribeNatGateways once."""
        ids = [one.physical.ref for one in made]
        described = services.client("ec2").describe_nat_gateways(NatGatewayIds=ids)["NatGateways"]
        return {entry["NatGatewayId"]: given(entry, "SubnetId") for entry in described}
