"""Every committed recording notices what could go wrong in it: an event that is not told, or told with other words, a step of a history that is left out or
comes late, a pod too few. Each recording is compared with a changed copy of itself; what changed has to be reported.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise

import pytest

from harness.fidelity.command import Places
from harness.fidelity.compare import compare
from harness.fidelity.recording import Recording, load
from harness.fidelity.trace import Trace

PLACES = Places()
RECORDED = [trace for trace in PLACES.traces() if PLACES.recording(trace).exists()]
pytestmark = pytest.mark.parametrize("trace", [pytest.param(trace, id=trace.name) for trace in RECORDED])


def recorded(trace: Trace) -> Recording:
    return load(PLACES.recording(trace))


def slack(trace: Trace, recording: Recording) -> float:
    """What comes so shortly before the end may be missed."""
    return recording.end_s - trace.tolerance.of(recording.end_s)


def changed(recording: Recording) -> Recording:
    return copy.deepcopy(recording)


def without_an_event(trace: Trace, recording: Recording) -> Iterator[tuple[str, Recording]]:
    for key, history in recording.objects.items():
        for event, moments in history.events.items():
            if moments[0] < slack(trace, recording):
                other = changed(recording)
                del other.objects[key].events[event]
                yield f"{key}: {event}", other


def with_other_words(trace: Trace, recording: Recording) -> Iterator[tuple[str, Recording]]:
    for key, history in recording.objects.items():
        for event, moments in history.events.items():
            if moments[0] < slack(trace, recording):
                other = changed(recording)
                events = other.objects[key].events
                events[(*event[:3], f"{event[3]}!")] = events.pop(event)
                yield f"{key}: {event}", other


def without_what_lasts(trace: Trace, recording: Recording) -> Iterator[tuple[str, Recording]]:
    for key, history in recording.objects.items():
        ends = [moment for moment, _ in history.states[1:]] + [recording.end_s]
        for at, ((moment, _), end) in enumerate(zip(history.states, ends, strict=True)):
            if at and end - moment > trace.tolerance.of(recording.end_s) + trace.tolerance.transient_s:
                other = changed(recording)
                del other.objects[key].states[at]
                yield f"{key}: the state at {moment:g} s", other


def late(trace: Trace, recording: Recording) -> Iterator[tuple[str, Recording]]:
    """Everything from a moment on comes later by more than the tolerance for the time before it."""
    moments = sorted(
        {m for h in recording.objects.values() for m, _ in h.states}
        | {m for h in recording.objects.values() for ms in h.events.values() for m in ms}
    )
    for before, after in pairwise(moments):
        delay = (trace.tolerance.of(after - before) + 0.2) / (1 - trace.tolerance.share)
        if after - before < 3 or after + delay > slack(trace, recording):
            continue
        other = changed(recording)
        for history in other.objects.values():
            history.states = [(m + delay if m >= after else m, state) for m, state in history.states]
            history.events = {
                event: [m + delay if m >= after else m for m in ms] for event, ms in history.events.items()
            }
        other.answers = [(m + delay if m >= after else m, step, text) for m, step, text in other.answers]
        yield f"what comes after {before:g} s", other


def without_a_pod(trace: Trace, recording: Recording) -> Iterator[tuple[str, Recording]]:
    for key, history in recording.objects.items():
        moments = [moment for moment, _ in history.states]
        ended = moments[-1] if history.states and history.states[-1][1] is None else recording.end_s
        if moments and ended - moments[0] > trace.tolerance.of(recording.end_s) + trace.tolerance.transient_s:
            other = changed(recording)
            del other.objects[key]
            yield key, other


@pytest.mark.parametrize("plant", [without_an_event, with_other_words, without_what_lasts, late, without_a_pod])
def test_what_goes_wrong_is_reported(trace: Trace, plant: object) -> None:
    recording = recorded(trace)
    assert compare(recording, changed(recording), trace.tolerance) == []
    unseen = [what for what, other in plant(trace, recording) if not compare(recording, other, trace.tolerance)]  # type: ignore[operator]
    assert unseen == []
