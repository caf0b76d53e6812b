"""The command `harness fidelity`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from harness.fidelity.compare import Difference, compare
from harness.fidelity.page import PAGE, page
from harness.fidelity.real import record, session
from harness.fidelity.recording import Recording, load, save
from harness.fidelity.trace import Trace, read_traces
from harness.fidelity.values import TraceError

FIXTURES = Path(__file__).parents[2] / "fixtures" / "fidelity"
DEFAULT_MINOR = "1.34"
DELAY_S = 0.7  # beyond it a recording's times are those of the machine


@dataclass(frozen=True)
class Places:
    """Where traces and recordings are."""

    root: Path = FIXTURES
    minor: str = DEFAULT_MINOR

    def traces(self, names: Sequence[str] = ()) -> list[Trace]:
        """All traces, or those that match one of the names (globs). Raises TraceError when a name matches nothing."""
        traces = read_traces(self.root / "traces")
        for name in names:
            if not any(fnmatchcase(trace.name, name) for trace in traces):
                raise TraceError(f"no trace {name}: there are {', '.join(trace.name for trace in traces) or 'none'}")
        return [trace for trace in traces if not names or any(fnmatchcase(trace.name, name) for name in names)]

    def recording(self, trace: Trace) -> Path:
        """Where a trace's recording is."""
        return self.root / "recordings" / self.minor / f"{trace.name}.json"


def replay(trace: Trace, places: Places) -> list[Difference]:
    """The differences between the committed recording of a trace and what the embedded cluster does. Raises TraceError."""
    from harness.fidelity.embedded import play_embedded

    expected = _recorded(trace, places)
    return compare(expected, play_embedded(trace, str(expected.about["kubernetes"])), trace.tolerance)


def _recorded(trace: Trace, places: Places) -> Recording:
    path = places.recording(trace)
    where = "--kubernetes DIR" if trace.oracle == "control-plane" else "--kubeconfig FILE"
    if not path.exists():
        raise TraceError(f"{trace.name}: not recorded yet, run harness fidelity --record {trace.name} {where}")
    recording = load(path)
    if recording.digest != trace.digest:
        raise TraceError(
            f"{trace.name}: the trace has changed since it was recorded, run harness fidelity --record --update {trace.name} {where}"
        )
    return recording


def fidelity(
    names: Sequence[str],
    *,
    recording: bool,
    kubernetes: Path | None,
    kubeconfig: Path | None,
    update: bool,
    at_once: int,
    places: Places | None = None,
) -> int:
    """Run the command; 0 when nothing differs, 1 when something does, 2 when it could not be run."""
    places = places or Places()
    try:
        traces = places.traces(names)
        if recording and kubeconfig is not None:
            return _record_on_nodes(_of(traces, "kind"), kubeconfig, places, update=update, at_once=at_once)
        if recording and kubernetes is not None:
            return _record(_of(traces, "control-plane"), kubernetes, places, update=update, at_once=at_once)
        if recording:
            raise TraceError(
                "--record needs --kubernetes DIR, the directory of a program control-plane that starts one, "
                "or, for what only a kubelet decides, --kubeconfig FILE of a cluster with real nodes"
            )
        if kubeconfig is not None:
            return _play_elsewhere(traces, kubeconfig, places)
        if update:
            PAGE.write_text(page(places.traces()))
        return _replay_all(traces, places)
    except TraceError as error:
        print(f"harness fidelity: {error}", file=sys.stderr)
        return 2


def _replay_all(traces: Sequence[Trace], places: Places) -> int:
    bad = 0
    for trace in traces:
        began = time.monotonic()
        try:
            differences: list[Difference] | str = replay(trace, places)
        except TraceError as error:
            differences = str(error)
        bad += _report(trace, differences, f"{time.monotonic() - began:.2f} s")
    return _summary(len(traces), bad)


class Recorder:
    """Keeps what was recorded, and tells of it."""

    def __init__(self, places: Places, *, update: bool) -> None:
        self._places = places
        self._update = update
        self._lock = threading.Lock()
        self.bad = 0

    def is_doubtful(self, trace: Trace, recording: Recording) -> bool:
        """Whether the machine was too busy for a recording that is new or differs."""
        if recording.about["delay"] <= DELAY_S:
            return False
        before = self._before(trace)
        return before is None or bool(compare(before, recording, trace.tolerance))

    def done(self, trace: Trace, result: Recording | str) -> None:
        """Write it if it is new or asked for; else compare."""
        with self._lock:
            if isinstance(result, str):
                self.bad += _report(trace, result, "")
                return
            before = self._before(trace)
            same = before is not None and before.digest == result.digest
            found: list[Difference] | str = compare(before, result, trace.tolerance) if before is not None else []
            written = before is None or (self._update and (bool(found) or not same))
            if written:
                save(result, self._places.recording(trace))
            elif not same:
                found = "the trace has changed since it was recorded: add --update"
            note = f"{result.end_s:g} s" + (", written" if written else "")
            if (written or found) and result.about["delay"] > DELAY_S:
                note += f", disturbed: something took {result.about['delay']:g} s; record it again when the machine is less busy"
            self.bad += _report(trace, [] if written else found, note)

    def _before(self, trace: Trace) -> Recording | None:
        path = self._places.recording(trace)
        return load(path) if path.exists() else None


def _of(traces: Sequence[Trace], oracle: str) -> list[Trace]:
    found = [trace for trace in traces if trace.oracle == oracle]
    if not found:
        raise TraceError(f"none of the traces has the oracle {oracle}, which is what would be recorded this way")
    return found


def _record(traces: Sequence[Trace], kubernetes: Path, places: Places, *, update: bool, at_once: int) -> int:
    durations = {trace.name: load(path).end_s for trace in traces if (path := places.recording(trace)).exists()}
    recorder = Recorder(places, update=update)
    signal.signal(signal.SIGTERM, _interrupt)  # so that the control planes are taken down
    record(traces, kubernetes, durations, recorder, at_once=at_once)
    return _summary(len(traces), recorder.bad)


def _record_on_nodes(traces: Sequence[Trace], kubeconfig: Path, places: Places, *, update: bool, at_once: int) -> int:
    """On a cluster with kubelets, side by side: each in its namespace."""
    recorder = Recorder(places, update=update)
    with session(kubeconfig) as place:
        try:
            place.play(traces, recorder, at_once=at_once)
        finally:
            place.clean_up(wholly=True)
    return _summary(len(traces), recorder.bad)


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


class _Elsewhere:
    """Compares what somebody's own cluster does."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self.bad = 0

    def is_doubtful(self, trace: Trace, recording: Recording) -> bool:
        """Whether the machine or the network was too busy."""
        slow = bool(recording.about["delay"] > DELAY_S)
        return slow and bool(compare(_recorded(trace, self._places), recording, trace.tolerance))

    def done(self, trace: Trace, result: Recording | str) -> None:
        """Compare."""
        recorded = _recorded(trace, self._places)
        found = result if isinstance(result, str) else compare(recorded, result, trace.tolerance)
        self.bad += _report(trace, found, "")


def _unfit(trace: Trace, *, nodes: bool) -> str:
    """Why a trace does not belong on a cluster that is there, with nodes of its own or without."""
    if trace.flags:
        return "asks for flags of the control plane"
    if trace.feeds_metrics:
        return "feeds metrics from this machine"
    if trace.oracle == "kind":
        return "" if nodes else "needs a node with a kubelet"
    return "needs a cluster without other nodes" if nodes and trace.isolation == "alone" else ""


def _play_elsewhere(traces: Sequence[Trace], kubeconfig: Path, places: Places) -> int:
    """On a cluster that belongs to somebody: one at a time, and only what such a cluster can show."""
    outcome = _Elsewhere(places)
    with session(kubeconfig) as place:
        nodes = place.has_nodes()
        unfit = {trace.name: why for trace in traces if (why := _unfit(trace, nodes=nodes))}
        for name, why in unfit.items():
            print(f"skip  {name}: {why}")
        fit = [trace for trace in traces if trace.name not in unfit]
        try:
            place.play(fit, outcome)
        finally:
            place.clean_up(wholly=True)
    return _summary(len(fit), outcome.bad)


def _report(trace: Trace, outcome: Sequence[Difference] | str, note: str) -> int:
    """Print a line a trace and one a difference; 1 when it is not equal."""
    state = "ERROR" if isinstance(outcome, str) else "DIFF" if outcome else "ok"
    print(f"{state:5} {trace.name:44} {note}", flush=True)
    for difference in [outcome] if isinstance(outcome, str) else outcome:
        print(f"        {difference}", flush=True)
    return 1 if outcome else 0


def _summary(count: int, bad: int) -> int:
    print(f"{count - bad} of {count} traces are equal")
    return 1 if bad else 0
