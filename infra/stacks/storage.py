"""Where data lives: the bucket of the data sets, and the file system of records, catalogue and metrics.

The bucket has no name of its own, so that two environments (or a rebuilt one) never collide in the one namespace that all accounts share.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.environments import Environment
from infra.outputs import Output
from infra.stacks.common import EnvironmentStack
from infra.workloads.pod import RUN_AS_ID

NFS_PORT = 2049


class StorageStack(EnvironmentStack):
    """Bucket and file system of one environment."""

    def __init__(self, scope: Construct, *, environment: Environment, vpc: ec2.IVpc) -> None:
        super().__init__(scope, "storage", environment=environment, description="Data bucket and shared file system")
        self.bucket = self._bucket()
        self.file_system = self._file_system(vpc)
        access_point = self._access_point()
        self.give(Output.DATA_BUCKET_NAME, self.bucket.bucket_name)
        self.give(Output.FILE_SYSTEM_ID, self.file_system.file_system_id)
        self.give(Output.ACCESS_POINT_ID, access_point.access_point_id)

    def _bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Data",
            versioned=True,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            removal_policy=self.data_removal,
            lifecycle_rules=[
                s3.LifecycleRule(
                    id="intelligent-tiering",
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.INTELLIGENT_TIERING, transition_after=cdk.Duration.days(1)
                        )
                    ],
                ),
                s3.LifecycleRule(
                    id="expire-leftovers",
                    abort_incomplete_multipart_upload_after=cdk.Duration.days(7),
                    noncurrent_version_expiration=cdk.Duration.days(30),
                ),
            ],
        )

    def _file_system(self, vpc: ec2.IVpc) -> efs.FileSystem:
        """Encrypted, with a mount target in the private subnet of every zone; only TLS and only through a mount target."""
        door = ec2.SecurityGroup(
            self, "SharedAccess", vpc=vpc, allow_all_outbound=False, description="NFS to the shared files"
        )
        door.add_ingress_rule(ec2.Peer.ipv4(self.settings.vpc_cidr), ec2.Port.tcp(NFS_PORT), "NFS from the VPC")
        return efs.FileSystem(
            self,
            "Shared",
            vpc=vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_group=door,
            encrypted=True,
            performance_mode=efs.PerformanceMode.GENERAL_PURPOSE,
            throughput_mode=efs.ThroughputMode.ELASTIC,
            lifecycle_policy=efs.LifecyclePolicy.AFTER_30_DAYS,
            out_of_infrequent_access_policy=efs.OutOfInfrequentAccessPolicy.AFTER_1_ACCESS,
            removal_policy=self.data_removal,
            file_system_policy=iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(
                        principals=[iam.AnyPrincipal()],
                        actions=["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
                        conditions={"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
                    ),
                    iam.PolicyStatement(
                        effect=iam.Effect.DENY,
                        principals=[iam.AnyPrincipal()],
                        actions=["*"],
                        conditions={"Bool": {"aws:SecureTransport": "false"}},
                    ),
                ]
            ),
        )

    def _access_point(self) -> efs.AccessPoint:
        """The directory that the pods see as the root, owned by the user they run as: the real root belongs to root."""
        owner = str(RUN_AS_ID)
        return efs.AccessPoint(
            self,
            "SharedDirectory",
            file_system=self.file_system,
            path="/em-pipeline",
            posix_user=efs.PosixUser(uid=owner, gid=owner),
            create_acl=efs.Acl(owner_uid=owner, owner_gid=owner, permissions="0750"),
        )
