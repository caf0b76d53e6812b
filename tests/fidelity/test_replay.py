"""Every trace that was recorded on a real control plane, replayed on the embedded cluster in virtual time: no difference that is not explained."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.fidelity.command import Places, replay
from harness.fidelity.page import PAGE, page
from harness.fidelity.recording import load
from harness.fidelity.trace import Trace

PLACES = Places()
TRACES = PLACES.traces()


def named(traces: list[Trace]) -> Iterator[object]:
    for trace in traces:
        yield pytest.param(trace, id=trace.name)


@pytest.mark.parametrize("trace", list(named(TRACES)))
def test_the_embedded_cluster_does_what_was_recorded(trace: Trace) -> None:
    assert [str(difference) for difference in replay(trace, PLACES)] == []


def test_every_recording_has_its_trace_and_says_where_it_comes_from() -> None:
    known = {trace.name for trace in TRACES}
    root = PLACES.root / "recordings" / PLACES.minor
    for path in root.glob("*/*.json"):
        assert path.relative_to(root).with_suffix("").as_posix() in known
        about = load(path).about
        assert about["kubernetes"].startswith(f"v{PLACES.minor}.")
        assert {"recorded", "command", "flags", "trace"} <= set(about)


def test_the_page_lists_every_trace_with_what_it_shows() -> None:
    assert PAGE.read_text() == page(PLACES.traces()), "run harness fidelity --update"
