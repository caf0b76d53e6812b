"""Which pod may do what in AWS: one role a service account, with the least that its code needs.

A loader reads and writes below its own prefix. It may list the bucket because S3 answers 404 for a missing object only to those who may, and 403 to
the others; listings with a prefix are limited to its own, and the condition has IfExists because a HEAD or GET carries no prefix at all.
"""

from __future__ import annotations

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environments import Environment
from infra.platform import autoscaler
from infra.services import SERVICES, Service
from infra.stacks.common import EnvironmentStack
from infra.stacks.pod_identity import PodRole
from infra.workloads.pod import NAMESPACE


class IdentityStack(EnvironmentStack):
    """Roles and Pod Identity associations of one environment."""

    def __init__(self, scope: Construct, *, environment: Environment, cluster: eks.Cluster, bucket: s3.IBucket) -> None:
        super().__init__(scope, "identity", environment=environment, description="Roles of the service accounts")
        self._bucket = bucket
        for service in SERVICES:
            self._service(service, cluster.cluster_name)
        self._autoscaler(cluster.cluster_name)

    def _service(self, service: Service, cluster_name: str) -> None:
        pods = PodRole(self, service.name.title(), cluster_name=cluster_name, namespace=NAMESPACE, account=service.name)
        if service.writes_prefix is None:
            pods.allow("s3:GetObject", resources=[self._bucket.arn_for_objects("*")])
            pods.allow("s3:ListBucket", resources=[self._bucket.bucket_arn])
            return
        own = f"{service.writes_prefix}/*"
        pods.allow(
            "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject", resources=[self._bucket.arn_for_objects(own)]
        )
        pods.allow(
            "s3:ListBucket",
            resources=[self._bucket.bucket_arn],
            conditions={"StringLikeIfExists": {"s3:prefix": [own]}},
        )

    def _autoscaler(self, cluster_name: str) -> None:
        """Looks at everything, as the describing actions know no resources, and changes only the groups of this cluster."""
        pods = PodRole(
            self,
            "ClusterAutoscaler",
            cluster_name=cluster_name,
            namespace=autoscaler.NAMESPACE,
            account=autoscaler.NAME,
        )
        pods.allow(
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
            resources=["*"],
        )
        # The name from the environment, not the token: it is part of a key here, and keys cannot hold intrinsics.
        owned = f"aws:ResourceTag/k8s.io/cluster-autoscaler/{self.settings.cluster_name}"
        pods.allow(
            "autoscaling:SetDesiredCapacity",
            "autoscaling:TerminateInstanceInAutoScalingGroup",
            resources=["*"],
            conditions={"StringEquals": {owned: "owned"}},
        )
