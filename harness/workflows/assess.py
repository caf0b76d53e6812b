"""What a pod says about its node: phase, message, exit code.

Follows Argo Workflows 4.1 `workflow/controller/operator.go` (assessNodeStatus, inferFailedReason, getPendingReason). A pod's own message (Evicted,
node shutdown, deadline) goes before its containers'; a container that ended with something other than 0 fails the node, an init container makes it
Error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.kube.objects import Object, name_of, namespace_of

MAIN = "main"
SHUTDOWN_MESSAGE = "workflow shutdown with strategy:"
_TERMINATED_BY_SIGNAL = frozenset({137, 143})


@dataclass(frozen=True)
class Finding:
    """The state that a pod gives its node. `message` None leaves the node's as it is."""

    phase: str
    message: str | None = None
    exit_code: int | None = None
    host: str | None = None
    finished_at: str | None = None


def assess(pod: Object, node: Mapping[str, Any]) -> Finding | None:
    """The finding for a node from its pod; None when the pod says nothing yet."""
    status = pod.get("status") or {}
    phase = status.get("phase")
    host = (pod.get("spec") or {}).get("nodeName")
    if phase == "Pending":
        return Finding("Pending", pending_reason(pod), host=host)
    cleared = "" if node["phase"] == "Pending" else None  # what it waited for
    if phase == "Running":
        return Finding("Running", cleared, host=host)
    if phase == "Succeeded":
        return Finding("Succeeded", cleared, _main_exit_code(pod), host, _finished_at(pod))
    if phase == "Failed":
        # The pod was ended for a shutdown through its own deadline, whose text would hide why.
        told_to_stop = str(node.get("message") or "").startswith(SHUTDOWN_MESSAGE)
        if told_to_stop and _main_exit_code(pod) == 0:
            return Finding("Succeeded", "", 0, host, _finished_at(pod))
        verdict, message = failure_of(pod, use_pod_message=not told_to_stop)
        return Finding(verdict, message, _main_exit_code(pod), host, _finished_at(pod))
    return None


def pending_reason(pod: Object) -> str:
    """Why a pod does not run yet: what a container waits for, or what the scheduler says."""
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or ():
        waiting = (container.get("state") or {}).get("waiting")
        if waiting is not None:
            return _joined(waiting)
    for entry in status.get("conditions") or ():
        if entry.get("reason") == "Unschedulable":
            return _joined(entry)
    return ""


def failure_of(pod: Object, *, use_pod_message: bool = True) -> tuple[str, str]:
    """Phase and message of a node whose pod has failed."""
    status = pod.get("status") or {}
    if use_pod_message and status.get("message"):
        return "Failed", str(status["message"])
    inits = [(True, entry) for entry in status.get("initContainerStatuses") or ()]
    others = sorted(
        ((False, entry) for entry in status.get("containerStatuses") or ()),
        key=lambda pair: pair[1]["name"] != MAIN,
    )
    if not inits and not others:
        return "Failed", f"can't find failed message for pod {name_of(pod)} namespace {namespace_of(pod)}"
    for init, container in [*inits, *others]:
        state = container.get("state") or {}
        waiting = state.get("waiting")
        if waiting is not None:
            why = f"{waiting.get('reason', '')}: {waiting.get('message', '')}"
            return "Error", f"Pod failed before {container['name']} container starts due to {why}"
        ended = state.get("terminated")
        if ended is None or ended["exitCode"] == 0:
            continue
        if not init and container["name"] != MAIN and ended["exitCode"] in _TERMINATED_BY_SIGNAL:
            continue  # a sidecar that was stopped
        message = f"{container['name']}: {ended.get('reason', 'Error')} (exit code {ended['exitCode']})"
        if ended.get("message"):
            message = f"{message}: {ended['message']}"
        return ("Error" if init else "Failed"), message
    return "Failed", "pod failed: neither main nor wait container completed successfully"


def apply_finding(node: dict[str, Any], finding: Finding, now: str) -> None:
    """Write a finding into the node."""
    node["phase"] = finding.phase
    if finding.message:
        node["message"] = finding.message
    elif finding.message == "":
        node.pop("message", None)
    if finding.host:
        node["hostNodeName"] = finding.host
    if finding.exit_code is not None:
        node["outputs"] = {**(node.get("outputs") or {}), "exitCode": str(finding.exit_code)}
    if finding.phase in {"Succeeded", "Failed", "Error"}:
        node["finishedAt"] = finding.finished_at or now
        node.pop("taskResultSynced", None)


def _joined(entry: Mapping[str, Any]) -> str:
    reason, message = str(entry.get("reason", "")), str(entry.get("message", ""))
    return f"{reason}: {message}" if message else reason


def _main(pod: Object) -> Mapping[str, Any]:
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        if container["name"] == MAIN:
            state: Mapping[str, Any] = container.get("state") or {}
            return state.get("terminated") or {}
    return {}


def _main_exit_code(pod: Object) -> int | None:
    code = _main(pod).get("exitCode")
    return None if code is None else int(code)


def _finished_at(pod: Object) -> str | None:
    finished = _main(pod).get("finishedAt")
    return None if finished is None else str(finished)
