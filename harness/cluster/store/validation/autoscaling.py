"""HorizontalPodAutoscalers (`pkg/apis/autoscaling/validation`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.validation.causes import forbidden, invalid, required, unsupported
from harness.cluster.store.validation.values import at_least, one_of
from harness.kube.errors import Cause
from harness.kube.quantity import parse

_SOURCES = {
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
    "ContainerResource": "containerResource",
    "External": "external",
}
_WINDOW_S_MAX, _PERIOD_S_MAX = 3600, 1800
Checked = Mapping[str, Any]


def check_autoscaler(autoscaler: Checked) -> list[Cause]:
    """Its bounds, target, metrics and behaviour."""
    spec = autoscaler["spec"]
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    causes = at_least("spec.minReplicas", least, 1)
    if most < 1:
        causes.append(invalid("spec.maxReplicas", most, "must be greater than 0"))
    if least is not None and most < least:
        causes.append(invalid("spec.maxReplicas", most, "must be greater than or equal to `minReplicas`"))
    target = spec.get("scaleTargetRef") or {}
    causes += _target_reference("spec.scaleTargetRef", target)
    if not target.get("apiVersion"):
        causes.append(invalid("spec.scaleTargetRef.apiVersion", "", "apiVersion must specify API group"))
    for position, metric in enumerate(spec.get("metrics") or ()):
        causes += _metric(f"spec.metrics[{position}]", metric)
    if least == 0 and not any(m.get("type") in {"Object", "External"} for m in spec.get("metrics") or ()):
        detail = "must specify at least one Object or External metric to support scaling to zero replicas"
        causes.append(forbidden("spec.metrics", detail))
    for direction in ("scaleUp", "scaleDown"):
        rules = (spec.get("behavior") or {}).get(direction)
        if rules is not None:
            causes += _rules(f"spec.behavior.{direction}", rules)
    return causes


def _target_reference(field: str, reference: Checked) -> list[Cause]:
    causes: list[Cause] = []
    for key in ("kind", "name"):
        text = reference.get(key)
        if not text:
            causes.append(required(f"{field}.{key}"))
        else:
            causes += [invalid(f"{field}.{key}", text, f"may not contain '{mark}'") for mark in "/%" if mark in text]
    return causes


def _metric(field: str, metric: Checked) -> list[Cause]:
    kind = metric.get("type") or ""
    if not kind:
        return [required(f"{field}.type", "must specify a metric source type")]
    if kind not in _SOURCES:
        return [unsupported(f"{field}.type", kind, sorted(_SOURCES))]
    present = [key for key in _SOURCES.values() if metric.get(key) is not None]
    key = _SOURCES[kind]
    causes = [
        forbidden(f"{field}.{other}", "must populate the given metric source only") for other in present if other != key
    ]
    source = metric.get(key)
    if source is None:
        return [*causes, required(f"{field}.{key}", "must populate information for the given metric source")]
    return causes + _source(f"{field}.{key}", key, source)


def _source(field: str, key: str, source: Checked) -> list[Cause]:
    causes: list[Cause] = []
    target, here = source.get("target") or {}, f"{field}.target"
    if key in {"resource", "containerResource"}:
        if not source.get("name"):
            causes.append(required(f"{field}.name", "must specify a resource name"))
        if key == "containerResource" and not source.get("container"):
            causes.append(required(f"{field}.container", "must specify a container"))
    elif not (source.get("metric") or {}).get("name"):
        causes.append(required(f"{field}.metric.name", "must specify a metric name"))
    if key == "object":
        causes += _target_reference(f"{field}.describedObject", source.get("describedObject") or {})
    causes += _target(here, target)
    percent, average, value = (target.get(name) for name in ("averageUtilization", "averageValue", "value"))
    if key in {"resource", "containerResource"}:
        if percent is None and average is None:
            causes.append(
                required(f"{here}.averageUtilization", "must set either a target raw value or a target utilization")
            )
        elif percent is not None and average is not None:
            causes.append(
                forbidden(f"{here}.averageValue", "may not set both a target raw value and a target utilization")
            )
    elif key == "pods" and (average is None or parse(average) <= 0):
        causes.append(required(f"{here}.averageValue", "must specify a positive target averageValue"))
    elif key in {"object", "external"}:
        if value is None and average is None:
            causes.append(
                required(f"{here}.averageValue", "must set either a target value for metric or a per-pod target")
            )
        elif value is not None and average is not None:
            causes.append(forbidden(f"{here}.value", "may not set both a target value for metric and a per-pod target"))
    return causes


def _target(field: str, target: Checked) -> list[Cause]:
    kind = target.get("type") or ""
    causes: list[Cause] = []
    if not kind:
        causes.append(required(f"{field}.type", "must specify a metric target type"))
    elif kind not in {"Utilization", "Value", "AverageValue"}:
        causes.append(invalid(f"{field}.type", kind, "must be either Utilization, Value, or AverageValue"))
    for key in ("value", "averageValue"):
        if target.get(key) is not None and parse(target[key]) <= 0:
            causes += [invalid(f"{field}.{key}", target[key], "must be positive")]
    percent = target.get("averageUtilization")
    if percent is not None and percent < 1:
        causes.append(invalid(f"{field}.averageUtilization", percent, "must be greater than 0"))
    return causes


def _rules(field: str, rules: Checked) -> list[Cause]:
    window, causes = rules.get("stabilizationWindowSeconds"), list[Cause]()
    causes += at_least(f"{field}.stabilizationWindowSeconds", window, 0, "must be greater than or equal to zero")
    if window is not None and window > _WINDOW_S_MAX:
        detail = f"must be less than or equal to {_WINDOW_S_MAX}"
        causes.append(invalid(f"{field}.stabilizationWindowSeconds", window, detail))
    causes += one_of(f"{field}.selectPolicy", rules.get("selectPolicy"), ("Disabled", "Max", "Min"))
    if not rules.get("policies"):
        causes.append(required(f"{field}.policies", "must specify at least one Policy"))
    for position, policy in enumerate(rules.get("policies") or ()):
        here = f"{field}.policies[{position}]"
        causes += one_of(f"{here}.type", policy.get("type"), ("Percent", "Pods"))
        for key in ("value", "periodSeconds"):
            if policy.get(key, 0) <= 0:
                causes.append(invalid(f"{here}.{key}", policy.get(key, 0), "must be greater than zero"))
        if policy.get("periodSeconds", 0) > _PERIOD_S_MAX:
            detail = f"must be less than or equal to {_PERIOD_S_MAX}"
            causes.append(invalid(f"{here}.periodSeconds", policy["periodSeconds"], detail))
    return causes
