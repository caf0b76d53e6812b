"""The metrics client of the HorizontalPodAutoscaler (`pkg/controller/podautoscaler/metrics/client.go`, 1.34), with its error texts.

Values are thousandths, as upstream's. An API that nobody serves answers as a cluster without its APIService does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from harness.clock import parse_time
from harness.cluster.metrics.sources import CustomMetrics, ExternalMetrics, MetricValue, ResourceMetrics
from harness.kube import quantity
from harness.kube.durations import parse_duration
from harness.kube.objects import Object, name_of, namespace_of
from harness.kube.selectors import Selector

_UNSERVED = "the server could not find the requested resource"


class MetricsError(Exception):
    """Metrics that cannot be had; the text is upstream's."""


@dataclass(frozen=True)
class PodMetric:
    """What one pod's metric is: the value in thousandths, when and over how long it was measured."""

    value_milli: int
    timestamp_us: int = 0
    window_us: int = 0


class MetricsClient(Protocol):
    """What the autoscaler asks. Every call raises MetricsError."""

    def resource(
        self, namespace: str, resource: str, selector: Selector, container: str = ""
    ) -> tuple[dict[str, PodMetric], int]:
        """Usage of a resource by pod name, of one container or (empty) of all, and the moment of the first of them."""

    def pods(
        self, namespace: str, metric: str, selector: Selector, metric_selector: Selector
    ) -> tuple[dict[str, PodMetric], int]:
        """A custom metric by pod name, and its moment."""

    def object(
        self, namespace: str, metric: str, described: Mapping[str, Any], metric_selector: Selector
    ) -> tuple[int, int]:
        """A custom metric of one object, in thousandths, and its moment."""

    def external(self, namespace: str, metric: str, selector: Selector) -> tuple[Sequence[int], int]:
        """The values of an external metric, in thousandths, and the moment of the first."""


class StandardMetricsClient:
    """Over the three APIs, each of which may be missing (None)."""

    def __init__(
        self,
        resource: ResourceMetrics | None = None,
        custom: CustomMetrics | None = None,
        external: ExternalMetrics | None = None,
    ) -> None:
        self._resource = resource
        self._custom = custom
        self._external = external

    def resource(
        self, namespace: str, resource: str, selector: Selector, container: str = ""
    ) -> tuple[dict[str, PodMetric], int]:
        """Upstream's GetResourceMetric."""
        if self._resource is None:
            raise MetricsError(
                f"unable to fetch metrics from resource metrics API: {_UNSERVED} (get pods.metrics.k8s.io)"
            )
        items = self._resource.pod_metrics(namespace, selector)
        if not items:
            raise MetricsError("no metrics returned from resource metrics API")
        found: dict[str, PodMetric] = {}
        for item in items:
            usage = _container_usage(item, resource, container) if container else _pod_usage(item, resource)
            if usage is not None:
                window_us = parse_duration(str(item.get("window") or "0s"))
                found[name_of(item)] = PodMetric(usage, parse_time(str(item["timestamp"])), window_us)
        return found, parse_time(str(items[0]["timestamp"]))

    def pods(
        self, namespace: str, metric: str, selector: Selector, metric_selector: Selector
    ) -> tuple[dict[str, PodMetric], int]:
        """Upstream's GetRawMetric."""
        values = self._from_custom().of_pods(namespace, metric, selector, metric_selector)
        if not values:
            raise MetricsError("no metrics returned from custom metrics API")
        found = {
            name: PodMetric(value.value_milli, value.timestamp_us, value.window_us or 60_000_000)
            for name, value in values.items()
        }
        return found, next(iter(values.values())).timestamp_us

    def object(
        self, namespace: str, metric: str, described: Mapping[str, Any], metric_selector: Selector
    ) -> tuple[int, int]:
        """Upstream's GetObjectMetric."""
        value: MetricValue = self._from_custom().of_object(namespace, metric, described, metric_selector)
        return value.value_milli, value.timestamp_us

    def external(self, namespace: str, metric: str, selector: Selector) -> tuple[Sequence[int], int]:
        """Upstream's GetExternalMetric."""
        if self._external is None:
            raise MetricsError(
                f"unable to fetch metrics from external metrics API: {_UNSERVED} (get {metric}.external.metrics.k8s.io)"
            )
        values = self._external.values(namespace, metric, selector)
        if not values:
            raise MetricsError("no metrics returned from external metrics API")
        return [value.value_milli for value in values], values[0].timestamp_us

    def _from_custom(self) -> CustomMetrics:
        if self._custom is None:
            text = "no custom metrics API (custom.metrics.k8s.io) registered"
            raise MetricsError(f"unable to fetch metrics from custom metrics API: {text}")
        return self._custom


def _pod_usage(item: Object, resource: str) -> int | None:
    """The sum over the containers; a pod of which one container says nothing counts as missing."""
    total = 0
    for container in item.get("containers") or ():
        value = (container.get("usage") or {}).get(resource)
        if value is None:
            return None
        total += quantity.milli(value)
    return total


def _container_usage(item: Object, resource: str, container: str) -> int | None:
    for entry in item.get("containers") or ():
        if entry["name"] == container:
            value = (entry.get("usage") or {}).get(resource)
            return None if value is None else quantity.milli(value)
    raise MetricsError(f"container {container} not present in metrics for pod {namespace_of(item)}/{name_of(item)}")
