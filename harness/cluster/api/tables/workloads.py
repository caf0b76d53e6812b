"""Tables of pods, nodes, jobs, deployments, replica sets and events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import SECOND, parse_time
from harness.cluster.api.tables.columns import (
    NONE,
    UNKNOWN,
    Column,
    Printer,
    age,
    container_columns,
    dig,
    human_duration,
    label_selector,
    name_column,
    since,
    wide,
)
from harness.kube.objects import Object, is_deleting, is_true, labels_of, name_of
from harness.kube.resources import (
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    NODES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
)

_ROLE = "node-role.kubernetes.io/"
_TEMPLATE_COLUMNS = wide("Containers", "Images", "Selector")


def _pod(pod: Object, now_us: int) -> list[Any]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    reason, ready, restarts = _pod_state(pod, spec, status, now_us)
    total = len(spec.get("containers") or ())
    nominated, gates = status.get("nominatedNodeName"), spec.get("readinessGates") or ()
    passed = sum(is_true(pod, gate["conditionType"]) for gate in gates)
    return [
        name_of(pod),
        f"{ready}/{total}",
        reason,
        restarts,
        age(pod, now_us),
        status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        nominated or NONE,
        f"{passed}/{len(gates)}" if gates else NONE,
    ]


def _pod_state(pod: Object, spec: Mapping[str, Any], status: Mapping[str, Any], now_us: int) -> tuple[str, int, str]:
    """STATUS, how many containers are ready, RESTARTS."""
    reason = str(status.get("reason") or status.get("phase") or "")
    gated = any(
        c.get("reason") == "SchedulingGated" for c in status.get("conditions") or () if c["type"] == "PodScheduled"
    )
    reason = "SchedulingGated" if gated else reason
    inits = status.get("initContainerStatuses") or ()
    counted = inits
    initializing = _initializing(inits, len(spec.get("initContainers") or ()))
    ready = 0
    if initializing and not is_true(pod, "Initialized"):
        reason = initializing
    else:
        counted = status.get("containerStatuses") or ()
        ready = sum(bool(entry.get("ready")) and dig(entry, "state", "running") is not None for entry in counted)
        for entry in reversed(counted):
            reason = _container_reason(entry.get("state") or {}) or reason
        if reason == "Completed" and ready:
            reason = "Running" if is_true(pod, "Ready") else "NotReady"
    if is_deleting(pod) and status.get("reason") == "NodeLost":
        reason = "Unknown"
    elif is_deleting(pod) and status.get("phase") not in {"Succeeded", "Failed"}:
        reason = "Terminating"
    return reason, ready, _restarts(counted, now_us)


def _initializing(statuses: Any, total: int) -> str:
    """STATUS while init containers run, empty when all have succeeded."""
    for position, entry in enumerate(statuses):
        state = entry.get("state") or {}
        if "terminated" in state:
            if state["terminated"].get("exitCode") == 0:
                continue
            return f"Init:{_container_reason(state)}"
        waiting = dig(state, "waiting", "reason")
        return f"Init:{waiting}" if waiting and waiting != "PodInitializing" else f"Init:{position}/{total}"
    return ""


def _container_reason(state: Mapping[str, Any]) -> str:
    waiting = dig(state, "waiting", "reason")
    if waiting:
        return str(waiting)
    ended = state.get("terminated")
    if ended is None:
        return ""
    if ended.get("reason"):
        return str(ended["reason"])
    return f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"


def _restarts(statuses: Any, now_us: int) -> str:
    count = sum(int(entry.get("restartCount", 0)) for entry in statuses)
    ends = [dig(entry, "lastState", "terminated", "finishedAt") for entry in statuses]
    latest = max((stamp for stamp in ends if stamp), key=parse_time, default=None)
    return f"{count} ({since(latest, now_us)} ago)" if count and latest else str(count)


def _node(node: Object, now_us: int) -> list[Any]:
    status = node.get("status") or {}
    states = [("Ready" if is_true(node, "Ready") else "NotReady")] if _has_ready(status) else ["Unknown"]
    if dig(node, "spec", "unschedulable"):
        states.append("SchedulingDisabled")
    labels = labels_of(node)
    roles = [key.removeprefix(_ROLE) for key in labels if key.startswith(_ROLE) and key != _ROLE]
    roles += [labels["kubernetes.io/role"]] if labels.get("kubernetes.io/role") else []
    info = status.get("nodeInfo") or {}
    addresses = {entry["type"]: entry["address"] for entry in reversed(status.get("addresses") or ())}
    return [
        name_of(node),
        ",".join(states),
        ",".join(sorted(roles)) or NONE,
        age(node, now_us),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage") or UNKNOWN,
        info.get("kernelVersion") or UNKNOWN,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _has_ready(status: Mapping[str, Any]) -> bool:
    return any(entry.get("type") == "Ready" for entry in status.get("conditions") or ())


def _job(job: Object, now_us: int) -> list[Any]:
    spec, status = job.get("spec") or {}, job.get("status") or {}
    done, wanted, parallel = status.get("succeeded", 0), spec.get("completions"), spec.get("parallelism", 0)
    completions = f"{done}/{wanted}"
    if wanted is None:
        completions = f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"
    duration = ""
    if status.get("startTime"):
        end_us = parse_time(status["completionTime"]) if status.get("completionTime") else now_us
        duration = human_duration((end_us - parse_time(status["startTime"])) // SECOND)
    return [
        name_of(job),
        _job_state(job),
        completions,
        duration,
        age(job, now_us),
        *container_columns(dig(spec, "template", "spec") or {}),
        label_selector(spec.get("selector")),
    ]


def _job_state(job: Object) -> str:
    for kind in ("Complete", "Failed"):
        if is_true(job, kind):
            return kind
    if is_deleting(job):
        return "Terminating"
    return next(
        (kind for kind in ("Suspended", "FailureTarget", "SuccessCriteriaMet") if is_true(job, kind)), "Running"
    )


def _deployment(deployment: Object, now_us: int) -> list[Any]:
    spec, status = deployment.get("spec") or {}, deployment.get("status") or {}
    return [
        name_of(deployment),
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        str(status.get("updatedReplicas", 0)),
        str(status.get("availableReplicas", 0)),
        age(deployment, now_us),
        *container_columns(dig(spec, "template", "spec") or {}),
        label_selector(spec.get("selector")),
    ]


def _replica_set(replica_set: Object, now_us: int) -> list[Any]:
    spec, status = replica_set.get("spec") or {}, replica_set.get("status") or {}
    return [
        name_of(replica_set),
        spec.get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(replica_set, now_us),
        *container_columns(dig(spec, "template", "spec") or {}),
        label_selector(spec.get("selector")),
    ]


def _event(event: Object, now_us: int) -> list[Any]:
    first = since(event.get("firstTimestamp") or event.get("eventTime"), now_us)
    involved = event.get("involvedObject") or {}
    kind, name = str(involved.get("kind", "")).lower(), involved.get("name")
    source = event.get("source") or {}
    parts = [source.get("component") or event.get("reportingComponent") or "", source.get("host") or ""]
    return [
        since(event.get("lastTimestamp"), now_us) if event.get("lastTimestamp") else first,
        event.get("type", ""),
        event.get("reason", ""),
        f"{kind}/{name}" if name else kind,
        involved.get("fieldPath", ""),
        ", ".join(filter(None, parts)),
        str(event.get("message", "")).strip(),
        first,
        str(event.get("count") or 1),
        name_of(event),
    ]


def _budget(budget: Object, now_us: int) -> list[Any]:
    spec = budget.get("spec") or {}
    return [
        name_of(budget),
        str(spec["minAvailable"]) if "minAvailable" in spec else "N/A",
        str(spec["maxUnavailable"]) if "maxUnavailable" in spec else "N/A",
        dig(budget, "status", "disruptionsAllowed") or 0,
        age(budget, now_us),
    ]


WORKLOADS: Mapping[str, Printer] = {
    PODS.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Ready", "Status", "Restarts", "Age")),
            *wide("IP", "Node", "Nominated Node", "Readiness Gates"),
        ),
        _pod,
    ),
    NODES.group_resource: Printer(
        (
            name_column(),
            *map(Column, ("Status", "Roles", "Age", "Version")),
            *wide("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime"),
        ),
        _node,
    ),
    JOBS.group_resource: Printer(
        (name_column(), *map(Column, ("Status", "Completions", "Duration", "Age")), *_TEMPLATE_COLUMNS), _job
    ),
    DEPLOYMENTS.group_resource: Printer(
        (name_column(), *map(Column, ("Ready", "Up-to-date", "Available", "Age")), *_TEMPLATE_COLUMNS), _deployment
    ),
    REPLICA_SETS.group_resource: Printer(
        (
            name_column(),
            *(Column(name, "integer") for name in ("Desired", "Current", "Ready")),
            Column("Age"),
            *_TEMPLATE_COLUMNS,
        ),
        _replica_set,
    ),
    EVENTS.group_resource: Printer(
        (
            *map(Column, ("Last Seen", "Type", "Reason", "Object")),
            *wide("Subobject", "Source"),
            Column("Message"),
            *wide("First Seen", "Count"),
            Column("Name", priority=1, format="name"),
        ),
        _event,
    ),
    POD_DISRUPTION_BUDGETS.group_resource: Printer(
        (
            name_column(),
            Column("Min Available"),
            Column("Max Unavailable"),
            Column("Allowed Disruptions", "integer"),
            Column("Age"),
        ),
        _budget,
    ),
}
