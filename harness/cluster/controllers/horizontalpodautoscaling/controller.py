"""The loop of the HorizontalPodAutoscaler (`pkg/controller/podautoscaler/horizontal.go`, 1.34).

An autoscaler is looked at once a sync period (15 s), for the first time one period after it appeared, and at no other time: a change of the target or
of its pods waits for the next look. Where there is no autoscaler nothing happens. What is remembered between looks is in `memory`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.clock import SECOND, Kernel, format_time
from harness.cluster.controllers.horizontalpodautoscaling import behavior
from harness.cluster.controllers.horizontalpodautoscaling.calculator import Calculator, Target, Tolerances
from harness.cluster.controllers.horizontalpodautoscaling.memory import History
from harness.cluster.controllers.horizontalpodautoscaling.metrics import Answer, MetricEvaluator, MetricFailed
from harness.cluster.controllers.horizontalpodautoscaling.scale import (
    NoScale,
    Scale,
    scale_of,
    selector_text,
    write_replicas,
)
from harness.cluster.controllers.kinds import Kinds
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.cluster.metrics import MetricsClient
from harness.kube import quantity
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import ApiError
from harness.kube.events import Recorder
from harness.kube.objects import Object, key_of, labels_of, namespace_of, split_key, with_condition
from harness.kube.resources import HORIZONTAL_POD_AUTOSCALERS, PODS
from harness.kube.selectors import Selector
from harness.kube.version import KubernetesVersion

_CONFIGURABLE_TOLERANCE = KubernetesVersion(1, 35)  # HPAConfigurableTolerance is on by default from here


class _Unscalable(Exception):
    """The metrics give no answer; the text is the event's."""


@dataclass
class _Look:
    """The status that one look puts together."""

    now: str
    status: dict[str, Any]

    def condition(self, kind: str, ok: bool, reason: str, message: str) -> None:
        entry = {"type": kind, "status": "True" if ok else "False", "reason": reason, "message": message}
        self.status["conditions"] = with_condition(self.status.get("conditions") or (), entry, self.now)


@dataclass
class _Known:
    """What is remembered of an autoscaler."""

    due_us: int
    history: History = field(default_factory=History)
    selector: Selector | None = None


class HorizontalController:
    """Reconciles autoscalers."""

    name = "horizontal-pod-autoscaler-controller"

    def __init__(
        self,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        settings: ControllerManagerSettings,
        metrics: MetricsClient,
        version: KubernetesVersion,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named("horizontal-pod-autoscaler")
        self._settings = settings
        self._metrics = metrics
        self._version = version
        self._kinds = Kinds(reader)
        self._known: dict[str, _Known] = {}

    def watches(self) -> Sequence[Watch]:
        """Autoscalers alone."""
        return [Watch(HORIZONTAL_POD_AUTOSCALERS, self._when_new)]

    def reconcile(self, key: str) -> int | None:
        """Look at one autoscaler when its time has come."""
        autoscaler = self._reader.get(HORIZONTAL_POD_AUTOSCALERS, *split_key(key))
        if autoscaler is None:
            self._known.pop(key, None)
            return None
        period_us = self._settings.horizontal_pod_autoscaler_sync_period_us
        known = self._known.setdefault(key, _Known(self._kernel.now + period_us))
        if known.due_us > self._kernel.now:
            return known.due_us - self._kernel.now
        known.due_us = self._kernel.now + period_us
        self._look(autoscaler, known)
        return period_us

    def _when_new(self, autoscaler: Object) -> Iterable[str]:
        """A change of what is known waits for the next look, which is planned already."""
        key = key_of(autoscaler)
        gone = self._reader.get(HORIZONTAL_POD_AUTOSCALERS, *split_key(key)) is None
        return (key,) if gone or key not in self._known else ()

    def _look(self, autoscaler: Object, known: _Known) -> None:
        before: Mapping[str, Any] = autoscaler.get("status") or {}
        look = _Look(format_time(self._kernel.now), {"desiredReplicas": 0, "currentMetrics": None, **before})
        try:
            scale = scale_of(
                self._reader, self._kinds, str(namespace_of(autoscaler)), autoscaler["spec"]["scaleTargetRef"]
            )
        except NoScale as error:
            self._events.event(autoscaler, "Warning", "FailedGetScale", str(error))
            text = f"the HPA controller was unable to get the target's current scale: {error}"
            look.condition("AbleToScale", False, "FailedGetScale", text)
        else:
            text = "the HPA controller was able to get the target's current scale"
            look.condition("AbleToScale", True, "SucceededGetScale", text)
            known.history.begin(scale.replicas, self._kernel.now)
            self._scale(autoscaler, known, scale, look)
        if look.status != before:
            obj = {**autoscaler, "status": look.status}
            self._writer.replace(HORIZONTAL_POD_AUTOSCALERS, obj, subresource="status")

    def _scale(self, autoscaler: Object, known: _Known, scale: Scale, look: _Look) -> None:
        spec = autoscaler["spec"]
        least, most = int(spec.get("minReplicas", 1)), int(spec["maxReplicas"])
        statuses: list[dict[str, Any]] | None = None
        wanted, why = scale.replicas, ""
        if scale.replicas == 0 and least != 0:
            text = "scaling is disabled since the replica count of the target is zero"
            look.condition("ScalingActive", False, "ScalingDisabled", text)
        elif scale.replicas > most:
            wanted, why = most, "Current number of replicas above Spec.MaxReplicas"
        elif scale.replicas < least:
            wanted, why = least, "Current number of replicas below Spec.MinReplicas"
        else:
            statuses = [{"type": ""} for _ in spec.get("metrics") or ()]
            try:
                answer = self._ask_metrics(autoscaler, known, scale, look, statuses)
            except _Unscalable as error:
                shown = statuses or None
                look.status.update({"currentReplicas": scale.replicas, "currentMetrics": shown})
                self._events.event(autoscaler, "Warning", "FailedComputeMetricsReplicas", str(error))
                return
            wanted, why = self._normalize(spec, known, scale, answer, look, least, most)
        rescaled = wanted != scale.replicas
        if rescaled and not self._rescale(autoscaler, known, scale, wanted, why, look):
            look.status.update({"currentReplicas": scale.replicas, "currentMetrics": statuses})
            return
        look.status.update({"currentReplicas": scale.replicas, "desiredReplicas": wanted, "currentMetrics": statuses})
        if rescaled:
            look.status["lastScaleTime"] = look.now

    def _ask_metrics(
        self, autoscaler: Object, known: _Known, scale: Scale, look: _Look, statuses: list[dict[str, Any]]
    ) -> Answer:
        """The largest answer of all metrics. Raises _Unscalable when none answers, or when some fail and the rest would scale down."""
        selector = self._selector(autoscaler, known, scale, look)
        namespace = str(namespace_of(autoscaler))
        pods = self._reader.list(PODS, namespace, selector)
        target = Target(scale.replicas, scale.status_replicas, pods, self._kernel.now)
        calculator = Calculator(self._settings, self._tolerances(autoscaler["spec"]))
        evaluator = MetricEvaluator(
            self._metrics,
            calculator,
            namespace,
            target,
            selector,
        )
        best: Answer | None = None
        failures: list[MetricFailed] = []
        for number, metric in enumerate(autoscaler["spec"].get("metrics") or ()):
            try:
                answer = evaluator.evaluate(metric)
            except MetricFailed as error:
                self._events.event(autoscaler, "Warning", error.reason, str(error))
                failures.append(error)
                continue
            statuses[number] = answer.status
            if best is None or best.replicas == 0 or answer.replicas > best.replicas:
                best = answer
        if best is None or (failures and best.replicas < scale.replicas):
            if not failures:
                raise _Unscalable("invalid metrics (0 invalid out of 0), first error is: <nil>")
            text = f"the HPA was unable to compute the replica count: {failures[0]}"
            look.condition("ScalingActive", False, failures[0].reason, text)
            counted = f"{len(failures)} invalid out of {len(statuses)}"
            raise _Unscalable(f"invalid metrics ({counted}), first error is: {failures[0].outer}")
        text = f"the HPA was able to successfully calculate a replica count from {best.name}"
        look.condition("ScalingActive", True, "ValidMetricFound", text)
        return best

    def _selector(self, autoscaler: Object, known: _Known, scale: Scale, look: _Look) -> Selector:
        """The selector of the target's pods, which no other autoscaler may share (validateAndParseSelector)."""
        if scale.selector is None:
            self._events.event(autoscaler, "Warning", "SelectorRequired", "selector is required")
            text = "the HPA target's scale is missing a selector"
            look.condition("ScalingActive", False, "InvalidSelector", text)
            raise _Unscalable("selector is required")
        known.selector = scale.selector
        namespace = str(namespace_of(autoscaler))
        pods = self._reader.list(PODS, namespace, scale.selector)
        sharing = [
            key
            for key, other in sorted(self._known.items())
            if other.selector is not None
            and split_key(key)[0] == namespace
            and any(other.selector.matches(labels_of(pod)) for pod in pods)
        ]
        if len(sharing) > 1:
            listed = " ".join(f"{{{split_key(key)[1]} {namespace}}}" for key in sharing)
            text = f"pods by selector {selector_text(scale.selector)} are controlled by multiple HPAs: [{listed}]"
            self._events.event(autoscaler, "Warning", "AmbiguousSelector", text)
            look.condition("ScalingActive", False, "AmbiguousSelector", text)
            raise _Unscalable(text)
        return scale.selector

    def _tolerances(self, spec: Mapping[str, Any]) -> Tolerances:
        default = self._settings.horizontal_pod_autoscaler_tolerance
        own: Mapping[str, Any] = spec.get("behavior") or {}
        if self._version < _CONFIGURABLE_TOLERANCE:
            own = {}
        down, up = ((own.get(direction) or {}).get("tolerance") for direction in ("scaleDown", "scaleUp"))
        return Tolerances(
            default if down is None else float(quantity.parse(down)),
            default if up is None else float(quantity.parse(up)),
        )

    def _normalize(
        self,
        spec: Mapping[str, Any],
        known: _Known,
        scale: Scale,
        answer: Answer,
        look: _Look,
        least: int,
        most: int,
    ) -> tuple[int, str]:
        """The replicas to have now, and why."""
        wanted = max(answer.replicas, 0)
        why = ""
        if wanted > scale.replicas:
            why = f"{answer.name} above target"
        elif wanted < scale.replicas:
            why = "All metrics below target"
        downscale_us = self._settings.horizontal_pod_autoscaler_downscale_stabilization_us
        bounds = behavior.Bounds(least, most, scale.replicas)
        decision = behavior.decide(spec.get("behavior"), bounds, wanted, known.history, self._kernel.now, downscale_us)
        look.condition("AbleToScale", True, *decision.able)
        look.condition("ScalingLimited", decision.limited, *decision.limit)
        return decision.replicas, why

    def _rescale(self, autoscaler: Object, known: _Known, scale: Scale, wanted: int, why: str, look: _Look) -> bool:
        try:
            write_replicas(self._writer, scale, wanted)
        except ApiError as error:
            text = f"New size: {wanted}; reason: {why}; error: {error}"
            self._events.event(autoscaler, "Warning", "FailedRescale", text)
            text = f"the HPA controller was unable to update the target scale: {error}"
            look.condition("AbleToScale", False, "FailedUpdateScale", text)
            return False
        text = f"the HPA controller was able to update the target scale to {wanted}"
        look.condition("AbleToScale", True, "SucceededRescale", text)
        self._events.event(autoscaler, "Normal", "SuccessfulRescale", f"New size: {wanted}; reason: {why}")
        own = autoscaler["spec"].get("behavior")
        if own is not None:
            rules = behavior.rules_of(own, "scaleUp" if wanted > scale.replicas else "scaleDown")
            longest_us = behavior.longest_period_s(rules) * SECOND
            known.history.scaled(scale.replicas, wanted, self._kernel.now, longest_us)
        return True
