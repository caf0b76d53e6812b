"""What binding does to a pod (`pkg/registry/core/pod/storage/storage.go`, Kubernetes 1.34). Pure."""

from __future__ import annotations

from typing import Any

from harness.kube.errors import Conflict
from harness.kube.objects import Object, is_deleting, name_of, with_condition


def bind(pod: Object, node: str, now: str) -> dict[str, Any]:
    """The pod on its node. Raises Conflict when it has one already, goes away, or is gated."""
    name, spec = name_of(pod), pod["spec"]
    if is_deleting(pod):
        raise _refusal(name, f"pod {name} is being deleted, cannot be assigned to a host")
    if spec.get("nodeName"):
        raise _refusal(name, f'pod {name} is already assigned to node "{spec["nodeName"]}"')
    if spec.get("schedulingGates"):
        raise _refusal(name, f"pod {name} has non-empty .spec.schedulingGates")
    status = pod.get("status") or {}
    placed = {"type": "PodScheduled", "status": "True", "lastProbeTime": None}
    conditions = with_condition(status.get("conditions") or (), placed, now)
    return {**pod, "spec": {**spec, "nodeName": node}, "status": {**status, "conditions": conditions}}


def _refusal(name: str, why: str) -> Conflict:
    details = {"name": name, "kind": "pods/binding"}
    return Conflict(f'Operation cannot be fulfilled on pods/binding "{name}": {why}', details=details)
