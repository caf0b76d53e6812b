"""Whether a node's kubelet is still heard of, and what its conditions say when it is not (`node_lifecycle_controller.go`, 1.34). Pure.

A sign of life is the renewal of the node's Lease. Here the Lease of a living kubelet carries no renewTime (it is renewed all the time); a dead one carries its
last. Without a Lease the Ready condition's heartbeat counts, else the node's creation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import format_time, parse_time
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.kube.objects import Object, condition

STOPPED = ("NodeStatusUnknown", "Kubelet stopped posting node status.")
NEVER = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
_WATCHED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


def lost_at_us(node: Object, lease: Object | None, settings: ControllerManagerSettings) -> int | None:
    """When the node is to be given up; None while its kubelet lives."""
    ready = condition(node, "Ready")
    grace_us = settings.node_startup_grace_period_us if ready is None else settings.node_monitor_grace_period_us
    if lease is not None:
        renewed = (lease.get("spec") or {}).get("renewTime")
        return None if renewed is None else parse_time(renewed) + grace_us
    seen = (ready or {}).get("lastHeartbeatTime") or node["metadata"]["creationTimestamp"]
    return parse_time(seen) + grace_us


def unknown_conditions(node: Object, now_us: int) -> list[dict[str, Any]]:
    """The node's conditions once nothing is heard any more."""
    now = format_time(now_us)
    conditions = [dict(entry) for entry in (node.get("status") or {}).get("conditions") or ()]
    known = {entry["type"]: entry for entry in conditions}
    for kind in _WATCHED:
        entry = known.get(kind)
        if entry is None:
            conditions.append(_unknown(kind, NEVER, node["metadata"]["creationTimestamp"], now))
        elif entry["status"] != "Unknown":
            entry.update(_unknown(kind, STOPPED, entry.get("lastHeartbeatTime"), now))
    return conditions


def _unknown(kind: str, words: tuple[str, str], heartbeat: str | None, now: str) -> dict[str, Any]:
    reason, message = words
    return {
        "type": kind,
        "status": "Unknown",
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": heartbeat,
        "lastTransitionTime": now,
    }


def ready_status(node: Object) -> str:
    """`True`, `False` or `Unknown` (also when there is no Ready condition)."""
    entry: Mapping[str, Any] = condition(node, "Ready") or {}
    return str(entry.get("status") or "Unknown")
