"""Kubernetes Events: what components tell people; the same one counts up, similar ones are combined, and too many are left out (`correlation`)."""

from __future__ import annotations

import hashlib
from typing import Literal

from harness.clock import Kernel, Timeline, format_time
from harness.kube.client import Reader, Writer
from harness.kube.correlation import Correlator
from harness.kube.eventseries import SeriesRecorder
from harness.kube.objects import Object, name_of, namespace_of
from harness.kube.resources import EVENTS, NAMESPACES


class Recorder:
    """Writes core/v1 Events for one component, and each of them to the timeline."""

    def __init__(
        self,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        timeline: Timeline,
        component: str,
        correlator: Correlator | None = None,
    ) -> None:
        self._correlator = correlator or Correlator()
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._timeline = timeline
        self._component = component

    def named(self, component: str) -> Recorder:
        """The same recorder for another component."""
        return Recorder(self._kernel, self._reader, self._writer, self._timeline, component, self._correlator)

    def in_series(self, component: str) -> SeriesRecorder:
        """For a component of the newer kind, which writes series."""
        return SeriesRecorder(self._kernel, self._reader, self._writer, self._timeline, component)

    def event(self, obj: Object, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Say that `reason` happened to `obj`."""
        about, name, uid = namespace_of(obj), name_of(obj), obj["metadata"].get("uid")
        namespace = about or "default"
        subject = f"{obj['kind']}/{about}/{name}" if about else f"{obj['kind']}/{name}"
        self._timeline.record(reason, subject, component=self._component, message=message, type=kind)
        owner = self._reader.get(NAMESPACES, None, namespace)
        if owner is None or "deletionTimestamp" in owner["metadata"]:
            return  # upstream, too, loses events of a namespace that goes away
        source = "\0".join((self._component, obj["apiVersion"], subject, str(uid)))
        written = self._correlator.correlate(source, f"{kind}\0{reason}", message, self._kernel.now)
        if written is None:
            return
        now = format_time(self._kernel.now)
        event = f"{name}.{hashlib.sha256(written.identity.encode()).hexdigest()[:16]}"
        known = self._reader.get(EVENTS, namespace, event)
        if known is not None:
            patch = {"count": known["count"] + 1, "lastTimestamp": now, "message": written.message}
            self._writer.patch(EVENTS, namespace, event, patch)
            return
        involved = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "name": name, "uid": uid}
        if about:
            involved["namespace"] = about
        self._writer.create(
            EVENTS,
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": event, "namespace": namespace},
                "involvedObject": involved,
                "type": kind,
                "reason": reason,
                "message": written.message,
                "count": 1,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "source": {"component": self._component},
                "reportingComponent": self._component,
                "reportingInstance": "",
            },
        )
