"""What a change of a node or a pod means to pods that wait: the labels of the cluster events that it makes.

Follows `pkg/scheduler/framework/events.go` (1.34). Uncordoning counts as a change of taints.
"""

from __future__ import annotations

from typing import Any

from harness.cluster.scheduler.podinfo import Amounts, allocated, requests_of
from harness.kube.objects import Object, is_deleting, labels_of


def node_changes(old: Object, new: Object) -> list[str]:
    """In upstream's order; empty when nothing that scheduling looks at changed."""
    before, now = old.get("spec") or {}, new.get("spec") or {}
    status_before, status_now = old.get("status") or {}, new.get("status") or {}
    found = []
    if before.get("unschedulable") and not now.get("unschedulable"):
        found.append("Node/UpdateNodeTaint")
    if status_before.get("allocatable") != status_now.get("allocatable"):
        found.append("Node/UpdateNodeAllocatable")
    if labels_of(old) != labels_of(new):
        found.append("Node/UpdateNodeLabel")
    if (before.get("taints") or ()) != (now.get("taints") or ()):
        found.append("Node/UpdateNodeTaint")
    if _conditions(status_before) != _conditions(status_now):
        found.append("Node/UpdateNodeCondition")
    if (old["metadata"].get("annotations") or {}) != (new["metadata"].get("annotations") or {}):
        found.append("Node/UpdateNodeAnnotation")
    return found


def node_offers_differ(old: Object, new: Object) -> bool:
    """Whether the node has to be looked at anew; heartbeats, conditions and annotations do not matter."""
    before, now = old.get("spec") or {}, new.get("spec") or {}
    status_before, status_now = old.get("status") or {}, new.get("status") or {}
    return (
        labels_of(old) != labels_of(new)
        or (before.get("taints") or ()) != (now.get("taints") or ())
        or bool(before.get("unschedulable")) != bool(now.get("unschedulable"))
        or status_before.get("allocatable") != status_now.get("allocatable")
        or (status_before.get("images") or ()) != (status_now.get("images") or ())
    )


def pod_changes(old: Object, new: Object) -> list[str]:
    """In upstream's order; empty for an update that no plugin listens to."""
    found = []
    if labels_of(old) != labels_of(new):
        found.append("Pod/UpdatePodLabel")
    if _shrank(old, new):
        found.append("Pod/UpdatePodScaleDown")
    if old["spec"].get("schedulingGates") and not new["spec"].get("schedulingGates"):
        found.append("Pod/UpdatePodSchedulingGatesEliminated")
    if len(old["spec"].get("tolerations") or ()) != len(new["spec"].get("tolerations") or ()):
        found.append("Pod/UpdatePodToleration")
    return found


def matters(old: Object, new: Object) -> bool:
    """Whether scheduling looks at what changed of a pod; most status changes do not matter."""
    if old["spec"] is not new["spec"] and old["spec"] != new["spec"]:
        return True
    if labels_of(old) != labels_of(new) or is_deleting(old) != is_deleting(new):
        return True
    before, now = old.get("status") or {}, new.get("status") or {}
    keys = ("nominatedNodeName", "startTime")
    if any(before.get(key) != now.get(key) for key in keys):
        return True
    return allocated(before) != allocated(now)


def _conditions(status: Any) -> dict[str, str]:
    return {str(entry["type"]): str(entry.get("status")) for entry in status.get("conditions") or ()}


def _shrank(old: Object, new: Object) -> bool:
    if old["spec"] is new["spec"] and allocated(old.get("status") or {}) == allocated(new.get("status") or {}):
        return False
    before, now = (requests_of(pod["spec"], pod.get("status")) for pod in (old, new))
    return any(was > left for was, left in _pairs(before, now))


def _pairs(before: Amounts, now: Amounts) -> list[tuple[int, int]]:
    left = dict(now.scalars)
    return [
        (before.milli_cpu, now.milli_cpu),
        (before.memory_bytes, now.memory_bytes),
        (before.ephemeral_bytes, now.ephemeral_bytes),
        *((amount, left.get(name, -1)) for name, amount in before.scalars),
    ]
