"""The node lifecycle controller: who is heard of (`health`), which taints follow (`taints`), how fast zones are given up (`zones`), and the loop."""

from harness.cluster.controllers.nodelifecycle.controller import NodeLifecycleController

__all__ = ["NodeLifecycleController"]
