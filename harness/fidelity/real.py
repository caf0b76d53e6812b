"""Plays traces on a real control plane, at the wall's pace: many at once where they do not disturb one another.

Traces are grouped by the flags that they ask for. Those that are `shared` run together on one control plane, each in its namespace, with its pods
bound by its own driver. Those that are `alone` (the default scheduler or a DaemonSet counts all nodes of the cluster) run one after another, on as
many control planes as are allowed at once.
"""

from __future__ import annotations

import datetime
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.clock import MINUTE, SECOND, Kernel, Outcome
from harness.fidelity.driver import Driver, Feed
from harness.fidelity.pulse import Pulse
from harness.fidelity.recording import Recording
from harness.fidelity.trace import Trace
from harness.fidelity.values import TraceError
from harness.kube.controllers import Manager
from harness.kube.errors import ApiError
from harness.kube.objects import is_true
from harness.kube.remote import RemoteCluster
from harness.kube.resources import API_SERVICES

if TYPE_CHECKING:
    from harness.fidelity.aggregated import AggregatedMetrics

_PORTS = range(20_000, 29_994, 6)
_VARIABLES = {"apiserver": "APISERVER_ARGS", "controller-manager": "CONTROLLER_ARGS", "scheduler": "SCHEDULER_ARGS"}
_TOGETHER = 12  # so many shared traces at a time
_ATTEMPTS = 3
_LOOK_US = SECOND // 2
_COUNTER = count()
Flags = tuple[tuple[str, tuple[str, ...]], ...]
_Result = Recording | str


class Outcomes(Protocol):
    """Who is told what came of a trace."""

    def is_doubtful(self, trace: Trace, recording: Recording) -> bool:
        """Whether it should be played again, because the machine may have had its part in this."""

    def done(self, trace: Trace, result: Recording | str) -> None:
        """A recording, or why there is none."""


@dataclass
class Lane:
    """One control plane's work: traces that run at once, then traces that run one after another."""

    flags: Flags
    metrics: bool = False
    together: list[Trace] = field(default_factory=list)
    alone: list[Trace] = field(default_factory=list)
    duration_s: float = 0.0


def plan(traces: Sequence[Trace], durations: Mapping[str, float], *, lanes_max: int) -> list[Lane]:
    """Who runs where, the longest lanes first. `durations` are estimates in seconds, by name; what is not known counts as 60 s."""
    lanes: list[Lane] = []
    by_flags: dict[tuple[Flags, bool], list[Trace]] = {}
    for trace in traces:
        by_flags.setdefault((tuple(trace.flags.items()), trace.feeds_metrics), []).append(trace)

    def lasts(trace: Trace) -> float:
        return durations.get(trace.name, 60.0)

    total = sum(lasts(trace) + 3 for trace in traces if trace.isolation == "alone")
    goal = max(total / max(lanes_max, 1), 90.0)
    for (flags, metrics), group in by_flags.items():
        shared = [trace for trace in group if trace.isolation == "shared"]
        while shared:
            lane = Lane(flags, metrics)
            names: set[str] = set()
            for trace in list(shared):
                mine = {node.name for node in trace.nodes}
                if not names & mine:
                    names |= mine
                    lane.together.append(trace)
                    shared.remove(trace)
            lane.together.sort(key=lasts, reverse=True)
            lane.duration_s = max(lasts(lane.together[0]), sum(map(lasts, lane.together)) / _TOGETHER)
            lanes.append(lane)
        alone = sorted((trace for trace in group if trace.isolation == "alone"), key=lasts, reverse=True)
        wanted = max(1, round(sum(lasts(trace) + 3 for trace in alone) / goal)) if alone else 0
        own = [Lane(flags, metrics) for _ in range(wanted)]
        for trace in alone:
            lane = min(own, key=lambda lane: lane.duration_s)
            lane.alone.append(trace)
            lane.duration_s += lasts(trace) + 3
        lanes += own
    return sorted(lanes, key=lambda lane: -lane.duration_s)


def record(
    traces: Sequence[Trace], kubernetes: Path, durations: Mapping[str, float], outcome: Outcomes, *, at_once: int
) -> None:
    """Play all on control planes that `kubernetes`/control-plane starts, at most `at_once` at a time; `outcome` is told on some thread."""
    script = kubernetes.resolve() / "control-plane"
    if not script.is_file():
        raise TraceError(f"{script} is missing: --kubernetes names a directory with the program control-plane")
    lanes = plan(traces, durations, lanes_max=at_once)
    halt = threading.Event()
    with ThreadPoolExecutor(at_once) as pool:
        running = [pool.submit(_run_lane, lane, script, outcome, halt) for lane in lanes]
        try:
            for lane in running:
                lane.result()
        finally:
            halt.set()  # after Ctrl-C or an error the others stop, too, and take their control planes down


def _run_lane(lane: Lane, script: Path, outcome: Outcomes, halt: threading.Event) -> None:
    if halt.is_set():
        return
    try:
        with control_plane(script, dict(lane.flags)) as kubeconfig, session(kubeconfig) as place:
            if lane.metrics:
                place.serve_metrics()
            place.play(lane.together, outcome, at_once=_TOGETHER, halt=halt)
            place.play(lane.alone, outcome, halt=halt)
    except (TraceError, ApiError, OSError) as error:
        for trace in (*lane.together, *lane.alone):
            outcome.done(trace, str(error))


@contextmanager
def control_plane(script: Path, flags: Mapping[str, Sequence[str]]) -> Iterator[Path]:
    """A control plane of one's own; its kubeconfig."""
    with tempfile.TemporaryDirectory(prefix="fidelity-cp-") as directory:
        env = {
            **os.environ,
            **{_VARIABLES[component]: " ".join(values) for component, values in flags.items()},
            "CONTROL_PLANE_DIR": f"{directory}/it",
            "CONTROL_PLANE_PORT": str(_free_ports()),
        }
        try:
            started = subprocess.run([str(script), "up"], env=env, capture_output=True, text=True, check=False)
            if started.returncode != 0:
                raise TraceError(f"{script} up failed: {started.stderr.strip()}")
            yield Path(started.stdout.strip().splitlines()[-1])
        finally:
            subprocess.run([str(script), "down"], env=env, capture_output=True, check=False)


def _free_ports() -> int:
    """The first of six free ports in a row; where the search begins depends on the process, so that two recorders do not meet."""
    offset = (os.getpid() * 7 + next(_COUNTER) * 3) % len(_PORTS)
    for at in range(len(_PORTS)):
        base = _PORTS[(offset + at) % len(_PORTS)]
        if all(_is_free(port) for port in range(base, base + 6)):
            return base
    raise TraceError("no six free ports in a row between 20000 and 30000")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _any_finished(drivers: Sequence[Driver]) -> bool:
    return any(driver.finished for driver in drivers)


class Session:
    """A running API server, and the traces that are played on it."""

    def __init__(self, kernel: Kernel, cluster: RemoteCluster) -> None:
        self._kernel = kernel
        self._cluster = cluster
        self._manager = Manager(kernel, cluster.reader)
        self._writer = cluster.writer("fidelity")
        self._drivers: list[Driver] = []
        self._metrics: Feed | None = None
        self._aggregated: AggregatedMetrics | None = None
        self._pulse = Pulse(kernel, cluster.transport)
        self.version = str(cluster.version())

    def has_nodes(self) -> bool:
        """Whether the cluster has nodes of its own."""
        return bool(self._cluster.transport.request("GET", "/api/v1/nodes")["items"])

    def serve_metrics(self) -> None:
        """Let the metrics APIs be served by this process. Raises TraceError when the API server does not find them."""
        from harness.fidelity.aggregated import AggregatedMetrics
        from harness.fidelity.metrics import FedMetrics

        reader = self._cluster.reader
        self._metrics = metrics = FedMetrics(self._kernel, reader)
        self._aggregated = AggregatedMetrics(self._kernel, metrics)
        names = self._aggregated.register(self._writer)

        def served() -> bool:
            found = [reader.get(API_SERVICES, None, name) for name in names]
            return all(service is not None and is_true(service, "Available") for service in found)

        self._kernel.call(served)  # begins the watch
        if self._kernel.wait(served, MINUTE) is not Outcome.MET:
            raise TraceError(
                "the API server does not find the recorder's metrics APIs: look at the APIServices' conditions"
            )

    def close(self) -> None:
        """Stop feeling the pulse and serving metrics."""
        self._pulse.close()
        if self._aggregated is not None:
            self._aggregated.close()

    def play(
        self, traces: Sequence[Trace], outcome: Outcomes, *, at_once: int = 1, halt: threading.Event | None = None
    ) -> None:
        """Play these, at most `at_once` at a time, until `halt` is set; while the machine is busy no further one is begun."""
        waiting = deque(traces)
        attempts: Counter[str] = Counter()
        running: list[Driver] = []
        while (waiting or running) and not (halt is not None and halt.is_set()):
            if waiting and len(running) < at_once and (not running or self._pulse.is_calm()):
                running.append(self._start(waiting.popleft()))
                continue
            self._kernel.wait(partial(_any_finished, running), _LOOK_US)
            for driver in [driver for driver in running if driver.finished]:
                running.remove(driver)
                result = self._result(driver)
                self.clean_up([driver])
                attempts[driver.trace.name] += 1
                left = attempts[driver.trace.name] < _ATTEMPTS
                if left and isinstance(result, Recording) and outcome.is_doubtful(driver.trace, result):
                    waiting.append(driver.trace)
                else:
                    outcome.done(driver.trace, result)

    def _start(self, trace: Trace) -> Driver:
        """Set a trace up and let its time begin. Raises TraceError."""
        driver = Driver(trace, self._kernel, self._cluster.reader, self._writer, self._manager, self._metrics)
        self._drivers.append(driver)
        if self._kernel.wait(driver.is_gone, 2 * MINUTE) is not Outcome.MET:
            raise TraceError(f"namespace {trace.namespace} exists: delete it, or wait until it has gone")
        self._kernel.call(driver.prepare)
        if self._kernel.wait(driver.is_prepared, 2 * MINUTE) is not Outcome.MET:
            words = (
                "the nodes or the default service account are not ready after 2 min: look at the control plane's logs"
            )
            raise TraceError(f"{trace.name}: {words}")
        self._kernel.call(driver.begin_soon)
        return driver

    def _result(self, driver: Driver) -> _Result:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        flags = {component: list(values) for component, values in driver.trace.flags.items()}
        worst_s = self._pulse.worst_s(driver.begun_us)
        where = " --kubeconfig FILE" if driver.trace.oracle == "kind" else ""
        about = {
            "kubernetes": self.version,
            "delay": worst_s,
            "recorded": today,
            "command": f"harness fidelity --record{where} {driver.trace.name}",
            "flags": flags,
        }
        try:
            return self._kernel.call(lambda: driver.recording(about))
        except TraceError as error:
            return str(error)

    def clean_up(self, drivers: Sequence[Driver] | None = None, *, wholly: bool = False) -> None:
        """Take away what these (or all) played; with `wholly` wait until the namespaces have gone, too."""
        drivers = list(self._drivers) if drivers is None else drivers
        for driver in drivers:
            self._kernel.call(driver.clean_up)
        self._kernel.wait(lambda: all(driver.is_gone() if wholly else driver.is_clean() for driver in drivers), MINUTE)
        for driver in drivers:
            self._kernel.call(driver.retire)
            self._drivers.remove(driver)


@contextmanager
def session(kubeconfig: Path) -> Iterator[Session]:
    """A session with the API server of a kubeconfig."""
    kernel = Kernel(time.time_ns() // 1000, pace=1.0)
    cluster = RemoteCluster.from_kubeconfig(kernel, kubeconfig)
    kernel.start()
    place: Session | None = None
    try:
        place = Session(kernel, cluster)
        yield place
    finally:
        if place is not None:
            place.close()
        cluster.close()
        kernel.close()
