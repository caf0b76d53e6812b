"""Some traces again on a real control plane, started for this with HARNESS_KUBERNETES: what was recorded still holds.

Everything here is real and follows the wall, so a difference counts when it shows twice: a busy machine delays, but not twice at the same place.
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


def test_a_subset_recorded_again_is_what_was_recorded() -> None:
    traces = subset()
    assert traces
    durations = {trace.name: load(PLACES.recording(trace)).end_s for trace in traces}
    found: dict[str, list[str]] = {}

    def done(trace: Trace, outcome: Recording | str) -> None:
        before = load(PLACES.recording(trace))
        differences = [outcome] if isinstance(outcome, str) else compare(before, outcome, trace.tolerance)
        found[trace.name] = [str(difference) for difference in differences]

    kubernetes = Path(os.environ["HARNESS_KUBERNETES"])
    record(traces, kubernetes, durations, done, at_once=3)
    if again := [trace for trace in traces if found[trace.name]]:
        record(again, kubernetes, durations, done, at_once=3)
    assert found == {trace.name: [] for trace in traces}
