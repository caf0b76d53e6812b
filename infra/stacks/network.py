"""The VPC: one public and one private subnet in each named zone, one NAT gateway, and endpoints that keep AWS traffic off it.

S3 is a gateway endpoint because it costs nothing and carries every byte of the data; the interface endpoints are an environment's choice.
"""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.environments import Environment
from infra.outputs import Output
from infra.stacks.common import EnvironmentStack


class NetworkStack(EnvironmentStack):
    """The network of one environment."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "network", environment=environment, description="VPC, NAT gateway and VPC endpoints")
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(environment.vpc_cidr),
            availability_zones=list(environment.zones),
            nat_gateways=1,
            restrict_default_security_group=False,
            subnet_configuration=[
                ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24),
                ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=19),
            ],
        )
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        for name in environment.interface_endpoints:
            self.vpc.add_interface_endpoint(
                name.title().replace(".", "").replace("-", ""),
                service=ec2.InterfaceVpcEndpointAwsService(name),
                subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            )
        self.give(Output.VPC_ID, self.vpc.vpc_id)
