"""The status that a new object has (the strategies' PrepareForCreate): what a client sends as status is ignored, except for nodes."""

from __future__ import annotations

from typing import Any

from harness.cluster.store.types import find_message, message_of, zero
from harness.kube.qos import qos_class
from harness.kube.resources import (
    API_SERVICES,
    JOBS,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    Resource,
)

Draft = dict[str, Any]


def begin_status(resource: Resource, draft: Draft, now: str) -> None:
    """Set the first status of a new object of a type that has a status subresource."""
    if resource == NODES:
        draft.setdefault("status", {})
    elif resource == PODS:
        draft["status"] = {"phase": "Pending", "qosClass": qos_class(draft["spec"])}
        if draft["spec"].get("schedulingGates"):
            draft["status"]["conditions"] = [_gated(now)]
    elif resource == NAMESPACES:
        draft["status"] = {"phase": "Active"}
    elif resource == PERSISTENT_VOLUMES:
        draft["status"] = {"phase": "Pending", "lastPhaseTransitionTime": now}
    elif resource == PERSISTENT_VOLUME_CLAIMS:
        draft["status"] = {"phase": "Pending"}
    elif resource == API_SERVICES:
        draft["status"] = {} if draft["spec"].get("service") else {"conditions": [_local(now)]}
    elif message_of(resource) is None:
        draft.pop("status", None)
    else:
        draft["status"] = _empty(resource)
    if resource == JOBS and not draft["metadata"].get("labels"):
        # Upstream this is a default, but one of reading: validation of the new job has not seen it.
        draft["metadata"]["labels"] = dict(draft["spec"]["template"]["metadata"].get("labels") or {})


def _empty(resource: Resource) -> Draft:
    """The status with nothing set: some have fields that are written although they are empty."""
    message = message_of(resource)
    field = None if message is None else message.fields.get("status")
    inner = None if field is None else find_message(field.item)
    return {} if inner is None else zero(inner)


def _local(now: str) -> Draft:
    """An API that the API server serves itself is available at once."""
    return {
        "type": "Available",
        "status": "True",
        "lastTransitionTime": now,
        "reason": "Local",
        "message": "Local APIServices are always available",
    }


def _gated(now: str) -> Draft:
    return {
        "type": "PodScheduled",
        "status": "False",
        "lastProbeTime": None,
        "lastTransitionTime": now,
        "reason": "SchedulingGated",
        "message": "Scheduling is blocked due to non-empty scheduling gates",
    }
