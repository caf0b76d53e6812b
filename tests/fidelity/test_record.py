"""Some traces again on a real control plane, started for this with HARNESS_KUBERNETES: what was recorded still holds.

Everything here is real and follows the wall, so a difference counts when it shows three times.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.fidelity.command import Places
from harness.fidelity.compare import compare
from harness.fidelity.real import record
from harness.fidelity.recording import Recording, load
from harness.fidelity.trace import Trace

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not os.environ.get("HARNESS_KUBERNETES"),
        reason="HARNESS_KUBERNETES names no directory of a control-plane program",
    ),
]
PLACES = Places()
LONGEST_S = 75.0
BUDGET_S = 200.0


def subset() -> list[Trace]:
    """Of every area the traces that take the least time, as many as fit into the budget; what shares a control plane costs its longest only."""
    by_area: dict[str, list[tuple[float, Trace]]] = {}
    for trace in PLACES.traces():
        if trace.oracle == "control-plane" and not trace.flags and (path := PLACES.recording(trace)).exists():
            by_area.setdefault(trace.name.split("/")[0], []).append((load(path).end_s, trace))
    chosen: list[Trace] = []
    left_s = BUDGET_S
    for traces in by_area.values():
        taken = 0.0
        for duration, trace in sorted(traces, key=lambda pair: pair[0]):
            costs = duration + 3 if trace.isolation == "alone" else 0.0
            if duration <= LONGEST_S and taken + costs <= left_s / len(by_area) + 10:
                taken += costs
                chosen.append(trace)
    return chosen


class Compared:
    """Compares what comes; what differs while the machine is busy is played again."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}

    def is_doubtful(self, trace: Trace, recording: Recording) -> bool:
        return bool(self._differences(trace, recording))

    def done(self, trace: Trace, result: Recording | str) -> None:
        self.found[trace.name] = [result] if isinstance(result, str) else self._differences(trace, result)

    def _differences(self, trace: Trace, recording: Recording) -> list[str]:
        return [str(found) for found in compare(load(PLACES.recording(trace)), recording, trace.tolerance)]


def test_a_subset_recorded_again_is_what_was_recorded() -> None:
    traces = subset()
    assert traces
    durations = {trace.name: load(PLACES.recording(trace)).end_s for trace in traces}
    compared = Compared()
    record(traces, Path(os.environ["HARNESS_KUBERNETES"]), durations, compared, at_once=3)
    assert {name: found for name, found in compared.found.items() if found} == {}
    assert compared.found.keys() == {trace.name for trace in traces}
