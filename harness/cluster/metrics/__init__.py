"""metrics.k8s.io and its users: the modelled metrics-server (`server`), what a source is (`sources`), and the client of the autoscaler (`client`)."""

from harness.cluster.metrics.client import MetricsClient, MetricsError, PodMetric, StandardMetricsClient
from harness.cluster.metrics.server import MetricsServer
from harness.cluster.metrics.sources import CustomMetrics, ExternalMetrics, MetricValue, ResourceMetrics

__all__ = [
    "CustomMetrics",
    "ExternalMetrics",
    "MetricValue",
    "MetricsClient",
    "MetricsError",
    "MetricsServer",
    "PodMetric",
    "ResourceMetrics",
    "StandardMetricsClient",
]
