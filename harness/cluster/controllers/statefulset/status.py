"""Status of a StatefulSet (`pkg/controller/statefulset/stateful_set_control.go`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.cluster.controllers.pods import is_available, is_ready, phase_of
from harness.cluster.controllers.statefulset.identity import replicas_of, revision_of
from harness.kube.objects import Object, is_deleting

_COMPARED = (
    "replicas",
    "currentReplicas",
    "readyReplicas",
    "updatedReplicas",
    "currentRevision",
    "availableReplicas",
    "updateRevision",
)
_ALWAYS = {"replicas", "availableReplicas", "collisionCount"}


def is_created(pod: Object) -> bool:
    """Whether the API has stored it: drafts have no phase."""
    return bool((pod.get("status") or {}).get("phase"))


def is_running_and_ready(pod: Object) -> bool:
    """Phase Running, condition Ready."""
    return is_created(pod) and phase_of(pod) == "Running" and is_ready(pod)


def counts(pods: Iterable[Object], min_ready_s: int, current: str, update: str, now_us: int) -> dict[str, int]:
    """The replica counts."""
    found = dict.fromkeys(("replicas", "readyReplicas", "availableReplicas", "currentReplicas", "updatedReplicas"), 0)
    for pod in pods:
        if not is_created(pod):
            continue
        found["replicas"] += 1
        if is_running_and_ready(pod):
            found["readyReplicas"] += 1
            found["availableReplicas"] += is_available(pod, min_ready_s, now_us)
        if not is_deleting(pod):
            found["currentReplicas"] += revision_of(pod) == current
            found["updatedReplicas"] += revision_of(pod) == update
    return found


def complete(stateful_set: Object, status: dict[str, Any]) -> None:
    """A rolling update whose pods are all new and ready is over: the update revision becomes the current one."""
    wanted = replicas_of(stateful_set)
    if stateful_set["spec"]["updateStrategy"]["type"] == "RollingUpdate" and all(
        status[field] == wanted for field in ("updatedReplicas", "readyReplicas", "replicas")
    ):
        status["currentReplicas"] = status["updatedReplicas"]
        status["currentRevision"] = status["updateRevision"]


def differs(before: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Whether the status is worth a write."""
    if int(status["observedGeneration"]) > int(before.get("observedGeneration") or 0):
        return True
    return any((before.get(field) or 0) != (status.get(field) or 0) for field in _COMPARED)


def stored_form(status: Mapping[str, Any]) -> dict[str, Any]:
    """As it is served: counts of nothing are left out, but for those that the type always has."""
    return {field: value for field, value in status.items() if value or field in _ALWAYS}
