"""The status of a pod as a pure function of its containers: phase, conditions, container statuses.

Follows kubernetes 1.34 `pkg/kubelet/kubelet_pods.go` (getPhase, convertToAPIContainerStatuses) and
`pkg/kubelet/status/generate.go`. What the probes found stands in the containers (`started`, `ready`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import format_time
from harness.cluster.kubelet.containers import Container, Running, State, Terminated, Waiting, restarts_after
from harness.kube.objects import Object, thaw


@dataclass(frozen=True)
class Verdict:
    """Why a pod ends by its kubelet's decision rather than by its containers'."""

    reason: str
    message: str
    disruption: bool = False  # adds the condition DisruptionTarget, reason TerminationByKubelet


@dataclass(frozen=True)
class Facts:
    """What the kubelet knows of a pod besides its containers."""

    started_us: int | None
    host_ip: str
    pod_ip: str | None
    sandbox: bool  # PodReadyToStartContainers
    stopped: bool  # nothing of it runs any more, nor ever will
    verdict: Verdict | None


def phase_of(containers: Sequence[Container], restart_policy: str, *, stopped: bool) -> str:
    """The phase that the containers' states give; `stopped` once nothing runs or will run again."""
    inits = [container for container in containers if container.role == "init"]
    sidecars = [container for container in containers if container.role == "sidecar"]
    apps = [container for container in containers if container.role == "app"]
    if any(_failed_for_good(container, restart_policy) for container in inits):
        return "Failed"
    pending = any(container.exit_code != 0 for container in inits) or any(
        isinstance(container.state, Waiting) and container.last is None for container in sidecars
    )
    waiting = any(
        container.starting or (isinstance(container.state, Waiting) and container.last is None) for container in apps
    )
    if stopped:
        return "Succeeded" if all(container.exit_code == 0 for container in apps) else "Failed"
    if pending or waiting:
        return "Pending"
    if any(container.is_running for container in apps):
        return "Running"
    if any(_comes_back(container, restart_policy) for container in apps):
        return "Running"
    return "Succeeded" if all(container.exit_code == 0 for container in apps) else "Failed"


def _failed_for_good(container: Container, restart_policy: str) -> bool:
    code = container.exit_code
    return code is not None and code != 0 and not restarts_after(container, restart_policy, code)


def _comes_back(container: Container, restart_policy: str) -> bool:
    if isinstance(container.state, Waiting):
        return True
    return isinstance(container.state, Terminated) and restarts_after(
        container, restart_policy, container.state.exit_code
    )


def status_of(pod: Object, containers: Sequence[Container], facts: Facts, now_us: int) -> dict[str, Any]:
    """The pod's whole status; what others wrote (their conditions, qosClass, nominatedNodeName) stays."""
    old: Mapping[str, Any] = pod.get("status") or {}
    phase = phase_of(containers, restart_policy_of(pod), stopped=facts.stopped)
    if facts.verdict is not None and facts.stopped:
        phase = "Failed"
    if old.get("phase") in {"Succeeded", "Failed"}:
        phase = str(old["phase"])  # a terminal phase is never taken back
    elif not facts.stopped and phase in {"Succeeded", "Failed"}:
        phase = str(old.get("phase", "Pending"))  # a terminal phase waits until nothing runs (since 1.27)
    status = {**old, "phase": phase, "hostIP": facts.host_ip, "hostIPs": [{"ip": facts.host_ip}]}
    if facts.verdict is not None and phase == "Failed":
        status["reason"], status["message"] = facts.verdict.reason, facts.verdict.message
    if facts.started_us is not None:
        status["startTime"] = format_time(facts.started_us)
    if facts.pod_ip is not None:
        status["podIP"] = facts.pod_ip
        status["podIPs"] = [{"ip": facts.pod_ip}]
    generation = pod["metadata"].get("generation")
    if generation is not None:
        status["observedGeneration"] = generation
    conditions = old.get("conditions") or []
    gates = [str(gate["conditionType"]) for gate in pod["spec"].get("readinessGates") or ()]
    held = _held_by(gates, conditions)
    own = conditions_of(phase, containers, facts, held)
    status["conditions"] = _merged(conditions, own, generation, format_time(now_us))
    for field, roles in (("initContainerStatuses", {"init", "sidecar"}), ("containerStatuses", {"app"})):
        entries = [container_status(container) for container in containers if container.role in roles]
        if field == "containerStatuses":
            entries.sort(key=lambda entry: str(entry["name"]))  # as kubelets do; init containers stay in their order
        if entries:
            status[field] = entries
    return status


def _merged(
    present: Sequence[Mapping[str, Any]], own: Sequence[dict[str, Any]], generation: int | None, now: str
) -> list[Mapping[str, Any]]:
    """The conditions of others as they are, and the kubelet's own, in the places that they have; as the API writes them."""
    before = {entry["type"]: entry for entry in present}
    fresh: dict[str, Mapping[str, Any]] = {}
    for entry in own:
        known = before.get(entry["type"])
        same = known is not None and known["status"] == entry["status"]
        moved = known.get("lastTransitionTime", now) if known is not None and same else now
        fresh[entry["type"]] = {**entry, "lastProbeTime": None, "lastTransitionTime": moved}
        if generation is not None:
            fresh[entry["type"]] = {**fresh[entry["type"]], "observedGeneration": generation}
    result = [fresh.pop(entry["type"], entry) for entry in present]
    return [*result, *fresh.values()]


def rejected_status(pod: Object, verdict: Verdict, now_us: int) -> dict[str, Any]:
    """The status of a pod that the kubelet refused to admit: Failed, and not one container status (`rejectPod`)."""
    status: dict[str, Any] = thaw(pod.get("status") or {})
    status.update(phase="Failed", reason=verdict.reason, message=verdict.message, startTime=format_time(now_us))
    return status


def restart_policy_of(pod: Object) -> str:
    """`spec.restartPolicy`, Always when unset."""
    return str(pod["spec"].get("restartPolicy") or "Always")


def _held_by(gates: Sequence[str], conditions: Sequence[Mapping[str, Any]]) -> list[str]:
    """Why the readiness gates hold the pod back, as the condition Ready says it."""
    known = {entry["type"]: entry["status"] for entry in conditions}
    missing = [
        f'corresponding condition of pod readiness gate "{gate}" does not exist.' for gate in gates if gate not in known
    ]
    untrue = [
        f'the status of pod readiness gate "{gate}" is not "True", but {known[gate]}'
        for gate in gates
        if gate in known and known[gate] != "True"
    ]
    return [*missing, *untrue]


def conditions_of(
    phase: str, containers: Sequence[Container], facts: Facts, held_by: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The conditions that a kubelet owns, in its order; `held_by` are the readiness gates that are not open."""
    conditions = [{"type": "PodReadyToStartContainers", "status": _word(facts.sandbox and not facts.stopped)}]
    apps = [container for container in containers if container.role == "app"]
    others = [container for container in containers if container.role != "app"]
    if phase == "Succeeded":
        conditions.append({"type": "Initialized", "status": "True", "reason": "PodCompleted"})
    else:
        missing = [container.name for container in others if not _initialized(container)]
        conditions.append(_unless("Initialized", missing, "ContainersNotInitialized", "incomplete"))
    for kind in ("Ready", "ContainersReady"):
        if phase == "Succeeded":
            conditions.append({"type": kind, "status": "False", "reason": "PodCompleted"})
        elif phase == "Failed":
            conditions.append({"type": kind, "status": "False", "reason": "PodFailed"})
        else:
            sidecars = [container for container in others if container.role == "sidecar"]
            unready = [container.name for container in (*sidecars, *apps) if not container.ready]
            if kind == "Ready" and not unready and held_by:
                message = ", ".join(held_by)
                conditions.append(
                    {"type": kind, "status": "False", "reason": "ReadinessGatesNotReady", "message": message}
                )
            else:
                conditions.append(_unless(kind, unready, "ContainersNotReady", "unready"))
    if facts.verdict is not None and facts.verdict.disruption and phase == "Failed":
        conditions.append(
            {
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "TerminationByKubelet",
                "message": facts.verdict.message,
            }
        )
    return conditions


def _initialized(container: Container) -> bool:
    if container.role == "sidecar":
        return container.started
    return container.exit_code == 0


def _unless(kind: str, missing: Iterable[str], reason: str, word: str) -> dict[str, Any]:
    names = list(missing)
    if not names:
        return {"type": kind, "status": "True"}
    message = f"containers with {word} status: [{' '.join(names)}]"
    return {"type": kind, "status": "False", "reason": reason, "message": message}


def _word(value: bool) -> str:
    return "True" if value else "False"


def container_status(container: Container) -> dict[str, Any]:
    """One entry of containerStatuses or initContainerStatuses."""
    done = container.role == "init" and container.exit_code == 0
    shown = Waiting("ContainerCreating" if container.role == "app" else "PodInitializing")
    status: dict[str, Any] = {
        "name": container.name,
        "state": _state(shown if container.starting else container.state, container.container_id),
        "lastState": _state(container.last, "") if container.last is not None else {},
        "ready": container.ready if container.role != "init" else done,
        "restartCount": container.restarts,
        "image": container.image,
        "imageID": container.image_id,
        "started": container.started,
    }
    if container.container_id:
        status["containerID"] = container.container_id
    return status


def _state(state: State, container_id: str) -> Mapping[str, Any]:
    if isinstance(state, Waiting):
        waiting = {"reason": state.reason}
        if state.message:
            waiting["message"] = state.message
        return {"waiting": waiting}
    if isinstance(state, Running):
        return {"running": {"startedAt": format_time(state.started_us)}}
    terminated: dict[str, Any] = {
        "exitCode": state.exit_code,
        "reason": state.reason,
        "containerID": state.container_id or container_id,
    }
    if state.started_us is not None:
        terminated["startedAt"] = format_time(state.started_us)
    if state.finished_us is not None:
        terminated["finishedAt"] = format_time(state.finished_us)
    if state.message:
        terminated["message"] = state.message
    if state.signal:
        terminated["signal"] = state.signal
    return {"terminated": terminated}
