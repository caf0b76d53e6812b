"""Metrics that a test feeds: all three APIs, holding what they were told last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import format_time
from harness.cluster.metrics import MetricsError, MetricValue
from harness.cluster.metrics.objects import node_metrics, pod_metrics
from harness.kube.client import Reader
from harness.kube.objects import Object, labels_of, name_of, namespace_of
from harness.kube.resources import PODS
from harness.kube.selectors import Selector

Usage = Mapping[str, Mapping[str, str]]
"""By container: resource -> quantity."""


class MetricsFeed:
    """Implements ResourceMetrics, CustomMetrics and ExternalMetrics. Pods that were deleted are left out, as metrics-server forgets them."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._pods: dict[tuple[str, str], tuple[Usage, int, int]] = {}
        self._nodes: dict[str, tuple[Mapping[str, str], int, int]] = {}
        self._custom: dict[tuple[str, str, str, str], tuple[MetricValue, Mapping[str, str]]] = {}
        self._external: dict[tuple[str, str], list[tuple[MetricValue, Mapping[str, str]]]] = {}

    def set_pod(self, namespace: str, name: str, usage: Usage, timestamp_us: int, window_us: int = 15_000_000) -> None:
        """What the containers of a pod use."""
        self._pods[namespace, name] = (usage, timestamp_us, window_us)

    def set_node(self, name: str, usage: Mapping[str, str], timestamp_us: int, window_us: int = 15_000_000) -> None:
        """What a node uses."""
        self._nodes[name] = (usage, timestamp_us, window_us)

    def set_custom(
        self, namespace: str, kind: str, name: str, metric: str, value: MetricValue, labels: Mapping[str, str] = {}
    ) -> None:
        """A metric of one object (`kind` Pod for the metrics of pods); `labels` are those of the metric."""
        self._custom[namespace, kind, name, metric] = (value, dict(labels))

    def set_external(
        self, namespace: str, metric: str, values: Sequence[tuple[MetricValue, Mapping[str, str]]]
    ) -> None:
        """All series of an external metric with their labels."""
        self._external[namespace, metric] = [(value, dict(labels)) for value, labels in values]

    def pod_metrics(self, namespace: str | None = None, selector: Selector | None = None) -> Sequence[Object]:
        """Of the pods that exist and were fed."""
        found = []
        for (space, name), (usage, timestamp_us, window_us) in sorted(self._pods.items()):
            pod = self._reader.get(PODS, space, name)
            if (
                pod is None
                or namespace not in (None, space)
                or not (selector is None or selector.matches(labels_of(pod)))
            ):
                continue
            found.append(pod_metrics(pod, usage, format_time(timestamp_us), window_us))
        return found

    def node_metrics(self, selector: Selector | None = None) -> Sequence[Object]:
        """Of the nodes that were fed."""
        found = [
            node_metrics(name, {}, usage, format_time(timestamp_us), window_us)
            for name, (usage, timestamp_us, window_us) in sorted(self._nodes.items())
        ]
        return [item for item in found if selector is None or selector.matches(labels_of(item))]

    def of_pods(
        self, namespace: str, metric: str, selector: Selector, metric_selector: Selector
    ) -> Mapping[str, MetricValue]:
        """Of the pods that match and were fed."""
        found: dict[str, MetricValue] = {}
        for pod in self._reader.list(PODS, namespace, selector):
            entry = self._custom.get((str(namespace_of(pod)), "Pod", name_of(pod), metric))
            if entry is not None and metric_selector.matches(entry[1]):
                found[name_of(pod)] = entry[0]
        return found

    def of_object(
        self, namespace: str, metric: str, described: Mapping[str, Any], metric_selector: Selector
    ) -> MetricValue:
        """Of one object."""
        entry = self._custom.get((namespace, str(described["kind"]), str(described["name"]), metric))
        if entry is None or not metric_selector.matches(entry[1]):
            raise MetricsError(
                "unable to fetch metrics from custom metrics API: the server could not find the metric "
                f"{metric} for {str(described['kind']).lower()}s {described['name']}"
            )
        return entry[0]

    def values(self, namespace: str, metric: str, selector: Selector) -> Sequence[MetricValue]:
        """The series that match."""
        return [value for value, labels in self._external.get((namespace, metric), ()) if selector.matches(labels)]
