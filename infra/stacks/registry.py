"""One image repository a service: scanned on push, tags that cannot be moved, old images removed."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from infra.environments import Environment
from infra.outputs import Output
from infra.services import SERVICES
from infra.stacks.common import EnvironmentStack

IMAGES_KEPT = 30


class RegistryStack(EnvironmentStack):
    """The repositories of one environment. Their names are fixed: images are pushed by name, and an account holds one environment."""

    def __init__(self, scope: Construct, *, environment: Environment) -> None:
        super().__init__(scope, "registry", environment=environment, description="Image repositories of the services")
        for service in SERVICES:
            ecr.Repository(
                self,
                service.name.title(),
                repository_name=service.repository,
                image_scan_on_push=True,
                image_tag_mutability=ecr.TagMutability.IMMUTABLE,
                removal_policy=self.data_removal,
                lifecycle_rules=[
                    ecr.LifecycleRule(
                        rule_priority=1, tag_status=ecr.TagStatus.UNTAGGED, max_image_age=cdk.Duration.days(7)
                    ),
                    ecr.LifecycleRule(rule_priority=2, tag_status=ecr.TagStatus.ANY, max_image_count=IMAGES_KEPT),
                ],
            )
        registry = f"{cdk.Aws.ACCOUNT_ID}.dkr.ecr.{environment.region}.{cdk.Aws.URL_SUFFIX}"
        self.give(Output.REGISTRY_URI, registry)
