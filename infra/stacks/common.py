"""What every stack is made with: its name, its region, a template without bootstrap parameters, outputs under plain keys."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from infra.environments import Environment
from infra.outputs import Output


class EnvironmentStack(cdk.Stack):  # type: ignore[misc, unused-ignore]  # Any where the CDK is not installed
    """A stack of one environment, named `em-pipeline-<environment>-<concern>`.

    It names a region but no account: account numbers stay `AWS::AccountId` until it is deployed. Without assets no bootstrap stack is needed, so
    its version rule and parameter are left out.
    """

    def __init__(self, scope: Construct, concern: str, *, environment: Environment, description: str) -> None:
        super().__init__(
            scope,
            f"em-pipeline-{environment.name}-{concern}",
            env=cdk.Environment(region=environment.region),
            synthesizer=cdk.DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
            description=description,
        )
        self.concern = concern
        self.settings = environment
        cdk.Tags.of(self).add("project", "em-pipeline")
        cdk.Tags.of(self).add("environment", environment.name)

    def give(self, output: Output, value: str) -> None:
        """Declare an output under its plain key."""
        cdk.CfnOutput(self, output.value, value=value)

    @property
    def data_removal(self) -> cdk.RemovalPolicy:
        return cdk.RemovalPolicy.RETAIN if self.settings.keeps_data else cdk.RemovalPolicy.DESTROY
