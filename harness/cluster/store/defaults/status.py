"""The status that a new object has (the strategies' PrepareForCreate): what a client sends as status is ignored, except for nodes."""

from __future__ import annotations

from typing import Any

from harness.cluster.store.defaults.pods import qos_class
from harness.kube.resources import (
    JOBS,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    REPLICA_SETS,
    SERVICES,
    Resource,
)

Draft = dict[str, Any]


def begin_status(resource: Resource, draft: Draft) -> None:
    """Set the first status of a new object of a type that has a status subresource."""
    if resource == NODES:
        draft.setdefault("status", {})
    elif resource == PODS:
        draft["status"] = {"phase": "Pending", "qosClass": qos_class(draft["spec"])}
    elif resource == NAMESPACES:
        draft["status"] = {"phase": "Active"}
    elif resource in {PERSISTENT_VOLUMES, PERSISTENT_VOLUME_CLAIMS}:
        draft["status"] = {"phase": "Pending"}
    elif resource == SERVICES:
        draft["status"] = {"loadBalancer": {}}
    elif resource == REPLICA_SETS:
        draft["status"] = {"replicas": 0}
    else:
        draft["status"] = {}
    if resource == JOBS and not draft["metadata"].get("labels"):
        # Upstream this is a default, but one of reading: validation of the new job has not seen it.
        draft["metadata"]["labels"] = dict(draft["spec"]["template"]["metadata"].get("labels") or {})
