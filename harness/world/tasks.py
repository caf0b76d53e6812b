"""The tasks of a Workflow run, read from its status and the timeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import Record
from harness.kube.objects import Object


@dataclass(frozen=True)
class TaskRun:
    """One task: its outcome, and where its last attempt ran."""

    name: str
    phase: str
    node: str | None
    node_group: str | None
    capacity_type: str | None
    started: str | None
    finished: str | None
    attempts: int
    pods: tuple[str, ...]


def task_runs(workflow: Object, records: Sequence[Record]) -> list[TaskRun]:
    """The tasks of the workflow's entry DAG in the order of their start."""
    nodes: Mapping[str, Mapping[str, Any]] = (workflow.get("status") or {}).get("nodes") or {}
    root = workflow["metadata"]["name"]
    joined = {record.subject.removeprefix("Node/"): record.details for record in records if record.kind == "NodeJoined"}
    tasks = [
        node
        for node in nodes.values()
        if node.get("boundaryID") == root and node["type"] in {"Pod", "Retry"} and not _is_attempt(node)
    ]
    return sorted(
        (_task(node, nodes, joined, root) for node in tasks), key=lambda task: (task.started or "", task.name)
    )


def _is_attempt(node: Mapping[str, Any]) -> bool:
    """Whether a node is one attempt of a Retry: those are named `<task>(<number>)`."""
    return str(node["displayName"]).endswith(")") and "(" in str(node["displayName"])


def _task(
    node: Mapping[str, Any],
    nodes: Mapping[str, Mapping[str, Any]],
    joined: Mapping[str, Mapping[str, Any]],
    workflow: str,
) -> TaskRun:
    attempts = (
        [node] if node["type"] == "Pod" else [nodes[child] for child in node.get("children") or () if child in nodes]
    )
    attempts = [attempt for attempt in attempts if attempt["type"] == "Pod"]
    last = attempts[-1] if attempts else node
    host = last.get("hostNodeName")
    where = joined.get(host or "", {})
    return TaskRun(
        name=str(node["displayName"]),
        phase=str(node["phase"]),
        node=host,
        node_group=where.get("node_group"),
        capacity_type=where.get("capacity_type"),
        started=node.get("startedAt"),
        finished=node.get("finishedAt"),
        attempts=len(attempts),
        pods=tuple(_pod_name(attempt, workflow) for attempt in attempts),
    )


def _pod_name(attempt: Mapping[str, Any], workflow: str) -> str:
    """Argo's pod names (v2): the node's id with the template's name put in."""
    return f"{workflow}-{attempt['templateName']}-{str(attempt['id']).removeprefix(f'{workflow}-')}"
