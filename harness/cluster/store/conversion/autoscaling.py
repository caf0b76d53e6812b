"""HorizontalPodAutoscalers of autoscaling/v1 and v2: v1 knows a CPU target only and carries the rest in annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from harness.kube.objects import Object, thaw

_PREFIX = "autoscaling.alpha.kubernetes.io"
_METRICS, _BEHAVIOR, _STATUSES, _CONDITIONS = (
    f"{_PREFIX}/{name}" for name in ("metrics", "behavior", "current-metrics", "conditions")
)
_ROUND_TRIP = frozenset({_METRICS, _BEHAVIOR, _STATUSES, _CONDITIONS})
_DEFAULT_CPU_PERCENT = 80
_SOURCES = {
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "Pods": "pods",
    "Object": "object",
    "External": "external",
}
_TARGET_NAMES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    # source -> v1 name: (v2 name, type of the target)
    "resource": {
        "targetAverageUtilization": ("averageUtilization", "Utilization"),
        "targetAverageValue": ("averageValue", "AverageValue"),
    },
    "pods": {"targetAverageValue": ("averageValue", "AverageValue")},
    "object": {"targetValue": ("value", "Value"), "averageValue": ("averageValue", "AverageValue")},
    "external": {"targetValue": ("value", "Value"), "targetAverageValue": ("averageValue", "AverageValue")},
}
_CURRENT_NAMES: Mapping[str, Mapping[str, str]] = {  # source -> v1 name: v2 name
    "resource": {
        "currentAverageUtilization": "averageUtilization",
        "currentAverageValue": "averageValue",
    },
    "pods": {"currentAverageValue": "averageValue"},
    "object": {"currentValue": "value", "averageValue": "averageValue"},
    "external": {"currentValue": "value", "currentAverageValue": "averageValue"},
}


def to_v2(autoscaler: Mapping[str, Any]) -> dict[str, Any]:
    """autoscaling/v1 as v2."""
    spec, status = dict(autoscaler.get("spec") or {}), dict(autoscaler.get("status") or {})
    annotations: Mapping[str, str] = (autoscaler.get("metadata") or {}).get("annotations") or {}
    percent = spec.pop("targetCPUUtilizationPercentage", None)
    metrics = [_metric_to_v2(metric) for metric in _read(annotations, _METRICS) or ()]
    if percent is not None or not metrics:
        target = {"type": "Utilization", "averageUtilization": _DEFAULT_CPU_PERCENT if percent is None else percent}
        metrics.append({"type": "Resource", "resource": {"name": "cpu", "target": target}})
    spec["metrics"] = metrics
    behavior = _read(annotations, _BEHAVIOR)
    if behavior:
        spec["behavior"] = _external(behavior)
    _status_to_v2(status, annotations)
    kept = {key: text for key, text in annotations.items() if key not in _ROUND_TRIP}
    metadata = {key: value for key, value in (autoscaler.get("metadata") or {}).items() if key != "annotations"}
    result = {**autoscaler, "metadata": {**metadata, "annotations": kept} if kept else metadata, "spec": spec}
    return {**result, "status": status} if status else result


def to_v1(autoscaler: Object) -> dict[str, Any]:
    """autoscaling/v2 as v1."""
    spec, status = dict(autoscaler.get("spec") or {}), dict(autoscaler.get("status") or {})
    metrics: Sequence[Mapping[str, Any]] = spec.pop("metrics", None) or ()
    behavior = spec.pop("behavior", None)
    annotations = dict(autoscaler["metadata"].get("annotations") or {})
    percents = [_cpu_percent(metric) for metric in metrics]
    chosen = next((percent for percent in percents if percent is not None), None)
    if chosen is not None:
        spec["targetCPUUtilizationPercentage"] = chosen
    others = [_metric_to_v1(m) for m, percent in zip(metrics, percents, strict=True) if percent is None]
    currents: Sequence[Mapping[str, Any]] = status.pop("currentMetrics", None) or ()
    conditions = status.pop("conditions", None)
    for current in currents:
        value = (current.get("resource") or {}).get("current", {}).get("averageUtilization")
        if (current.get("resource") or {}).get("name") == "cpu" and value is not None:
            status["currentCPUUtilizationPercentage"] = value
    status.setdefault("currentReplicas", 0)
    status.setdefault("desiredReplicas", 0)
    for key, value in (
        (_METRICS, others),
        (_STATUSES, [_status_to_v1(current) for current in currents]),
        (_BEHAVIOR, _internal_behavior(behavior) if behavior else None),
        (_CONDITIONS, conditions),
    ):
        if value:
            annotations[key] = orjson.dumps(value).decode()
    metadata = dict(autoscaler["metadata"])
    if annotations:
        metadata["annotations"] = annotations
    return {**autoscaler, "metadata": metadata, "spec": spec, "status": status}


def _cpu_percent(metric: Mapping[str, Any]) -> int | None:
    """The CPU target that v1 has a field for."""
    resource = metric.get("resource") or {}
    percent: int | None = (resource.get("target") or {}).get("averageUtilization")
    return percent if metric.get("type") == "Resource" and resource.get("name") == "cpu" else None


def _metric_to_v2(metric: Mapping[str, Any]) -> dict[str, Any]:
    source = _SOURCES.get(str(metric.get("type")), "")
    old = dict(metric.get(source) or {})
    target: dict[str, Any] = {}
    for name, (new_name, kind) in _TARGET_NAMES.get(_shape(source), {}).items():
        value = old.pop(name, None)
        if value is not None and not (name == "targetValue" and value == "0"):
            target = {"type": kind, new_name: value}
    return {"type": metric.get("type"), source: {**_identity_to_v2(source, old), "target": target}}


def _metric_to_v1(metric: Mapping[str, Any]) -> dict[str, Any]:
    source = _SOURCES.get(str(metric.get("type")), "")
    old = dict(metric.get(source) or {})
    target = old.pop("target", None) or {}
    new = _identity_to_v1(source, old)
    for name, (old_name, _) in _TARGET_NAMES.get(_shape(source), {}).items():
        if old_name in target:
            new[name] = target[old_name]
    if source == "object":
        new.setdefault("targetValue", "0")
    if "container" in new:
        new["container"] = new.pop("container")  # last, as in Go's struct
    return {"type": metric.get("type"), source: new}


def _status_to_v1(current: Mapping[str, Any]) -> dict[str, Any]:
    source = _SOURCES.get(str(current.get("type")), "")
    old = dict(current.get(source) or {})
    values = old.pop("current", None) or {}
    new = _identity_to_v1(source, old)
    for name, old_name in _CURRENT_NAMES.get(_shape(source), {}).items():
        if old_name in values:
            new[name] = values[old_name]
    return {"type": current.get("type"), source: new}


def _status_to_v2(status: dict[str, Any], annotations: Mapping[str, str]) -> None:
    percent = status.pop("currentCPUUtilizationPercentage", None)
    if percent is not None:
        resource = {"name": "cpu", "current": {"averageUtilization": percent}}
        status["currentMetrics"] = [{"type": "Resource", "resource": resource}]
    currents = _read(annotations, _STATUSES)
    if currents is not None:
        status["currentMetrics"] = [_current_to_v2(current) for current in currents]
    conditions = _read(annotations, _CONDITIONS)
    if conditions is not None:
        status["conditions"] = conditions


def _current_to_v2(current: Mapping[str, Any]) -> dict[str, Any]:
    source = _SOURCES.get(str(current.get("type")), "")
    old = dict(current.get(source) or {})
    values = {new: old.pop(name) for name, new in _CURRENT_NAMES.get(_shape(source), {}).items() if name in old}
    return {"type": current.get("type"), source: {**_identity_to_v2(source, old), "current": values}}


def _shape(source: str) -> str:
    return "resource" if source == "containerResource" else source


def _identity_to_v1(source: str, old: Mapping[str, Any]) -> dict[str, Any]:
    """What the metric is, without its target: v2 nests name and selector."""
    new = {key: value for key, value in old.items() if key not in {"metric", "describedObject"}}
    metric = old.get("metric")
    if metric is not None:
        new["metricName"] = metric.get("name", "")
        if "selector" in metric:
            new["metricSelector" if source == "external" else "selector"] = metric["selector"]
    if "describedObject" in old:
        new["target"] = old["describedObject"]
    return new


def _identity_to_v2(source: str, old: Mapping[str, Any]) -> dict[str, Any]:
    new = {
        key: value for key, value in old.items() if key not in {"metricName", "metricSelector", "selector", "target"}
    }
    if source in {"pods", "object", "external"}:
        metric: dict[str, Any] = {"name": old.get("metricName", "")}
        selector = old.get("metricSelector" if source == "external" else "selector")
        if selector is not None:
            metric["selector"] = selector
        new["metric"] = metric
    if source == "object":
        new["describedObject"] = old.get("target") or {}
    return new


def _internal_behavior(behavior: Mapping[str, Any]) -> dict[str, Any]:
    """The annotation holds Go's internal type: names begin with a capital, nothing is left out."""
    names = ("StabilizationWindowSeconds", "SelectPolicy", "Policies", "Tolerance")
    result: dict[str, Any] = {}
    for direction in ("ScaleUp", "ScaleDown"):
        rules = behavior.get(_uncapped(direction))
        if rules is None:
            result[direction] = None
            continue
        result[direction] = {name: rules.get(_uncapped(name)) for name in names}
        policies = result[direction]["Policies"] or ()
        result[direction]["Policies"] = [
            {name: policy.get(_uncapped(name)) for name in ("Type", "Value", "PeriodSeconds")} for policy in policies
        ]
    return result


def _external(behavior: Any) -> Any:
    if isinstance(behavior, Mapping):
        return {_uncapped(key): _external(value) for key, value in behavior.items() if value is not None}
    return [_external(entry) for entry in behavior] if isinstance(behavior, list | tuple) else behavior


def _uncapped(name: str) -> str:
    return name[:1].lower() + name[1:]


def _read(annotations: Mapping[str, str], key: str) -> Any:
    """An annotation's JSON; what cannot be read is ignored, as upstream does."""
    text = annotations.get(key)
    if text is None:
        return None
    try:
        return thaw(orjson.loads(text))
    except orjson.JSONDecodeError:
        return None
