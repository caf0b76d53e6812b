"""Metrics of a trace: rules that say what matching pods use, and series of the custom and external APIs. The same object answers on both sides.

On the embedded side the autoscaler asks it directly; on the real side `aggregated` serves it over HTTP. A pod has resource metrics while it runs;
every value is measured now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import SECOND, Kernel, format_time
from harness.cluster.metrics import MetricsError, MetricValue
from harness.cluster.metrics.objects import pod_metrics
from harness.fidelity.values import Match, TraceError, allow, parse_match
from harness.kube import quantity
from harness.kube.client import Reader
from harness.kube.objects import Object, name_of, namespace_of
from harness.kube.resources import PODS
from harness.kube.selectors import Selector

_WINDOW_US = (
    10 * SECOND
)  # less than the time between two looks of the autoscaler, so that no pod is measured on the edge


@dataclass(frozen=True)
class _Rule:
    """What each container of a matching pod uses."""

    match: Match
    usage: Mapping[str, str]


class FedMetrics:
    """Implements ResourceMetrics, CustomMetrics and ExternalMetrics; belongs to the kernel's thread."""

    def __init__(self, kernel: Kernel, reader: Reader) -> None:
        self._kernel = kernel
        self._reader = reader
        self._rules: dict[str, list[_Rule]] = {}
        self._custom: dict[str, dict[tuple[str, str], list[tuple[Match, int]]]] = {}
        self._external: dict[str, dict[str, list[tuple[Mapping[str, str], int]]]] = {}

    def set(self, namespace: str, body: Mapping[str, Any]) -> None:
        """A `metrics` step: what it names is replaced, the rest stays. Raises TraceError."""
        allow(body, {"pods", "custom", "external"}, "metrics")
        if "pods" in body:
            self._rules[namespace] = [
                _Rule(parse_match(rule), {key: str(rule[key]) for key in ("cpu", "memory") if key in rule})
                for rule in body["pods"]
            ]
        for entry in body.get("custom") or ():
            allow(entry, {"kind", "name", "labels", "metric", "value"}, "metrics.custom")
            place = str(entry.get("kind", "Pod")), str(entry["metric"])
            known = self._custom.setdefault(namespace, {}).setdefault(place, [])
            match = parse_match(entry)
            known[:] = [(m, v) for m, v in known if m != match]
            if entry.get("value") is not None:
                known.append((match, quantity.milli(entry["value"])))
        for metric, series in (body.get("external") or {}).items():
            if not isinstance(series, list):
                raise TraceError(f"metrics.external.{metric}: write a list of {{value, labels}}")
            found: list[tuple[Mapping[str, str], int]] = [
                (dict(entry.get("labels") or {}), quantity.milli(entry["value"])) for entry in series
            ]
            self._external.setdefault(namespace, {})[metric] = found

    def pod_metrics(self, namespace: str | None = None, selector: Selector | None = None) -> Sequence[Object]:
        """Of the running pods that a rule matches."""
        found = []
        for pod in self._reader.list(PODS, namespace, selector):
            rules = self._rules.get(str(namespace_of(pod)), ())
            rule = next((rule for rule in rules if rule.match.matches(pod)), None)
            if rule is not None and rule.usage and (pod.get("status") or {}).get("phase") == "Running":
                usage = {str(container["name"]): rule.usage for container in pod["spec"]["containers"]}
                found.append(pod_metrics(pod, usage, format_time(self._kernel.now), _WINDOW_US))
        return found

    def node_metrics(self, selector: Selector | None = None) -> Sequence[Object]:
        """Of no node: traces feed pods."""
        del selector
        return []

    def of_pods(
        self, namespace: str, metric: str, selector: Selector, metric_selector: Selector
    ) -> Mapping[str, MetricValue]:
        """Of the pods that match and were fed."""
        del metric_selector  # the series of a trace have no labels
        found: dict[str, MetricValue] = {}
        for pod in self._reader.list(PODS, namespace, selector):
            for match, value in self._custom.get(namespace, {}).get(("Pod", metric), ()):
                if match.matches(pod):
                    found[name_of(pod)] = MetricValue(value, self._kernel.now)
                    break
        return found

    def of_object(
        self, namespace: str, metric: str, described: Mapping[str, Any], metric_selector: Selector
    ) -> MetricValue:
        """Of one object, by its kind and name. Raises MetricsError."""
        del metric_selector
        kind, name = str(described["kind"]), str(described["name"])
        for match, value in self._custom.get(namespace, {}).get((kind, metric), ()):
            if match.matches({"metadata": {"name": name}}):
                return MetricValue(value, self._kernel.now)
        raise MetricsError(
            "unable to fetch metrics from custom metrics API: the server could not find the metric "
            f"{metric} for {kind.lower()}s {name}"
        )

    def values(self, namespace: str, metric: str, selector: Selector) -> Sequence[MetricValue]:
        """The series that match."""
        series = self._external.get(namespace, {}).get(metric, ())
        return [MetricValue(value, self._kernel.now) for labels, value in series if selector.matches(labels)]

    def labels(self, namespace: str, metric: str, selector: Selector) -> Sequence[Mapping[str, str]]:
        """The labels of the series that `values` gives."""
        series = self._external.get(namespace, {}).get(metric, ())
        return [labels for labels, _ in series if selector.matches(labels)]
