"""Events of the core group and of events.k8s.io/v1: one object, two sets of names."""

from __future__ import annotations

from typing import Any

from harness.kube.objects import Object

_CORE_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_EVENTS_NAMES = {core: events for events, core in _CORE_NAMES.items()}


def to_core(event: Object) -> dict[str, Any]:
    """events.k8s.io/v1 as core/v1."""
    return {_CORE_NAMES.get(key, key): value for key, value in event.items()}


def to_events(event: Object) -> dict[str, Any]:
    """core/v1 as events.k8s.io/v1."""
    named = {_EVENTS_NAMES.get(key, key): value for key, value in event.items()}
    for key in ("reportingController", "reportingInstance"):  # core always writes them, events.k8s.io only when set
        if not named.get(key):
            named.pop(key, None)
    return named
