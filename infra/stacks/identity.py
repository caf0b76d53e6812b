"""Which pod may do what in AWS: one role a service account, bound by EKS Pod Identity, with the least its code needs.

A loader reads and writes below its own prefix. It may list the bucket because S3 answers 404 for a missing object only to those who may, and 403 to
the others; listings with a prefix are limited to its own, and the condition has IfExists because a HEAD or GET carries no prefix at all.
"""

from __future__ import annotations

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environments import Environment
from infra.platform import autoscaler
from infra.platform.addons import EFS_CONTROLLER_ACCOUNT
from infra.services import SERVICES, Service
from infra.stacks.common import EnvironmentStack
from infra.workloads.pod import NAMESPACE


class IdentityStack(EnvironmentStack):
    """Roles and Pod Identity associations of one environment."""

    def __init__(self, scope: Construct, *, environment: Environment, cluster: eks.Cluster, bucket: s3.IBucket) -> None:
        super().__init__(scope, "identity", environment=environment, description="Roles of the service accounts")
        self._cluster = cluster
        self._bucket = bucket
        for service in SERVICES:
            role = self._role(service.name.title(), namespace=NAMESPACE, account=service.name)
            for statement in self._data_statements(service):
                role.add_to_policy(statement)
        self._autoscaler()
        self._efs_driver()

    def _role(self, name: str, *, namespace: str, account: str) -> iam.Role:
        """A role that EKS may hand to the pods of one service account, and the association that does."""
        role = iam.Role(
            self,
            f"{name}Role",
            assumed_by=iam.ServicePrincipal("pods.eks.amazonaws.com").with_session_tags(),
            description=f"Service account {namespace}/{account}",
        )
        eks.CfnPodIdentityAssociation(
            self,
            f"{name}Association",
            cluster_name=self._cluster.cluster_name,
            namespace=namespace,
            service_account=account,
            role_arn=role.role_arn,
        )
        return role

    def _data_statements(self, service: Service) -> list[iam.PolicyStatement]:
        if service.writes_prefix is None:
            return [
                iam.PolicyStatement(actions=["s3:GetObject"], resources=[self._bucket.arn_for_objects("*")]),
                iam.PolicyStatement(actions=["s3:ListBucket"], resources=[self._bucket.bucket_arn]),
            ]
        own = f"{service.writes_prefix}/*"
        return [
            iam.PolicyStatement(
                actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"],
                resources=[self._bucket.arn_for_objects(own)],
            ),
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[self._bucket.bucket_arn],
                conditions={"StringLikeIfExists": {"s3:prefix": [own]}},
            ),
        ]

    def _autoscaler(self) -> None:
        """Looks at everything, as the describing actions know no resources, and changes only the groups of this cluster."""
        role = self._role("ClusterAutoscaler", namespace=autoscaler.NAMESPACE, account=autoscaler.NAME)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeScalingActivities",
                    "autoscaling:DescribeTags",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                    "eks:DescribeNodegroup",
                ],
                resources=["*"],
            )
        )
        owned = f"aws:ResourceTag/k8s.io/cluster-autoscaler/{self.settings.cluster_name}"
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"],
                resources=["*"],
                conditions={"StringEquals": {owned: "owned"}},
            )
        )

    def _efs_driver(self) -> None:
        """The shared volume is static and its nodes need no AWS rights, so the controller only looks."""
        namespace, account = EFS_CONTROLLER_ACCOUNT
        role = self._role("EfsDriver", namespace=namespace, account=account)
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "ec2:DescribeAvailabilityZones",
                    "elasticfilesystem:DescribeAccessPoints",
                    "elasticfilesystem:DescribeFileSystems",
                    "elasticfilesystem:DescribeMountTargets",
                ],
                resources=["*"],
            )
        )
