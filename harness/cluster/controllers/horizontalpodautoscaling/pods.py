"""Which pods' metrics count (`groupPods`, `calculatePodRequests` of `replica_calculator.go`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.clock import parse_time
from harness.cluster.controllers.pods import phase_of
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.cluster.metrics import MetricsError, PodMetric
from harness.kube import quantity
from harness.kube.objects import Object, condition, is_deleting, name_of


@dataclass(frozen=True)
class Groups:
    """The pods of a target: how many count as they are, and the names of the others."""

    ready: int
    unready: tuple[str, ...]
    missing: tuple[str, ...]
    ignored: tuple[str, ...]


def group(
    pods: Iterable[Object],
    metrics: Mapping[str, PodMetric],
    resource: str,
    now_us: int,
    settings: ControllerManagerSettings,
) -> Groups:
    """Ended and ending pods are ignored, pending ones unready, those without a metric missing; for cpu a pod that still starts is unready."""
    ready, unready, missing, ignored = 0, [], [], []
    for pod in pods:
        name = name_of(pod)
        if is_deleting(pod) or phase_of(pod) == "Failed":
            ignored.append(name)
        elif phase_of(pod) == "Pending":
            unready.append(name)
        elif name not in metrics:
            missing.append(name)
        elif resource == "cpu" and _is_starting(pod, metrics[name], now_us, settings):
            unready.append(name)
        else:
            ready += 1
    return Groups(ready, tuple(unready), tuple(missing), tuple(ignored))


def _is_starting(pod: Object, metric: PodMetric, now_us: int, settings: ControllerManagerSettings) -> bool:
    """Whether the cpu usage of a pod says nothing yet: it initialises, or it was never ready."""
    ready = condition(pod, "Ready")
    started = (pod.get("status") or {}).get("startTime")
    if ready is None or not started:
        return True
    started_us = parse_time(str(started))
    moved = ready.get("lastTransitionTime")
    moved_us = parse_time(str(moved)) if moved else 0
    is_false = ready.get("status") == "False"
    if started_us + settings.horizontal_pod_autoscaler_cpu_initialization_period_us > now_us:
        return is_false or metric.timestamp_us < moved_us + metric.window_us
    return is_false and started_us + settings.horizontal_pod_autoscaler_initial_readiness_delay_us > moved_us


def requests(pods: Sequence[Object], resource: str, container: str) -> dict[str, int]:
    """The requests of each pod in thousandths, of one container or (empty) of all. Raises MetricsError where one is missing."""
    found: dict[str, int] = {}
    for pod in pods:
        spec = pod["spec"]
        of_pod = ((spec.get("resources") or {}).get("requests") or {}).get(resource)
        if not container and of_pod is not None:
            found[name_of(pod)] = quantity.milli(of_pod)
            continue
        sidecars = [entry for entry in spec.get("initContainers") or () if entry.get("restartPolicy") == "Always"]
        total = 0
        for entry in (*spec["containers"], *sidecars):
            if container and entry["name"] != container:
                continue
            wanted = ((entry.get("resources") or {}).get("requests") or {}).get(resource)
            if wanted is None:
                raise MetricsError(f"missing request for {resource} in container {entry['name']} of Pod {name_of(pod)}")
            total += quantity.milli(wanted)
        found[name_of(pod)] = total
    return found


def ready_count(pods: Sequence[Object]) -> int:
    """Running pods that are ready. Raises MetricsError without any pod."""
    if not pods:
        raise MetricsError(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
        )
    return sum(phase_of(pod) == "Running" and (condition(pod, "Ready") or {}).get("status") == "True" for pod in pods)
