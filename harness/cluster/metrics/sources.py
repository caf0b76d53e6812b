"""Where metrics come from, as the three metrics APIs of Kubernetes have it: resource, custom and external metrics. Each may be missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.kube.objects import Object
from harness.kube.selectors import Selector


class ResourceMetrics(Protocol):
    """`metrics.k8s.io/v1beta1`: what pods and nodes use. Asked on the kernel's thread."""

    def pod_metrics(self, namespace: str | None = None, selector: Selector | None = None) -> Sequence[Object]:
        """PodMetrics objects, ordered by (namespace, name); pods of which nothing is known yet are left out."""

    def node_metrics(self, selector: Selector | None = None) -> Sequence[Object]:
        """NodeMetrics objects, ordered by name."""


@dataclass(frozen=True)
class MetricValue:
    """One measured value: in thousandths, when it was measured, and over which time."""

    value_milli: int
    timestamp_us: int
    window_us: int = 0


class CustomMetrics(Protocol):
    """`custom.metrics.k8s.io`: values that belong to objects."""

    def of_pods(
        self, namespace: str, metric: str, selector: Selector, metric_selector: Selector
    ) -> Mapping[str, MetricValue]:
        """The metric's value of each pod that the label selector matches, by name. Raises MetricsError."""

    def of_object(
        self, namespace: str, metric: str, described: Mapping[str, Any], metric_selector: Selector
    ) -> MetricValue:
        """The metric's value of the object that a CrossVersionObjectReference names. Raises MetricsError."""


class ExternalMetrics(Protocol):
    """`external.metrics.k8s.io`: values that belong to no object of the cluster."""

    def values(self, namespace: str, metric: str, selector: Selector) -> Sequence[MetricValue]:
        """All series of the metric that match. Raises MetricsError."""
