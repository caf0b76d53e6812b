"""The EKS cluster: control plane, one managed node group a pool, the add-ons, and who may administer it.

No kubectl provider (it would be a Lambda): manifests are synced from infra/rendered. Add-ons that make nodes usable come before the node groups,
those that run on nodes after them, because EKS waits until an add-on is active. The EFS driver's role is here and not in the identity stack: Pod
Identity reaches only pods that start after the association.
"""

from __future__ import annotations

from typing import cast

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.environments import Environment
from infra.node_pools import NodePool, Taint
from infra.outputs import Output
from infra.platform.addons import ADDONS, EFS_CONTROLLER_ACCOUNT, EFS_DRIVER_ADDON
from infra.stacks.common import EnvironmentStack
from infra.stacks.pod_identity import PodRole

NODE_POLICIES = ("AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly", "AmazonEKS_CNI_Policy")
_EFFECTS = {
    "NoSchedule": eks.TaintEffect.NO_SCHEDULE,
    "NoExecute": eks.TaintEffect.NO_EXECUTE,
    "PreferNoSchedule": eks.TaintEffect.PREFER_NO_SCHEDULE,
}


class ClusterStack(EnvironmentStack):
    """The cluster of one environment."""

    def __init__(self, scope: Construct, *, environment: Environment, vpc: ec2.IVpc) -> None:
        super().__init__(scope, "cluster", environment=environment, description="EKS cluster, node groups and add-ons")
        self._private = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
        self.cluster = eks.Cluster(
            self,
            "Cluster",
            cluster_name=environment.cluster_name,
            version=eks.KubernetesVersion.of(environment.kubernetes_version),
            vpc=vpc,
            vpc_subnets=[self._private],
            default_capacity_type=eks.DefaultCapacityType.NODEGROUP,
            default_capacity=0,
            bootstrap_cluster_creator_admin_permissions=False,
            bootstrap_self_managed_addons=False,
            endpoint_access=eks.EndpointAccess.PUBLIC_AND_PRIVATE,
            output_config_command=False,
            cluster_logging=[
                eks.ClusterLoggingTypes.API,
                eks.ClusterLoggingTypes.AUDIT,
                eks.ClusterLoggingTypes.AUTHENTICATOR,
            ],
        )
        # The construct makes a parameter to order kubectl manifests by; there are none.
        self.cluster.node.try_remove_child("KubectlReadyBarrier")
        self._control_plane_logs()
        self._administrator()
        self._node_groups_and_addons()
        self.give(Output.CLUSTER_NAME, self.cluster.cluster_name)

    def _control_plane_logs(self) -> None:
        """EKS writes to a group of this name and would make one that keeps everything for ever."""
        group = logs.CfnLogGroup(
            self,
            "ControlPlaneLogs",
            log_group_name=f"/aws/eks/{self.settings.cluster_name}/cluster",
            retention_in_days=self.settings.log_retention_days,
        )
        group.apply_removal_policy(self.data_removal)
        control_plane = cast(eks.CfnCluster, self.cluster.node.default_child)
        control_plane.add_resource_dependency(group)

    def _administrator(self) -> None:
        role = iam.Role(
            self,
            "Administrator",
            assumed_by=iam.AccountRootPrincipal(),
            description="Administers the Kubernetes API of the cluster; assumed by people and by what syncs the manifests",
        )
        role.add_to_policy(iam.PolicyStatement(actions=["eks:DescribeCluster"], resources=[self.cluster.cluster_arn]))
        everything = eks.AccessPolicy.from_access_policy_name(
            "AmazonEKSClusterAdminPolicy", access_scope_type=eks.AccessScopeType.CLUSTER
        )
        eks.AccessEntry(
            self,
            "AdministratorAccess",
            cluster=cast(eks.ICluster, self.cluster),
            principal=role.role_arn,
            access_policies=[everything],
        )
        self.give(Output.CLUSTER_ADMIN_ROLE_ARN, role.role_arn)

    def _node_groups_and_addons(self) -> None:
        cluster = cast(eks.ICluster, self.cluster)  # its type stub lacks an optional member of the protocol
        addons = {addon.name: eks.Addon(self, addon.name, addon_name=addon.name, cluster=cluster) for addon in ADDONS}
        addons[EFS_DRIVER_ADDON].node.add_dependency(self._efs_driver().association)
        role = self._node_role()
        for pool in self.settings.node_pools:
            group = self._node_group(pool, role)
            for addon in ADDONS:
                if addon.before_nodes:
                    group.node.add_dependency(addons[addon.name])
                elif not pool.tainted:
                    addons[addon.name].node.add_dependency(group)

    def _efs_driver(self) -> PodRole:
        """The shared volume is static, so the driver's controller only looks."""
        namespace, account = EFS_CONTROLLER_ACCOUNT
        pods = PodRole(self, "EfsDriver", cluster_name=self.cluster.cluster_name, namespace=namespace, account=account)
        pods.allow(
            "ec2:DescribeAvailabilityZones",
            "elasticfilesystem:DescribeAccessPoints",
            "elasticfilesystem:DescribeFileSystems",
            "elasticfilesystem:DescribeMountTargets",
            resources=["*"],
        )
        return pods

    def _node_role(self) -> iam.Role:
        policies = [iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in NODE_POLICIES]
        return iam.Role(
            self, "NodeRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"), managed_policies=policies
        )

    def _node_group(self, pool: NodePool, role: iam.Role) -> eks.Nodegroup:
        return self.cluster.add_nodegroup_capacity(
            pool.name,
            nodegroup_name=pool.name,
            instance_types=[ec2.InstanceType(name) for name in pool.instance_types],
            capacity_type=eks.CapacityType[pool.capacity_type.value],
            ami_type=eks.NodegroupAmiType.AL2023_X86_64_STANDARD,
            min_size=pool.min_size,
            desired_size=pool.min_size,
            max_size=pool.max_size,
            disk_size=pool.disk_gib,
            labels=pool.labels,
            taints=[_taint(taint) for taint in pool.taints] or None,
            force_update=False,
            subnets=self._private,
            node_role=role,
        )


def _taint(taint: Taint) -> eks.TaintSpec:
    return eks.TaintSpec(key=taint.key, value=taint.value, effect=_EFFECTS[taint.effect])
