"""How many replicas a metric asks for (`replica_calculator.go`, `metrics/utilization.go`, 1.34). Pure; values are thousandths."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.controllers.horizontalpodautoscaling.pods import Groups, group, ready_count, requests
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.cluster.metrics import MetricsError, PodMetric
from harness.kube.objects import Object


@dataclass(frozen=True)
class Tolerances:
    """How far the ratio of usage and target may lie from 1 before anything happens."""

    scale_down: float = 0.1
    scale_up: float = 0.1

    def allow(self, ratio: float) -> bool:
        """Whether `ratio` is near enough to 1."""
        return (1.0 - self.scale_down) <= ratio <= (1.0 + self.scale_up)


@dataclass(frozen=True)
class Proposal:
    """The replicas that a metric asks for, its present value per pod, and for utilizations the percentage."""

    replicas: int
    usage_milli: int
    utilization: int | None = None


@dataclass(frozen=True)
class Target:
    """The pods of a scale target as they are now."""

    replicas: int  # that its spec asks for
    status_replicas: int
    pods: Sequence[Object]
    now_us: int


class Calculator:
    """The rules, with the tolerances of one autoscaler."""

    def __init__(self, settings: ControllerManagerSettings, tolerances: Tolerances) -> None:
        self._settings = settings
        self._tolerances = tolerances

    def by_utilization(
        self, target: Target, metrics: Mapping[str, PodMetric], resource: str, percent: int, container: str = ""
    ) -> Proposal:
        """Usage against the pods' requests. Raises MetricsError."""
        _require_pods(target)
        groups = self._group(target, metrics, resource)
        wanted = requests(target.pods, resource, container)
        values = _counted(metrics, groups)
        if not values:
            raise MetricsError("did not receive metrics for targeted pods (pods might be unready)")
        utilization, usage = _utilization(values, wanted)
        ratio = utilization / percent
        if not (groups.unready and ratio > 1.0) and not groups.missing:
            replicas = target.replicas if self._tolerances.allow(ratio) else math.ceil(ratio * groups.ready)
            return Proposal(replicas, usage, utilization)
        fallback = max(100, percent)
        filled = _filled(values, groups, ratio, lambda name: wanted[name] * fallback // 100)
        again, _ = _utilization(filled, wanted)
        return Proposal(self._reconsidered(target.replicas, ratio, again / percent, len(filled)), usage, utilization)

    def by_average(
        self, target: Target, metrics: Mapping[str, PodMetric], average_milli: int, resource: str = ""
    ) -> Proposal:
        """A value per pod: of a resource, or (empty) of a custom metric. Raises MetricsError."""
        _require_pods(target)
        groups = self._group(target, metrics, resource)
        values = _counted(metrics, groups)
        if not values:
            raise MetricsError("did not receive metrics for targeted pods (pods might be unready)")
        usage = sum(values.values()) // len(values)
        ratio = usage / average_milli
        if not (groups.unready and ratio > 1.0) and not groups.missing:
            replicas = target.replicas if self._tolerances.allow(ratio) else math.ceil(ratio * groups.ready)
            return Proposal(replicas, usage)
        filled = _filled(values, groups, ratio, lambda _name: average_milli, at_one=True)
        again = (sum(filled.values()) // len(filled)) / average_milli
        return Proposal(self._reconsidered(target.replicas, ratio, again, len(filled)), usage)

    def by_value(self, target: Target, usage_milli: int, value_milli: int) -> Proposal:
        """One value for all pods together (Object and External metrics). Raises MetricsError."""
        ratio = usage_milli / value_milli
        if target.replicas == 0:
            return Proposal(math.ceil(ratio), usage_milli)
        if self._tolerances.allow(ratio):
            return Proposal(target.replicas, usage_milli)
        return Proposal(math.ceil(ratio * ready_count(target.pods)), usage_milli)

    def by_value_per_pod(self, target: Target, usage_milli: int, average_milli: int) -> Proposal:
        """One value, divided by the replicas that there are."""
        replicas = target.status_replicas
        if replicas == 0:  # upstream divides by zero in floating point: the ratio is infinite
            return Proposal(math.ceil(usage_milli / average_milli), 0)
        if not self._tolerances.allow(usage_milli / (average_milli * replicas)):
            replicas = math.ceil(usage_milli / average_milli)
        return Proposal(replicas, math.ceil(usage_milli / target.status_replicas))

    def _group(self, target: Target, metrics: Mapping[str, PodMetric], resource: str) -> Groups:
        return group(target.pods, metrics, resource, target.now_us, self._settings)

    def _reconsidered(self, current: int, first: float, again: float, considered: int) -> int:
        """The replicas once the pods without a say were counted; never in the other direction than the metrics alone say."""
        if self._tolerances.allow(again) or (first < 1.0 < again) or (again < 1.0 < first):
            return current
        replicas = math.ceil(again * considered)
        if (again < 1.0 and replicas > current) or (again > 1.0 and replicas < current):
            return current
        return replicas


def _require_pods(target: Target) -> None:
    if not target.pods:
        raise MetricsError("no pods returned by selector while calculating replica count")


def _counted(metrics: Mapping[str, PodMetric], groups: Groups) -> dict[str, int]:
    without = {*groups.unready, *groups.ignored}
    return {name: metric.value_milli for name, metric in metrics.items() if name not in without}


def _utilization(values: Mapping[str, int], wanted: Mapping[str, int]) -> tuple[int, int]:
    """The percentage, and the usage of a pod on average."""
    known = {name: value for name, value in values.items() if name in wanted}
    total, requested = sum(known.values()), sum(wanted[name] for name in known)
    if requested == 0:
        raise MetricsError("no metrics returned matched known pods")
    return total * 100 // requested, total // len(known)


def _filled(
    values: Mapping[str, int], groups: Groups, ratio: float, full: Callable[[str], int], *, at_one: bool = False
) -> dict[str, int]:
    """With what is assumed of the pods that have no say: all that they may use on the way down, nothing on the way up."""
    filled = dict(values)
    if ratio < 1.0:
        filled.update({name: full(name) for name in groups.missing})
    elif ratio > 1.0 or at_one:
        filled.update(dict.fromkeys(groups.missing, 0))
    if groups.unready and ratio > 1.0:
        filled.update(dict.fromkeys(groups.unready, 0))
    return filled
