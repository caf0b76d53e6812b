"""The CDK app: which stacks there are and what one takes from another."""

from __future__ import annotations

import aws_cdk as cdk

from infra.environments import Environment
from infra.stacks.cluster import ClusterStack
from infra.stacks.common import EnvironmentStack
from infra.stacks.identity import IdentityStack
from infra.stacks.network import NetworkStack
from infra.stacks.observability import ObservabilityStack
from infra.stacks.registry import RegistryStack
from infra.stacks.storage import StorageStack


def build_stacks(app: cdk.App, environment: Environment) -> list[EnvironmentStack]:
    """The stacks of one environment, each after those it depends on."""
    network = NetworkStack(app, environment=environment)
    storage = StorageStack(app, environment=environment, vpc=network.vpc)
    registry = RegistryStack(app, environment=environment)
    cluster = ClusterStack(app, environment=environment, vpc=network.vpc)
    identity = IdentityStack(app, environment=environment, cluster=cluster.cluster, bucket=storage.bucket)
    observability = ObservabilityStack(app, environment=environment)
    return [network, storage, registry, cluster, identity, observability]
