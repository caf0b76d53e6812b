"""Whether a node's kubelet is still heard of, and what its conditions say when it is not (`tryUpdateNodeHealth`, 1.34). Pure.

A sign of life is a new renewal of the node's Lease or a new heartbeat of its Ready condition. What counts is when the controller noticed it, at one of
its looks (`--node-monitor-period`), not the time that stands in the object. Here the Lease of a modelled kubelet that lives carries no renewTime (it is
renewed all the time); a dead one carries its last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.clock import format_time, parse_time
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.kube.objects import Object, condition

STOPPED = ("NodeStatusUnknown", "Kubelet stopped posting node status.")
NEVER = ("NodeStatusNeverUpdated", "Kubelet never posted node status.")
_WATCHED = ("Ready", "MemoryPressure", "DiskPressure", "PIDPressure")


@dataclass(frozen=True)
class Health:
    """What was noticed of a node: when the last sign of life came (None: it comes all the time), and what it was."""

    probe_us: int | None
    has_ready: bool
    heartbeat: str | None
    renewed: str | None

    def lost_at_us(self, settings: ControllerManagerSettings) -> int | None:
        """When the node is to be given up; None while its kubelet lives."""
        grace_us = settings.node_monitor_grace_period_us if self.has_ready else settings.node_startup_grace_period_us
        return None if self.probe_us is None else self.probe_us + grace_us


def observe(before: Health | None, node: Object, lease: Object | None, look_us: int) -> Health:
    """What a look at `look_us` makes of the node and its Lease."""
    ready = condition(node, "Ready")
    heartbeat = None if ready is None else str(ready.get("lastHeartbeatTime") or "")
    renewed = None if lease is None else (lease.get("spec") or {}).get("renewTime")
    now = Health(look_us, ready is not None, heartbeat, renewed)
    if before is None and ready is None:
        now = replace(now, probe_us=parse_time(str(node["metadata"]["creationTimestamp"])))
    elif before is not None and before.has_ready == now.has_ready and (ready is None or before.heartbeat == heartbeat):
        now = replace(now, probe_us=before.probe_us)
    if lease is not None and renewed is None:
        return replace(now, probe_us=None)
    if renewed is not None and before is not None and before.probe_us is None:
        return replace(now, probe_us=min(parse_time(str(renewed)), look_us))
    if renewed is not None and (before is None or before.renewed is None or _later(str(renewed), before.renewed)):
        return replace(now, probe_us=look_us)
    return now


def _later(text: str, other: str) -> bool:
    return parse_time(text) > parse_time(other)


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
