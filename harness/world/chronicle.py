"""Writes the life of nodes, pods and workflows to the timeline as they change, whichever component changed them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import Timeline
from harness.kube.client import Change, Reader
from harness.kube.objects import Object, is_true, key_of, labels_of, name_of
from harness.kube.resources import JOBS, NODES, PODS, WORKFLOWS

NODE_GROUP = "eks.amazonaws.com/nodegroup"
CAPACITY_TYPE = "eks.amazonaws.com/capacityType"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
NAME = "app.kubernetes.io/name"
ZONE = "topology.kubernetes.io/zone"


def describe_node(node: Object) -> dict[str, str]:
    """What a record says of a node: its group, capacity type, instance type and zone."""
    labels = labels_of(node)
    named = {"node_group": NODE_GROUP, "capacity_type": CAPACITY_TYPE, "instance_type": INSTANCE_TYPE, "zone": ZONE}
    return {key: labels[label] for key, label in named.items() if label in labels}


class Chronicle:
    """Observes the cluster; records NodeJoined, NodeGone, Pod<Phase>, PodGone, Job<End> and Workflow<Phase>.

    That a node is ready or not, and why, the components' own events say."""

    def __init__(self, reader: Reader, timeline: Timeline) -> None:
        self._reader = reader
        self._timeline = timeline

    def start(self) -> None:
        """Begin to observe; what exists already is recorded first."""
        self._reader.observe(NODES, self._node)
        self._reader.observe(PODS, self._pod)
        self._reader.observe(JOBS, self._job)

    def follow_workflows(self) -> None:
        """Observe Workflows too, once their definition is established."""
        self._reader.observe(WORKFLOWS, self._workflow)

    def _node(self, change: Change, node: Object, _old: Object | None) -> None:
        subject = f"Node/{name_of(node)}"
        if change == "DELETED":
            self._timeline.record("NodeGone", subject)
        elif change == "ADDED":
            self._timeline.record("NodeJoined", subject, **describe_node(node))

    def _pod(self, change: Change, pod: Object, old: Object | None) -> None:
        subject = f"Pod/{key_of(pod)}"
        if change == "DELETED":
            self._timeline.record("PodGone", subject, node=pod["spec"].get("nodeName"))
            return
        phase = _phase(pod)
        if phase is None or (old is not None and phase == _phase(old)):
            return
        details: dict[str, Any] = {"node": pod["spec"].get("nodeName")}
        if NAME in labels_of(pod):
            details["name"] = labels_of(pod)[NAME]
        reason = (pod.get("status") or {}).get("reason")
        if reason:
            details["reason"] = reason
        codes = [
            state["terminated"]["exitCode"]
            for status in (pod.get("status") or {}).get("containerStatuses") or ()
            if "terminated" in (state := status.get("state") or {})
        ]
        if codes:
            details["exit_codes"] = codes
        self._timeline.record(f"Pod{phase}", subject, **details)

    def _job(self, change: Change, job: Object, old: Object | None) -> None:
        for end in ("Complete", "Failed"):
            if change != "DELETED" and is_true(job, end) and not (old is not None and is_true(old, end)):
                self._timeline.record(f"Job{end}", f"Job/{key_of(job)}")

    def _workflow(self, change: Change, workflow: Object, old: Object | None) -> None:
        phase = _phase(workflow)
        if change == "DELETED" or phase is None or (old is not None and phase == _phase(old)):
            return
        self._timeline.record(f"Workflow{phase}", f"Workflow/{key_of(workflow)}")


def _phase(obj: Mapping[str, Any]) -> str | None:
    phase: str | None = (obj.get("status") or {}).get("phase")
    return phase


__all__ = ["CAPACITY_TYPE", "INSTANCE_TYPE", "NODE_GROUP", "ZONE", "Chronicle", "describe_node"]
