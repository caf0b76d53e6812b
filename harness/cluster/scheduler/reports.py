"""What the scheduler tells of pods: the condition PodScheduled with the nominated node, events, and to victims that they have to go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import Kernel, format_time
from harness.cluster.scheduler.plugins.default_preemption import REASON
from harness.cluster.scheduler.podinfo import PodInfo
from harness.cluster.scheduler.texts import PREEMPTING, event_note
from harness.kube.client import Reader, Writer
from harness.kube.errors import NotFound
from harness.kube.eventseries import SeriesRecorder
from harness.kube.objects import Object, condition, name_of, with_condition
from harness.kube.resources import PODS

SCHEDULER_NAME = "default-scheduler"


class Reports:
    """Writes them, with the texts of kube-scheduler."""

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, events: SeriesRecorder) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = events

    def unscheduled(self, pod: Object, reason: str, message: str, *, nominated: str | None) -> None:
        """No node took it; see `condition` for `nominated`."""
        self._events.event(pod, "Warning", "FailedScheduling", "Scheduling", event_note(message))
        self.condition(pod, reason, message, nominated=nominated)

    def preempted(self, victim: PodInfo, preemptor: PodInfo, node: str) -> None:
        """Ask a pod to go, as one of higher priority takes its place."""
        current = self._reader.get(PODS, victim.namespace, name_of(victim.pod))
        if current is None:
            return
        scheduler = preemptor.spec.get("schedulerName", SCHEDULER_NAME)
        wanted = {
            "type": "DisruptionTarget",
            "status": "True",
            "reason": REASON,
            "message": f"{scheduler}: {PREEMPTING}",
            "observedGeneration": current["metadata"].get("generation", 1),
        }
        now = format_time(self._kernel.now)
        conditions = with_condition((current.get("status") or {}).get("conditions") or (), wanted, now)
        try:
            self.status(current, {"conditions": conditions})
            self._writer.delete(PODS, victim.namespace, name_of(victim.pod))
        except NotFound:
            return  # somebody was faster
        text = f"Preempted by pod {preemptor.uid} on node {node}"
        self._events.event(current, "Normal", "Preempted", "Preempting", text, related=preemptor.pod)

    def condition(
        self, pod: Object, reason: str, message: str, *, nominated: str | None = None, gated: bool = False
    ) -> None:
        """Set PodScheduled, and with `nominated` the nomination (None: leave it); nothing is written when both are so already."""
        current = self._reader.get(PODS, pod["metadata"]["namespace"], name_of(pod))
        if current is None:
            return  # deleted between the attempt and the answer
        status: dict[str, Any] = {}
        before = condition(current, "PodScheduled") or {}
        if (before.get("status"), before.get("reason"), before.get("message")) != ("False", reason, message):
            wanted = {
                "type": "PodScheduled",
                "status": "False",
                "reason": reason,
                "message": message,
                "lastProbeTime": None,
            }
            if not gated:  # the condition of gates is the API server's, which does not say the generation
                wanted["observedGeneration"] = current["metadata"].get("generation", 1)
            conditions = (current.get("status") or {}).get("conditions") or ()
            status["conditions"] = with_condition(conditions, wanted, format_time(self._kernel.now))
        if nominated is not None and nominated != ((current.get("status") or {}).get("nominatedNodeName") or ""):
            status["nominatedNodeName"] = nominated or None
        if status:
            self.status(current, status)

    def status(self, pod: Object, status: Mapping[str, Any]) -> None:
        """Patch the status."""
        self._writer.patch(PODS, pod["metadata"]["namespace"], name_of(pod), {"status": status}, subresource="status")
