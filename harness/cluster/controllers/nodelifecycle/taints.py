"""Which taints a node's conditions call for (`node_lifecycle_controller.go`, 1.34). Pure.

NoSchedule taints follow the conditions at once, and lift the launcher's not-ready taint when the node is Ready. NoExecute taints are put on by the rate that
the zone allows, so only their removal and exchange are decided here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import format_time
from harness.kube.objects import Object, condition

NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"
UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
_BY_CONDITION = {
    "MemoryPressure": "node.kubernetes.io/memory-pressure",
    "DiskPressure": "node.kubernetes.io/disk-pressure",
    "NetworkUnavailable": "node.kubernetes.io/network-unavailable",
    "PIDPressure": "node.kubernetes.io/pid-pressure",
}
_CONTROLLED = frozenset({NOT_READY, UNREACHABLE, UNSCHEDULABLE, *_BY_CONDITION.values()})
Taint = Mapping[str, Any]


def taints_of(node: Object) -> Sequence[Taint]:
    """`spec.taints`."""
    return (node.get("spec") or {}).get("taints") or ()


def key_for(status: str) -> str | None:
    """The taint of a Ready status."""
    return {"False": NOT_READY, "Unknown": UNREACHABLE}.get(status)


def with_no_schedule(node: Object, now_us: int) -> list[dict[str, Any]]:
    """The node's taints with the NoSchedule ones as its conditions want them."""
    ready = condition(node, "Ready")
    key = None if ready is None else key_for(str(ready["status"]))
    wanted = [] if key is None else [key]
    wanted += [
        taint
        for kind, taint in _BY_CONDITION.items()
        if (entry := condition(node, kind)) is not None and entry["status"] == "True"
    ]
    if (node.get("spec") or {}).get("unschedulable"):
        wanted.append(UNSCHEDULABLE)
    kept = [
        dict(taint)
        for taint in taints_of(node)
        if taint.get("effect") != "NoSchedule" or taint["key"] not in _CONTROLLED or taint["key"] in wanted
    ]
    present = {taint["key"] for taint in kept if taint.get("effect") == "NoSchedule"}
    added = [_taint(key, "NoSchedule", now_us) for key in wanted if key not in present]
    return [*kept, *added]


def no_execute_keys(node: Object) -> list[str]:
    """Which of not-ready and unreachable stand on the node as NoExecute."""
    keys = [str(taint["key"]) for taint in taints_of(node) if taint.get("effect") == "NoExecute"]
    return [key for key in keys if key in {NOT_READY, UNREACHABLE}]


def with_no_execute(node: Object, key: str | None, now_us: int) -> list[dict[str, Any]]:
    """The node's taints with `key` as the only one of not-ready and unreachable as NoExecute, or with neither."""
    kept = [
        dict(taint)
        for taint in taints_of(node)
        if taint.get("effect") != "NoExecute" or taint["key"] not in {NOT_READY, UNREACHABLE} or taint["key"] == key
    ]
    if key is None or key in no_execute_keys(node):
        return kept
    return [*kept, _taint(key, "NoExecute", now_us)]


def _taint(key: str, effect: str, now_us: int) -> dict[str, Any]:
    return {"key": key, "effect": effect, "timeAdded": format_time(now_us)}
