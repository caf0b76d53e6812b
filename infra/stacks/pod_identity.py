"""A role for the pods of one service account, and the EKS Pod Identity association that hands it to them."""

from __future__ import annotations

from aws_cdk import aws_eks_v2 as eks
from aws_cdk import aws_iam as iam
from constructs import Construct


class PodRole(Construct):  # type: ignore[misc, unused-ignore]  # Any where the CDK is not installed
    """EKS gives the credentials of `role` to pods of the account that start after the association exists, and to no others."""

    def __init__(self, scope: Construct, name: str, *, cluster_name: str, namespace: str, account: str) -> None:
        super().__init__(scope, name)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("pods.eks.amazonaws.com").with_session_tags(),
            description=f"Service account {namespace}/{account}",
        )
        self.association = eks.CfnPodIdentityAssociation(
            self,
            "Association",
            cluster_name=cluster_name,
            namespace=namespace,
            service_account=account,
            role_arn=self.role.role_arn,
        )

    def allow(
        self, *actions: str, resources: list[str], conditions: dict[str, dict[str, str | list[str]]] | None = None
    ) -> None:
        """Add one statement to the role."""
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=resources, conditions=conditions))
