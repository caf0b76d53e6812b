"""Which CloudFormation types are treated how. A type that is in no list is not covered, and the coverage table says so."""

from __future__ import annotations

from harness.cloud.assembly.coverage import Treatment
from harness.cloud.provision import ecr, efs, eks, endpoints, iam, messaging, s3, vpc
from harness.cloud.provision.model import ResourceType

PROVISIONED: dict[str, ResourceType] = {
    resource_type.name: resource_type
    for resource_type in (
        s3.Bucket(),
        ecr.Repository(),
        efs.FileSystem(),
        efs.MountTarget(),
        efs.AccessPoint(),
        iam.Role(),
        iam.Policy(),
        vpc.Vpc(),
        vpc.Subnet(),
        vpc.RouteTable(),
        vpc.SubnetRouteTableAssociation(),
        vpc.Route(),
        vpc.InternetGateway(),
        vpc.VpcGatewayAttachment(),
        vpc.ElasticIp(),
        vpc.NatGateway(),
        endpoints.VpcEndpoint(),
        endpoints.SecurityGroup(),
        eks.Cluster(),
        eks.Nodegroup(),
        messaging.LogGroup(),
        messaging.Topic(),
        messaging.TopicPolicy(),
    )
}

MODELLED = frozenset(
    {
        "AWS::EKS::Cluster",
        "AWS::EKS::Nodegroup",
        "AWS::EKS::Addon",
        "AWS::EKS::PodIdentityAssociation",
    }
)
"""What the harness acts out, whether or not the stand-in holds it too."""

ASSERTED = frozenset(
    {
        "AWS::Budgets::Budget",
        "AWS::CDK::Metadata",
        "AWS::CloudWatch::Dashboard",
        "AWS::EKS::AccessEntry",
        # moto would deny by a policy's action alone, whatever its conditions say: it waits for the gateway's own evaluation
        "AWS::S3::BucketPolicy",
        "AWS::SSM::Parameter",
    }
)
"""What only the tests of the template look at."""


def treatment_of(resource_type: str) -> Treatment:
    """How resources of a type are treated."""
    if resource_type in MODELLED:
        return Treatment.MODELLED
    if resource_type in PROVISIONED:
        return Treatment.PROVISIONED
    if resource_type in ASSERTED:
        return Treatment.ASSERTED
    return Treatment.NOT_COVERED
