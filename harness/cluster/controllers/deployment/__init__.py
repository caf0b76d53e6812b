"""The Deployment controller: how far a rollout may go (`rollout`, pure), what is told of it (`progress`, pure), and the loop."""

from harness.cluster.controllers.deployment.controller import DeploymentController

__all__ = ["DeploymentController"]
