"""Status and conditions of a Deployment (`pkg/controller/deployment/{sync,progress}.go`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import SECOND, format_time, parse_time
from harness.cluster.controllers.deployment.rollout import available_of, bounds_of, replicas_of, wanted_of
from harness.kube.objects import Object, condition, name_of

_ORDER = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
_AVAILABLE = "NewReplicaSetAvailable"
_TIMED_OUT = "ProgressDeadlineExceeded"
_UNLIMITED = 2**31 - 1


def has_deadline(deployment: Object) -> bool:
    """Whether progress is watched at all."""
    limit = deployment["spec"].get("progressDeadlineSeconds")
    return limit is not None and int(limit) != _UNLIMITED


def _count(replica_sets: Sequence[Object], field: str) -> int:
    return sum(int((entry.get("status") or {}).get(field) or 0) for entry in replica_sets)


def counts(new: Object | None, replica_sets: Sequence[Object], *, terminating: bool = False) -> dict[str, int]:
    """The replica counts, without those that are zero; `terminating` counts pods on their way out, too (1.35)."""
    wanted = sum(wanted_of(entry) for entry in replica_sets)
    available = sum(available_of(entry) for entry in replica_sets)
    values = {
        "replicas": _count(replica_sets, "replicas"),
        "updatedReplicas": _count([new] if new is not None else [], "replicas"),
        "readyReplicas": _count(replica_sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(wanted - available, 0),
    }
    found = {field: values[field] for field in _ORDER if values[field]}
    if terminating and all(_tells_terminating(entry) for entry in replica_sets):
        found["terminatingReplicas"] = _count(replica_sets, "terminatingReplicas")
    return found


def _tells_terminating(replica_set: Object) -> bool:
    """A ReplicaSet that was never looked at has none; one that was, and does not tell, spoils the sum."""
    status = replica_set.get("status") or {}
    return "terminatingReplicas" in status or not status.get("observedGeneration")


def with_entry(
    conditions: Sequence[Any], kind: str, status: str, reason: str, message: str, now_us: int
) -> list[dict[str, Any]]:
    """`conditions` with the entry at the end; nothing changes when status and reason are the same."""
    now = format_time(now_us)
    before = next((entry for entry in conditions if entry["type"] == kind), None)
    if before is not None and (before["status"], before["reason"]) == (status, reason):
        return [dict(entry) for entry in conditions]
    entry = {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastUpdateTime": now,
        "lastTransitionTime": before["lastTransitionTime"]
        if before is not None and before["status"] == status
        else now,
    }
    return [*without(conditions, kind), entry]


def without(conditions: Sequence[Any], kind: str) -> list[dict[str, Any]]:
    """`conditions` but those of a type."""
    return [dict(entry) for entry in conditions if entry["type"] != kind]


def availability(deployment: Object, available: int, conditions: Sequence[Any], now_us: int) -> list[dict[str, Any]]:
    """The condition Available."""
    spec = deployment["spec"]
    if available >= replicas_of(spec) - bounds_of(spec).unavailable:
        words = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        words = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return with_entry(conditions, "Available", *words, now_us)


def replica_failure(
    new: Object | None, replica_sets: Sequence[Object], conditions: Sequence[Any], now_us: int
) -> list[dict[str, Any]]:
    """The condition ReplicaFailure, taken over from the new ReplicaSet, or from an old one, while it stands there."""
    failure = None if new is None else condition(new, "ReplicaFailure")
    for entry in replica_sets:
        failure = failure or condition(entry, "ReplicaFailure")
    if failure is None:
        return without(conditions, "ReplicaFailure")
    words = (failure["status"], failure["reason"], failure["message"])
    return with_entry(conditions, "ReplicaFailure", *words, now_us)


def is_complete(deployment: Object, status: Mapping[str, Any]) -> bool:
    """All replicas are new and available, no old one is left, and the spec has been seen."""
    replicas = replicas_of(deployment["spec"])
    seen = int(status.get("observedGeneration") or 0) >= int(deployment["metadata"].get("generation", 1))
    return seen and all(
        status.get(field, 0) == replicas for field in ("updatedReplicas", "replicas", "availableReplicas")
    )


def has_progressed(before: Mapping[str, int], now: Mapping[str, int]) -> bool:
    """More new pods, fewer old ones, more ready or more available."""
    old_before = before.get("replicas", 0) - before.get("updatedReplicas", 0)
    old_now = now.get("replicas", 0) - now.get("updatedReplicas", 0)
    return (
        now.get("updatedReplicas", 0) > before.get("updatedReplicas", 0)
        or old_now < old_before
        or now.get("readyReplicas", 0) > before.get("readyReplicas", 0)
        or now.get("availableReplicas", 0) > before.get("availableReplicas", 0)
    )


def progressing(
    deployment: Object, new: Object | None, status: dict[str, Any], conditions: Sequence[Any], now_us: int
) -> list[dict[str, Any]]:
    """The condition Progressing. A rollout that is over stays so, whatever happens to its pods."""
    subject = f'ReplicaSet "{name_of(new)}"' if new is not None else f'Deployment "{name_of(deployment)}"'
    before = condition({"status": {"conditions": conditions}}, "Progressing")
    if not has_deadline(deployment):
        return without(conditions, "Progressing")
    over = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    if over and before is not None and before["reason"] == _AVAILABLE:
        return [dict(entry) for entry in conditions]
    if is_complete(deployment, status):
        message = f"{subject} has successfully progressed."
        return with_entry(conditions, "Progressing", "True", _AVAILABLE, message, now_us)
    if has_progressed(deployment.get("status") or {}, status):
        # Each step forward moves lastUpdateTime, from which the deadline counts.
        kept = without(conditions, "Progressing")
        fresh = with_entry(kept, "Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing.", now_us)
        if before is not None and before["status"] == "True":
            fresh[-1]["lastTransitionTime"] = before["lastTransitionTime"]
        return fresh
    if (left := deadline_in_us(deployment, conditions, now_us)) is not None and left <= 0:
        message = f"{subject} has timed out progressing."
        return with_entry(conditions, "Progressing", "False", _TIMED_OUT, message, now_us)
    return [dict(entry) for entry in conditions]


def paused(deployment: Object, now_us: int) -> list[dict[str, Any]] | None:
    """The conditions when Progressing has to say that the Deployment is paused, or is so no more; None when nothing changes."""
    entry = condition(deployment, "Progressing")
    if not has_deadline(deployment) or (entry is not None and entry["reason"] == _TIMED_OUT):
        return None
    said = entry is not None and entry["reason"] == "DeploymentPaused"
    conditions = (deployment.get("status") or {}).get("conditions") or ()
    if deployment["spec"].get("paused") and not said:
        words = ("DeploymentPaused", "Deployment is paused")
    elif said and not deployment["spec"].get("paused"):
        words = ("DeploymentResumed", "Deployment is resumed")
    else:
        return None
    return with_entry(conditions, "Progressing", "Unknown", *words, now_us)


def deadline_in_us(deployment: Object, conditions: Sequence[Any], now_us: int) -> int | None:
    """What is left of progressDeadlineSeconds; None when nothing is rolled out or it is over."""
    entry = condition({"status": {"conditions": conditions}}, "Progressing")
    if entry is None or not has_deadline(deployment) or entry["reason"] in {_AVAILABLE, _TIMED_OUT}:
        return None
    allowed_s = int(deployment["spec"]["progressDeadlineSeconds"])
    return parse_time(entry["lastUpdateTime"]) + allowed_s * SECOND - now_us
