"""The scale subresource of deployments and replica sets (autoscaling/v1 Scale). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.api.tables.columns import label_selector
from harness.kube.errors import BadRequest
from harness.kube.objects import Object


def scale_of(obj: Object) -> dict[str, Any]:
    """The Scale of a workload."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {key: obj["metadata"][key] for key in kept if key in obj["metadata"]},
        "spec": {"replicas": spec["replicas"]} if spec.get("replicas") else {},
        "status": {"replicas": status.get("replicas", 0), "selector": label_selector(spec.get("selector"))},
    }


def replicas_patch(scale: Mapping[str, Any]) -> dict[str, Any]:
    """The change of the workload that a Scale asks for."""
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        raise BadRequest(f"spec.replicas of a Scale has to be a whole number, got {replicas!r}")
    patch: dict[str, Any] = {"spec": {"replicas": replicas}}
    version = (scale.get("metadata") or {}).get("resourceVersion")
    if version:
        patch["metadata"] = {"resourceVersion": version}
    return patch
