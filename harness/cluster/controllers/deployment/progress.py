"""Status and conditions of a Deployment (`pkg/controller/deployment/{sync,progress}.go`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import SECOND, format_time, parse_time
from harness.cluster.controllers.deployment.rollout import available_of, bounds_of
from harness.kube.objects import Object, condition, name_of

_ORDER = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")


def _count(replica_sets: Sequence[Object], field: str) -> int:
    return sum(int((entry.get("status") or {}).get(field) or 0) for entry in replica_sets)


def counts(new: Object | None, replica_sets: Sequence[Object]) -> dict[str, int]:
    """The replica counts, without those that are zero."""
    wanted = sum(int(entry["spec"].get("replicas", 1)) for entry in replica_sets)
    available = sum(available_of(entry) for entry in replica_sets)
    values = {
        "replicas": _count(replica_sets, "replicas"),
        "updatedReplicas": _count([new] if new is not None else [], "replicas"),
        "readyReplicas": _count(replica_sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(wanted - available, 0),
    }
    return {field: values[field] for field in _ORDER if values[field]}


def with_entry(
    conditions: Sequence[Any], kind: str, status: str, reason: str, message: str, now_us: int
) -> list[dict[str, Any]]:
    """`conditions` with the entry at the end; nothing changes when status and reason are the same (Progressing: and the message)."""
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
    return [*(dict(other) for other in conditions if other["type"] != kind), entry]


def availability(deployment: Object, available: int, conditions: Sequence[Any], now_us: int) -> list[dict[str, Any]]:
    """The condition Available."""
    spec = deployment["spec"]
    if available >= int(spec.get("replicas", 1)) - bounds_of(spec).unavailable:
        words = ("True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
    else:
        words = ("False", "MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    return with_entry(conditions, "Available", *words, now_us)


def replica_failure(new: Object | None, conditions: Sequence[Any], now_us: int) -> list[dict[str, Any]]:
    """The condition ReplicaFailure, taken over from the new ReplicaSet while it stands there."""
    failure = None if new is None else condition(new, "ReplicaFailure")
    if failure is None:
        return [dict(entry) for entry in conditions if entry["type"] != "ReplicaFailure"]
    words = (failure["status"], failure["reason"], failure["message"])
    return with_entry(conditions, "ReplicaFailure", *words, now_us)


def is_complete(deployment: Object, status: Mapping[str, int]) -> bool:
    """All replicas are new and available, and no old one is left."""
    replicas = int(deployment["spec"].get("replicas", 1))
    return (
        status.get("updatedReplicas", 0) == replicas
        and status.get("replicas", 0) == replicas
        and status.get("availableReplicas", 0) == replicas
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
    """The condition Progressing."""
    subject = f'ReplicaSet "{name_of(new)}"' if new is not None else f'Deployment "{name_of(deployment)}"'
    before = condition({"status": {"conditions": conditions}}, "Progressing")
    if is_complete(deployment, status):
        message = f"{subject} has successfully progressed."
        return with_entry(conditions, "Progressing", "True", "NewReplicaSetAvailable", message, now_us)
    if has_progressed(deployment.get("status") or {}, status):
        # Each step forward moves lastUpdateTime, from which the deadline counts.
        kept = [entry for entry in conditions if entry["type"] != "Progressing"]
        fresh = with_entry(kept, "Progressing", "True", "ReplicaSetUpdated", f"{subject} is progressing.", now_us)
        if before is not None and before["status"] == "True":
            fresh[-1]["lastTransitionTime"] = before["lastTransitionTime"]
        return fresh
    if (left := deadline_in_us(deployment, conditions, now_us)) is not None and left <= 0:
        message = f"{subject} has timed out progressing."
        return with_entry(conditions, "Progressing", "False", "ProgressDeadlineExceeded", message, now_us)
    return [dict(entry) for entry in conditions]


def deadline_in_us(deployment: Object, conditions: Sequence[Any], now_us: int) -> int | None:
    """What is left of progressDeadlineSeconds; None when nothing is rolled out or it is over."""
    entry = condition({"status": {"conditions": conditions}}, "Progressing")
    allowed_s = deployment["spec"].get("progressDeadlineSeconds")
    if entry is None or allowed_s is None or entry["reason"] == "NewReplicaSetAvailable" or entry["status"] != "True":
        return None
    return parse_time(entry["lastUpdateTime"]) + int(allowed_s) * SECOND - now_us
