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
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from harness.clock import MINUTE, Kernel, Outcome
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
_LIMIT_US = 40 * MINUTE
_BEGINNERS = 3  # so many shared traces begin in one second
_COUNTER = count()
Flags = tuple[tuple[str, tuple[str, ...]], ...]
_Result = Recording | str
Done = Callable[[Trace, _Result], None]


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
            lane.duration_s = max(map(lasts, lane.together)) + len(lane.together) / _BEGINNERS
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
    traces: Sequence[Trace], kubernetes: Path, durations: Mapping[str, float], done: Done, *, at_once: int
) -> None:
    """Play all on control planes that `kubernetes`/control-plane starts, at most `at_once` at a time; `done` gets each outcome, on some thread."""
    script = kubernetes.resolve() / "control-plane"
    if not script.is_file():
        raise TraceError(f"{script} is missing: --kubernetes names a directory with the program control-plane")
    lanes = plan(traces, durations, lanes_max=at_once)
    with ThreadPoolExecutor(at_once) as pool:
        for outcome in [pool.submit(_run_lane, lane, script, done) for lane in lanes]:
            outcome.result()


def _run_lane(lane: Lane, script: Path, done: Done) -> None:
    try:
        with control_plane(script, dict(lane.flags)) as kubeconfig, session(kubeconfig) as place:
            if lane.metrics:
                place.serve_metrics()
            if lane.together:
                place.play(lane.together, done)
            for trace in lane.alone:
                place.play([trace], done)
                place.clean_up()
    except (TraceError, ApiError, OSError) as error:
        for trace in (*lane.together, *lane.alone):
            done(trace, str(error))


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

    def play(self, traces: Sequence[Trace], done: Done) -> None:
        """Play these at once."""
        reader = self._cluster.reader
        drivers = [Driver(trace, self._kernel, reader, self._writer, self._manager, self._metrics) for trace in traces]
        self._drivers += drivers
        for driver in drivers:
            self._kernel.call(driver.prepare)
        ready = self._kernel.wait(lambda: all(driver.is_prepared() for driver in drivers), 2 * MINUTE)
        if ready is not Outcome.MET:
            raise TraceError(
                "the nodes or the default service account are not ready after 2 min: look at the control plane's logs"
            )
        for number, driver in enumerate(drivers):
            self._kernel.call(partial(driver.begin_soon, 1 + number // _BEGINNERS))
        left = list(drivers)
        while left:
            self._kernel.wait(partial(_any_finished, left), _LIMIT_US)
            for driver in [driver for driver in left if driver.finished]:
                left.remove(driver)
                done(driver.trace, self._result(driver))

    def _result(self, driver: Driver) -> _Result:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        flags = {component: list(values) for component, values in driver.trace.flags.items()}
        worst_s = self._pulse.worst_s(driver.begun_us)
        about = {
            "kubernetes": self.version,
            "delay": worst_s,
            "recorded": today,
            "command": f"harness fidelity --record {driver.trace.name}",
            "flags": flags,
        }
        try:
            return self._kernel.call(lambda: driver.recording(about))
        except TraceError as error:
            return str(error)

    def clean_up(self, *, wholly: bool = False) -> None:
        """Take away what was played; with `wholly` wait until the namespaces have gone, too."""
        for driver in self._drivers:
            self._kernel.call(driver.clean_up)
        self._kernel.wait(
            lambda: all(driver.is_gone() if wholly else driver.is_clean() for driver in self._drivers), MINUTE
        )
        for driver in self._drivers:
            self._kernel.call(driver.retire)
        self._drivers.clear()


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
