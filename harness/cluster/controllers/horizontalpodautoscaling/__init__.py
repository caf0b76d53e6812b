"""The HorizontalPodAutoscaler (autoscaling/v2): what a metric asks for (`calculator`, `pods`), how fast that may be (`behavior`, `memory`), the loop."""

from harness.cluster.controllers.horizontalpodautoscaling.controller import HorizontalController

__all__ = ["HorizontalController"]
