"""Startup, liveness and readiness probes of one pod.

Follows kubernetes 1.34 `pkg/kubelet/prober` (worker.go, prober_manager.go): a probe looks at the moments `start of the pod + k * periodSeconds`. A readiness
probe also looks whenever the kubelet does and finds a started container that is not ready, and goes on in periods from there: as soon as the container has
started, a second later when its pod is new, and when it has just become unready. Thresholds count equal answers in a row; liveness and readiness wait for the
startup probe; a failed liveness or startup probe is on hold until the container's next run. An answer that is known to stay is not asked for again as long as
it is a good one, so a healthy pod costs no event. A probe takes no virtual time of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import SECOND
from harness.cluster.kubelet.containers import Container, Running
from harness.kube.events import Recorder
from harness.kube.hooks import PodRuntime, ProbeAnswer, ProbeKind
from harness.kube.objects import Object

_FIELDS: Mapping[ProbeKind, str] = {
    "Startup": "startupProbe",
    "Readiness": "readinessProbe",
    "Liveness": "livenessProbe",
}
_AT_FIRST: Mapping[ProbeKind, bool | None] = {"Startup": None, "Readiness": False, "Liveness": True}


@dataclass
class Probe:
    """One probe and what it remembers."""

    kind: ProbeKind
    spec: Mapping[str, Any]
    container: Container
    begun_us: int  # its regular looks are whole periods later
    next_us: int = 0  # the next of them
    party: str | None = None  # the run that it knows
    result: bool | None = None
    last: bool | None = None
    in_a_row: int = 0
    on_hold: bool = False
    asked: bool = False  # an answer is awaited
    was_started: bool = False
    triggered: bool = False  # its next look is one between the regular ones, which begin anew with it

    def number(self, field: str, default: int) -> int:
        """A figure of the probe's spec."""
        value = self.spec.get(field)
        return default if value is None else int(value)

    @property
    def period_us(self) -> int:
        """Between two regular looks."""
        return self.number("periodSeconds", 10) * SECOND


class Prober:
    """The probes of one pod. `changed` is called when an awaited answer gives a container's state another meaning; all of it runs on the kernel's thread."""

    def __init__(
        self,
        runtime: PodRuntime,
        recorder: Recorder,
        containers: Sequence[Container],
        now: Callable[[], int],
        changed: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._recorder = recorder
        self._now = now
        self._changed = changed
        self._looking = self._found = False
        self._begun_us = now()
        self._probes = [
            Probe(kind, container.spec[field], container, now())
            for container in containers
            if container.role != "init"
            for kind, field in _FIELDS.items()
            if container.spec.get(field)
        ]

    def settle(self, containers: Sequence[Container]) -> None:
        """Say of each container whether it has started and is ready."""
        for container in containers:
            running = container.is_shown_running
            container.started = running and self._result(container, "Startup") is not False
            container.ready = container.started and self._result(container, "Readiness") is not False

    def look(self, pod: Object, *, ending: bool) -> bool:
        """Do what is due now; whether a container's state has another meaning since."""
        self._looking, self._found = True, False
        for probe in self._probes:
            self._notice(probe, ending=ending)
            if not probe.on_hold and not probe.asked and probe.container.is_shown_running:
                self._ask(pod, probe, ending=ending)
        self._looking = False
        return self._found

    def failed(self) -> Iterator[Probe]:
        """The probes that demand an end of their containers."""
        for probe in self._probes:
            if probe.on_hold and probe.container.is_running and probe.party == probe.container.party:
                yield probe

    def due_us(self) -> Iterator[int]:
        """The moments of the next looks."""
        for probe in self._probes:
            waits = probe.on_hold or probe.asked or probe.next_us == _NEVER_US
            if probe.container.is_shown_running and not waits:
                yield probe.next_us

    def _result(self, container: Container, kind: ProbeKind) -> bool | None:
        """False unless the probe says yes; None without a probe."""
        for probe in self._probes:
            if probe.container is container and probe.kind == kind:
                return probe.party == container.party and probe.result is True
        return None

    def _notice(self, probe: Probe, *, ending: bool) -> None:
        container = probe.container
        if container.is_shown_running and container.party != probe.party:
            probe.party, probe.result = container.party, _AT_FIRST[probe.kind]
            probe.on_hold = probe.asked = probe.was_started = False
            asked_for_us = 0 if probe.next_us == _NEVER_US else probe.next_us
            probe.next_us = max(asked_for_us, _tick_from(probe, self._now()))
        if ending and probe.kind != "Readiness":
            probe.result, probe.next_us = True, _NEVER_US

    def _ask(self, pod: Object, probe: Probe, *, ending: bool) -> None:
        now, container = self._now(), probe.container
        at_first = probe.kind == "Readiness" and container.started and not probe.was_started
        probe.was_started = container.started
        if now < probe.next_us and not at_first:
            return
        if at_first or probe.triggered:
            probe.begun_us = now
        probe.triggered = at_first and now - self._begun_us < _SECOND_LOOK_US
        probe.next_us = now + _SECOND_LOOK_US if probe.triggered else _tick_from(probe, now + 1)
        if ending and probe.kind != "Readiness":
            return
        begun_us = container.state.started_us if isinstance(container.state, Running) else now
        if (now - begun_us) // SECOND < probe.number("initialDelaySeconds", 0):
            return
        if container.started is (probe.kind == "Startup"):
            return
        probe.asked = True
        party = probe.party or ""
        self._runtime.probe(party, probe.kind, probe.spec, lambda answer: self._answered(pod, probe, party, answer))

    def _answered(self, pod: Object, probe: Probe, party: str, answer: ProbeAnswer) -> None:
        if probe.party != party or not probe.container.is_running:
            return
        probe.asked = False
        if not answer.healthy:
            text = f"{probe.kind} probe failed: {answer.message}"
            self._recorder.event(pod, "Warning", "Unhealthy", text)
        probe.in_a_row = probe.in_a_row + 1 if probe.last is answer.healthy else 1
        probe.last = answer.healthy
        field, default = ("successThreshold", 1) if answer.healthy else ("failureThreshold", 3)
        if probe.in_a_row < probe.number(field, default):
            return
        changed, probe.result = probe.result is not answer.healthy, answer.healthy
        if answer.healthy:
            probe.triggered = False
            probe.next_us = _NEVER_US if answer.until_us is None else _tick_from(probe, answer.until_us)
        elif probe.kind != "Readiness":
            probe.on_hold, probe.in_a_row = True, 0
        elif changed:
            probe.triggered, probe.next_us = True, self._now()
        if changed and self._looking:
            self._found = True
        elif changed:
            self._changed()


_NEVER_US = 1 << 62
_SECOND_LOOK_US = SECOND  # sandbox and container of a new pod are two things to look for


def _tick_from(probe: Probe, moment_us: int) -> int:
    """The first regular look at `moment_us` or after; there is none when the pod begins, as nothing runs then."""
    periods = -((probe.begun_us - moment_us) // probe.period_us)
    return probe.begun_us + max(1, periods) * probe.period_us
