"""One entry of `spec.metrics`: the replicas it asks for and its entry in the status, with upstream's texts (`computeReplicasForMetric`, 1.34)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.cluster.controllers.gotext import label_selector
from harness.cluster.controllers.horizontalpodautoscaling.calculator import Calculator, Proposal, Target
from harness.cluster.metrics import MetricsClient, MetricsError
from harness.kube import quantity
from harness.kube.amounts import canonical
from harness.kube.selectors import Selector, from_object

_NO_TARGET = "invalid {} metric source: neither a value target nor an average value target was set"
_NO_RESOURCE_TARGET = (
    "invalid resource metric source: neither an average utilization target nor an average value (usage) target was set"
)


class MetricFailed(Exception):
    """A metric that gives no answer: `reason` and text of the event and condition; `outer` is how the failure of all metrics tells of it."""

    def __init__(self, reason: str, message: str, outer: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.outer = outer


@dataclass(frozen=True)
class Answer:
    """What a metric asks for, how events call it, and its status entry."""

    replicas: int
    name: str
    status: dict[str, Any]


class MetricEvaluator:
    """Evaluates the metrics of one autoscaler in one namespace."""

    def __init__(
        self,
        client: MetricsClient,
        calculator: Calculator,
        namespace: str,
        target: Target,
        selector: Selector,
    ) -> None:
        self._client = client
        self._calculator = calculator
        self._namespace = namespace
        self._target = target
        self._selector = selector

    def evaluate(self, spec: Mapping[str, Any]) -> Answer:
        """Raises MetricFailed."""
        kind = str(spec["type"])
        if kind == "Resource":
            source = spec["resource"]
            return self._resource(kind, "resource", source, "", f"failed to get {source['name']} resource metric value")
        if kind == "ContainerResource":
            source = spec["containerResource"]
            outer = f"failed to get {source['container']} container metric value"
            return self._resource(kind, "containerResource", source, str(source["container"]), outer)
        if kind == "Pods":
            return self._pods(spec["pods"])
        if kind == "Object":
            return self._object(spec["object"])
        if kind == "External":
            return self._external(spec["external"])
        text = f'unknown metric source type "{kind}"'
        raise MetricFailed("InvalidMetricSourceType", text, text)

    def _resource(self, kind: str, field: str, source: Mapping[str, Any], container: str, outer: str) -> Answer:
        resource, wanted = str(source["name"]), source["target"]
        try:
            proposal, name = self._by_resource(kind, resource, wanted, container)
        except MetricsError as error:
            raise MetricFailed(f"FailedGet{kind}Metric", str(error), f"{outer}: {error}") from error
        current: dict[str, Any] = {"averageValue": self._amount(resource, proposal.usage_milli)}
        if proposal.utilization is not None:
            current["averageUtilization"] = proposal.utilization
        status = {"name": resource, "current": current, **({"container": container} if container else {})}
        return Answer(proposal.replicas, name, {"type": kind, field: status})

    def _by_resource(self, kind: str, resource: str, wanted: Mapping[str, Any], container: str) -> tuple[Proposal, str]:
        average = wanted.get("averageValue")
        percent = int(wanted.get("averageUtilization") or 0)
        if average is None and not percent:
            raise MetricsError(_NO_RESOURCE_TARGET)
        what = "usage" if average is not None else "utilization"
        try:
            try:
                metrics, _ = self._client.resource(self._namespace, resource, self._selector, container)
            except MetricsError as error:
                raise MetricsError(f"unable to get metrics for resource {resource}: {error}") from error
            if average is not None:
                proposal = self._calculator.by_average(self._target, metrics, quantity.milli(average), resource)
                return proposal, f"{resource} resource"
            proposal = self._calculator.by_utilization(self._target, metrics, resource, percent, container)
        except MetricsError as error:
            raise MetricsError(f"failed to get {resource} {what}: {error}") from error
        of = "container resource" if kind == "ContainerResource" else "resource"
        return proposal, f"{resource} {of} utilization (percentage of request)"

    def _pods(self, source: Mapping[str, Any]) -> Answer:
        metric = source["metric"]
        name = str(metric["name"])
        try:
            try:
                metrics, _ = self._client.pods(self._namespace, name, self._selector, _metric_selector(metric))
            except MetricsError as error:
                raise MetricsError(f"unable to get metric {name}: {error}") from error
            average_milli = quantity.milli(source["target"]["averageValue"])
            proposal = self._calculator.by_average(self._target, metrics, average_milli)
        except MetricsError as error:
            raise MetricFailed(
                "FailedGetPodsMetric", str(error), f"failed to get pods metric value: {error}"
            ) from error
        current = {"averageValue": _milli(proposal.usage_milli)}
        return Answer(proposal.replicas, f"pods metric {name}", {"type": "Pods", "pods": _status(metric, current)})

    def _object(self, source: Mapping[str, Any]) -> Answer:
        metric, wanted, described = source["metric"], source["target"], source["describedObject"]
        name, outer = str(metric["name"]), "failed to get object metric value: "
        by_value = wanted.get("type") == "Value" and wanted.get("value") is not None
        if not by_value and wanted.get("averageValue") is None:
            text = _NO_TARGET.format("object")
            raise MetricFailed("FailedGetObjectMetric", text, outer + text)
        try:
            usage, _ = self._client.object(self._namespace, name, described, _metric_selector(metric))
        except MetricsError as error:
            text = f"unable to get metric {name}: {described['kind']} on {self._namespace} {described['name']}/{error}"
            whole = text if by_value else f"failed to get {name} object metric: {text}"
            raise MetricFailed("FailedGetObjectMetric", text, outer + whole) from error
        try:
            proposal, current = self._by_total(usage, wanted, by_value=by_value)
        except MetricsError as error:
            raise MetricFailed("FailedGetObjectMetric", str(error), f"{outer}{error}") from error
        called = (
            f"{described['kind']} metric {name}"
            if by_value
            else f"external metric {name}({label_selector(metric.get('selector'))})"
        )
        status = {**_status(metric, current), "describedObject": dict(described)}
        return Answer(proposal.replicas, called, {"type": "Object", "object": status})

    def _external(self, source: Mapping[str, Any]) -> Answer:
        metric, wanted = source["metric"], source["target"]
        name, outer = str(metric["name"]), f"failed to get {metric['name']} external metric value: "
        by_value = wanted.get("averageValue") is None
        if by_value and wanted.get("value") is None:
            text = _NO_TARGET.format("external")
            raise MetricFailed("FailedGetExternalMetric", text, outer + text)
        prefix = f"failed to get external metric {name}: " if by_value else f"failed to get {name} external metric: "
        try:
            values, _ = self._client.external(self._namespace, name, _metric_selector(metric))
        except MetricsError as error:
            text = f"unable to get external metric {self._namespace}/{name}/{label_selector(metric.get('selector'))}: {error}"
            raise MetricFailed("FailedGetExternalMetric", text, outer + prefix + text) from error
        try:
            proposal, current = self._by_total(sum(values), wanted, by_value=by_value)
        except MetricsError as error:
            raise MetricFailed("FailedGetExternalMetric", str(error), f"{outer}{prefix}{error}") from error
        status = {"type": "External", "external": _status(metric, current)}
        return Answer(proposal.replicas, f"external metric {name}({label_selector(metric.get('selector'))})", status)

    def _by_total(self, usage: int, wanted: Mapping[str, Any], *, by_value: bool) -> tuple[Proposal, dict[str, str]]:
        if by_value:
            proposal = self._calculator.by_value(self._target, usage, quantity.milli(wanted["value"]))
            return proposal, {"value": _milli(proposal.usage_milli)}
        proposal = self._calculator.by_value_per_pod(self._target, usage, quantity.milli(wanted["averageValue"]))
        return proposal, {"averageValue": _milli(proposal.usage_milli)}

    def _amount(self, resource: str, milli: int) -> str:
        if resource == "memory" and milli % 1000 == 0:
            whole = milli // 1000
            return str(canonical(f"{whole // 1024}Ki" if whole % 1024 == 0 and whole else str(whole)))
        return _milli(milli)


def _milli(value: int) -> str:
    return str(canonical(f"{value}m"))


def _metric_selector(metric: Mapping[str, Any]) -> Selector:
    return from_object(metric.get("selector")) or Selector()


def _status(metric: Mapping[str, Any], current: Mapping[str, Any]) -> dict[str, Any]:
    identifier = {key: metric[key] for key in ("name", "selector") if metric.get(key) is not None}
    return {"metric": identifier, "current": dict(current)}
