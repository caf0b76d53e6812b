"""The table of pods (`printPod`): STATUS is a summary of phase, containers, gates and deletion, and sidecars count as containers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import parse_time
from harness.cluster.api.tables.columns import NONE, Column, Printer, age, dig, name_column, since, wide
from harness.kube.objects import Object, is_deleting, is_true, name_of
from harness.kube.resources import PODS

_COMPLETED = {"type": "Completed", "status": "True"}
_CONDITIONS = {  # of a row: how clients that hide ended pods know them
    "Succeeded": [{**_COMPLETED, "reason": "Succeeded", "message": "The pod has completed successfully."}],
    "Failed": [{**_COMPLETED, "reason": "Failed", "message": "The pod failed."}],
}
_ENDED = frozenset({"Succeeded", "Failed"})


@dataclass
class _Count:
    """Containers that are ready, restarts, and the end before the latest restart."""

    ready: int = 0
    restarts: int = 0
    latest: str | None = None

    def restart(self, entry: Mapping[str, Any]) -> None:
        """Count the restarts of one container."""
        self.restarts += int(entry.get("restartCount") or 0)
        ended = dig(entry, "lastState", "terminated", "finishedAt")
        if ended and (self.latest is None or parse_time(self.latest) < parse_time(ended)):
            self.latest = str(ended)

    def words(self, now_us: int) -> str:
        """RESTARTS."""
        ago = f" ({since(self.latest, now_us)} ago)" if self.restarts and self.latest else ""
        return f"{self.restarts}{ago}"


def _pod(pod: Object, now_us: int) -> list[Any]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    sidecars = {entry["name"] for entry in spec.get("initContainers") or () if entry.get("restartPolicy") == "Always"}
    reason, count = _summary(pod, spec, status, sidecars)
    gates = spec.get("readinessGates") or ()
    passed = sum(is_true(pod, gate["conditionType"]) for gate in gates)
    return [
        name_of(pod),
        f"{count.ready}/{len(spec.get('containers') or ()) + len(sidecars)}",
        reason,
        count.words(now_us),
        age(pod, now_us),
        dig(status, "podIPs", 0, "ip") or status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        f"{passed}/{len(gates)}" if gates else NONE,
    ]


def _summary(pod: Object, spec: Mapping[str, Any], status: Mapping[str, Any], sidecars: set[str]) -> tuple[str, _Count]:
    """STATUS, and what is counted beside it."""
    phase = str(status.get("phase") or "")
    reason = str(status.get("reason") or phase)
    for entry in status.get("conditions") or ():
        if entry["type"] == "PodScheduled" and entry.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    inits = status.get("initContainerStatuses") or ()
    initializing, count, beside = _initializing(inits, len(spec.get("initContainers") or ()), sidecars)
    if initializing:
        reason = initializing
    if not initializing or is_true(pod, "Initialized"):
        beside.ready = count.ready
        reason, count = _running(pod, status.get("containerStatuses") or (), reason, beside)
    if is_deleting(pod) and status.get("reason") == "NodeLost":
        reason = "Unknown"
    elif is_deleting(pod) and phase not in _ENDED:
        reason = "Terminating"
    return reason, count


def _initializing(statuses: Sequence[Any], total: int, sidecars: set[str]) -> tuple[str, _Count, _Count]:
    """STATUS while init containers run (empty when they are done), the count of all of them and that of the sidecars alone."""
    everything, beside = _Count(), _Count()
    for position, entry in enumerate(statuses):
        sidecar, state = entry["name"] in sidecars, entry.get("state") or {}
        everything.restart(entry)
        if sidecar:
            beside.restart(entry)
        ended = state.get("terminated")
        if ended is not None and not ended.get("exitCode"):
            continue
        if sidecar and entry.get("started"):
            everything.ready += bool(entry.get("ready"))
            continue
        waiting = dig(state, "waiting", "reason")
        if ended is not None:
            return f"Init:{_ended(ended)}", everything, beside
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}", everything, beside
        return f"Init:{position}/{total}", everything, beside
    return "", everything, beside


def _running(pod: Object, statuses: Sequence[Any], reason: str, count: _Count) -> tuple[str, _Count]:
    running = False
    for entry in reversed(statuses):
        count.restart(entry)
        state = entry.get("state") or {}
        waiting, ended = dig(state, "waiting", "reason"), state.get("terminated")
        if waiting:
            reason = str(waiting)
        elif ended is not None:
            reason = _ended(ended)
        elif entry.get("ready") and state.get("running") is not None:
            running = True
            count.ready += 1
    if reason == "Completed" and running:
        reason = "Running" if is_true(pod, "Ready") else "NotReady"
    return reason, count


def _ended(state: Mapping[str, Any]) -> str:
    if state.get("reason"):
        return str(state["reason"])
    return f"Signal:{state['signal']}" if state.get("signal") else f"ExitCode:{state.get('exitCode', 0)}"


def _conditions(pod: Object) -> list[dict[str, Any]]:
    return _CONDITIONS.get(str(dig(pod, "status", "phase")), [])


POD_TABLES: Mapping[str, Printer] = {
    PODS.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Ready", "Status", "Restarts", "Age")),
            *wide("IP", "Node", "Nominated Node", "Readiness Gates"),
        ),
        _pod,
        _conditions,
    ),
}
