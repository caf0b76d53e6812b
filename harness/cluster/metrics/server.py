"""The modelled metrics-server: what pods and nodes use, in steps of 15 s, as PodMetrics and NodeMetrics.

Nothing ticks: a scrape is worked out when somebody reads. The first reader after a scrape's moment settles what that scrape saw, and everybody until the next
gets the same. metrics-server needs two points for a cpu figure, so a pod appears with the first scrape that finds it 10 s old (0.8: `--metric-resolution=15s`,
`freshContainerMinMetricsResolution`); of a pod younger than a period the window is its age.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from harness.clock import SECOND, Kernel, format_time, parse_time
from harness.cluster.metrics.objects import amounts_of, node_metrics, pod_metrics
from harness.kube.client import Reader
from harness.kube.metrics import Usage, UsageMeter
from harness.kube.objects import Object, key_of, labels_of, name_of
from harness.kube.resources import NODES, PODS
from harness.kube.selectors import Selector

RESOLUTION_US = 15 * SECOND
_FRESH_US = 10 * SECOND


@dataclass
class _Scrape:
    at_us: int
    pods: dict[str, Object | None] = field(default_factory=dict)
    nodes: dict[str, Object | None] = field(default_factory=dict)


class MetricsServer:
    """Implements ResourceMetrics over whoever measures; it began to scrape when it was made."""

    def __init__(self, kernel: Kernel, reader: Reader, meter: UsageMeter, resolution_us: int = RESOLUTION_US) -> None:
        self._kernel = kernel
        self._reader = reader
        self._meter = meter
        self._resolution_us = resolution_us
        self._epoch_us = kernel.now
        self._scrape = _Scrape(kernel.now)

    def pod_metrics(self, namespace: str | None = None, selector: Selector | None = None) -> Sequence[Object]:
        """Of all running pods that are old enough."""
        scrape = self._current()
        if scrape is None:
            return []
        found = [self._pod(scrape, pod) for pod in self._reader.list(PODS, namespace, selector)]
        return [item for item in found if item is not None]

    def node_metrics(self, selector: Selector | None = None) -> Sequence[Object]:
        """Of all nodes that are heard of."""
        scrape = self._current()
        if scrape is None:
            return []
        found = [self._node(scrape, node) for node in self._reader.list(NODES, None, selector)]
        return [item for item in found if item is not None]

    def _current(self) -> _Scrape | None:
        """The latest scrape; None before the second, as one point is no rate."""
        steps = (self._kernel.now - self._epoch_us) // self._resolution_us
        if steps < 1:
            return None
        at_us = self._epoch_us + steps * self._resolution_us
        if self._scrape.at_us != at_us:
            self._scrape = _Scrape(at_us)
        return self._scrape

    def _pod(self, scrape: _Scrape, pod: Object) -> Object | None:
        key = f"{key_of(pod)}/{pod['metadata']['uid']}"
        if key not in scrape.pods:
            scrape.pods[key] = self._measure(scrape, pod)
        return scrape.pods[key]

    def _measure(self, scrape: _Scrape, pod: Object) -> Object | None:
        statuses = (pod.get("status") or {}).get("containerStatuses") or ()
        started = [((status.get("state") or {}).get("running") or {}).get("startedAt") for status in statuses]
        ages_us = [scrape.at_us - parse_time(str(moment)) for moment in started if moment]
        if not ages_us or min(ages_us) < _FRESH_US:
            return None
        usage = self._meter.containers(pod)
        if not usage:
            return None
        amounts = {name: amounts_of(used) for name, used in usage.items()}
        return pod_metrics(pod, amounts, format_time(scrape.at_us), min(self._resolution_us, *ages_us))

    def _node(self, scrape: _Scrape, node: Object) -> Object | None:
        name = name_of(node)
        if name not in scrape.nodes:
            usage: Usage | None = self._meter.node(node)
            scrape.nodes[name] = (
                None
                if usage is None
                else node_metrics(
                    name, labels_of(node), amounts_of(usage), format_time(scrape.at_us), self._resolution_us
                )
            )
        return scrape.nodes[name]
