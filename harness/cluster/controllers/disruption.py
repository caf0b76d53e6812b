"""The condition DisruptionTarget: a pod ends for a reason that is not its own (`k8s.io/api/core/v1`, 1.34)."""

from __future__ import annotations

from typing import Any

from harness.kube.client import Writer
from harness.kube.objects import Object, name_of, namespace_of, with_condition
from harness.kube.resources import PODS


def mark_disrupted(writer: Writer, pod: Object, reason: str, message: str, now: str, phase: str | None = None) -> None:
    """Write the condition and, if given, the phase."""
    entry: dict[str, Any] = {
        "type": "DisruptionTarget",
        "status": "True",
        "reason": reason,
        "message": message,
        "lastProbeTime": None,
    }
    if "generation" in pod["metadata"]:
        entry["observedGeneration"] = pod["metadata"]["generation"]
    status: dict[str, Any] = {
        "conditions": with_condition((pod.get("status") or {}).get("conditions") or (), entry, now)
    }
    if phase is not None:
        status["phase"] = phase
    writer.patch(PODS, namespace_of(pod), name_of(pod), {"status": status}, subresource="status")
