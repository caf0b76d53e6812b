"""Events as kube-scheduler writes them: one that happens again becomes a series, which is counted in memory and written now and then.

Follows client-go `tools/events/event_broadcaster.go` (1.34). The same are events of one component about one version of an object with the same type, reason
and action, whatever they say. The first is written; the second makes it a series of 2; what follows is only counted. Every 6 minutes what has not happened for
6 minutes is forgotten, a series after its count was written; every 30 minutes the counts of all series are written. The two clocks begin with the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from harness.clock import MINUTE, Kernel, Timeline, format_micro_time
from harness.kube.client import Reader, Writer
from harness.kube.errors import NotFound
from harness.kube.objects import Object, name_of, namespace_of
from harness.kube.resources import EVENTS, NAMESPACES

_FINISH_US = 6 * MINUTE
_REFRESH_US = 30 * MINUTE

_Key = tuple[str, ...]


@dataclass
class _Known:
    body: dict[str, Any]
    last_us: int
    count: int = 1

    @property
    def series(self) -> dict[str, Any]:
        return {"count": self.count, "lastObservedTime": format_micro_time(self.last_us)}


class SeriesRecorder:
    """Writes Events for one component, and each that happens to the timeline."""

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, timeline: Timeline, component: str) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._timeline = timeline
        self._component = component
        self._known: dict[_Key, _Known] = {}
        self._last_ns = 0
        self._ticking = False

    def event(
        self,
        obj: Object,
        kind: Literal["Normal", "Warning"],
        reason: str,
        action: str,
        message: str,
        related: Object | None = None,
    ) -> None:
        """Say that `reason` happened to `obj` in the course of `action`, because of `related`."""
        about, name, now_us = namespace_of(obj), name_of(obj), self._kernel.now
        subject = f"{obj['kind']}/{about}/{name}" if about else f"{obj['kind']}/{name}"
        self._timeline.record(reason, subject, component=self._component, message=message, type=kind)
        regarding = _reference(obj)
        uid, version = str(regarding.get("uid")), str(regarding.get("resourceVersion"))
        other = "" if related is None else str(related["metadata"].get("uid"))
        key = (subject, uid, version, kind, reason, action, other)
        known = self._known.get(key)
        if known is not None:
            known.count += 1
            known.last_us = now_us
            if known.count == 2:
                self._write_series(known)
            return
        self._last_ns = max(now_us * 1000, self._last_ns + 1)  # upstream's names are nanoseconds, too
        body = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{self._last_ns:x}", "namespace": about or "default"},
            "involvedObject": regarding,
            "type": kind,
            "reason": reason,
            "action": action,
            "message": message,
            "eventTime": format_micro_time(now_us),
            "reportingComponent": self._component,
            "reportingInstance": f"{self._component}-control-plane",
            **({} if related is None else {"related": _reference(related)}),
        }
        self._known[key] = _Known(body, now_us)
        self._create(body)
        if not self._ticking:
            self._ticking = True
            self._kernel.at(self._next_tick_us(), self._tick)

    def _create(self, body: dict[str, Any]) -> None:
        namespace = self._reader.get(NAMESPACES, None, body["metadata"]["namespace"])
        if namespace is not None and "deletionTimestamp" not in namespace["metadata"]:
            self._writer.create(EVENTS, body)  # events of a namespace that goes away are lost

    def _write_series(self, known: _Known) -> None:
        metadata = known.body["metadata"]
        try:
            self._writer.patch(EVENTS, metadata["namespace"], metadata["name"], {"series": known.series})
        except NotFound:
            self._create({**known.body, "series": known.series})

    def _next_tick_us(self) -> int:
        passed_us = self._kernel.now - self._kernel.start_us
        return self._kernel.start_us + (passed_us // _FINISH_US + 1) * _FINISH_US

    def _tick(self) -> None:
        """Finish what is over; then (every fifth time) write what goes on."""
        now_us = self._kernel.now
        for key, known in list(self._known.items()):
            if known.last_us < now_us - _FINISH_US:
                if known.count > 1:
                    self._write_series(known)
                del self._known[key]
        if (now_us - self._kernel.start_us) % _REFRESH_US == 0:
            for known in self._known.values():
                if known.count > 1:
                    self._write_series(known)
        self._ticking = bool(self._known)
        if self._ticking:
            self._kernel.at(self._next_tick_us(), self._tick)


def _reference(obj: Object) -> dict[str, Any]:
    metadata = obj["metadata"]
    fields = {key: metadata[key] for key in ("namespace", "name", "uid", "resourceVersion") if metadata.get(key)}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], **fields}
