"""Kubernetes Events: what components tell people; the same one counts up, similar ones are combined, and too many are left out (`correlation`)."""

from __future__ import annotations

import hashlib
from typing import Literal

from harness.clock import Kernel, Timeline, format_time
from harness.kube.client import Reader, Writer
from harness.kube.correlation import Correlator
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

    def event(self, obj: Object, kind: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        """Say that `reason` happened to `obj`."""
        namespace = namespace_of(obj) or "default"
        subject = "/".join(part for part in (obj["kind"], namespace_of(obj), name_of(obj)) if part)
        self._timeline.record(reason, subject, component=self._component, message=message, type=kind)
        owner = self._reader.get(NAMESPACES, None, namespace)
        if owner is None or "deletionTimestamp" in owner["metadata"]:
            return  # upstream, too, loses events of a namespace that goes away
        source = "\0".join((self._component, obj["apiVersion"], subject, str(obj["metadata"].get("uid"))))
        written = self._correlator.correlate(source, f"{kind}\0{reason}", message, self._kernel.now)
        if written is None:
            return
        now = format_time(self._kernel.now)
        name = f"{name_of(obj)}.{hashlib.sha256(written.identity.encode()).hexdigest()[:16]}"
        known = self._reader.get(EVENTS, namespace, name)
        if known is not None:
            patch = {"count": known["count"] + 1, "lastTimestamp": now, "message": written.message}
            self._writer.patch(EVENTS, namespace, name, patch)
            return
        involved = {
            "apiVersion": obj["apiVersion"],
            "kind": obj["kind"],
            "name": name_of(obj),
            "uid": obj["metadata"].get("uid"),
        }
        if namespace_of(obj):
            involved["namespace"] = namespace
        self._writer.create(
            EVENTS,
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": name, "namespace": namespace},
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
