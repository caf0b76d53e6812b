"""`status.nodes`: the table of a workflow's nodes, and what their phases mean.

A node is the plain dict of Argo's NodeStatus (4.1 `pkg/apis/workflow/v1alpha1/workflow_types.go`). A node is *fulfilled* when nothing of it will
change any more; one with `taskResultSynced: false` is not, whatever its phase: its executor has not reported, so the look after it takes it up
again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.workflows.naming import display_name, node_id

Node = dict[str, Any]

COMPLETED = frozenset({"Succeeded", "Failed", "Error"})
FULFILLED = COMPLETED | {"Skipped", "Omitted"}
FAILED = frozenset({"Failed", "Error"})


def is_fulfilled(node: Mapping[str, Any]) -> bool:
    """Whether the node is done with."""
    return node["phase"] in FULFILLED and node.get("taskResultSynced") is not False


def is_completed(node: Mapping[str, Any]) -> bool:
    """Whether the node was run to an end, good or bad."""
    return node["phase"] in COMPLETED and is_fulfilled(node)


def has_failed(node: Mapping[str, Any]) -> bool:
    """Phase Failed or Error."""
    return node["phase"] in FAILED


def exit_code_of(node: Mapping[str, Any]) -> str | None:
    """`outputs.exitCode`, a string as in Argo."""
    code = (node.get("outputs") or {}).get("exitCode")
    return None if code is None else str(code)


class Nodes:
    """The nodes of one workflow during one look."""

    def __init__(self, workflow: str, nodes: dict[str, Node], now: str) -> None:
        self.workflow = workflow
        self.by_id = nodes
        self._now = now

    def __iter__(self) -> Iterator[Node]:
        return iter(list(self.by_id.values()))

    def get(self, name: str) -> Node | None:
        """The node of that name."""
        return self.by_id.get(node_id(self.workflow, name))

    def require(self, name: str) -> Node:
        """The node of that name, which exists."""
        return self.by_id[node_id(self.workflow, name)]

    def initialize(
        self,
        name: str,
        kind: str,
        phase: str,
        *,
        template: str = "",
        boundary: str = "",
        message: str = "",
        inputs: Mapping[str, Any] | None = None,
        flag: Mapping[str, bool] | None = None,
    ) -> Node:
        """A new node; `boundary` is the id of the template instance it stands in."""
        boundary_name = self.by_id[boundary]["name"] if boundary in self.by_id else ""
        node: Node = {
            "id": node_id(self.workflow, name),
            "name": name,
            "displayName": display_name(name, boundary_name),
            "type": kind,
            "phase": phase,
        }
        if template:
            node["templateName"] = template
        node["templateScope"] = f"local/{self.workflow}"
        if boundary:
            node["boundaryID"] = boundary
        if message:
            node["message"] = message
        if inputs:
            node["inputs"] = dict(inputs)
        if flag:
            node["nodeFlag"] = dict(flag)
        node["startedAt"] = self._now
        if phase in FULFILLED:
            node["finishedAt"] = self._now
        self.by_id[node["id"]] = node
        return node

    def mark(self, name: str, phase: str, message: str | None = None) -> Node:
        """Set the phase, and the message unless it is None."""
        node = self.require(name)
        node["phase"] = phase
        if message:
            node["message"] = message
        elif message == "":
            node.pop("message", None)
        if phase in FULFILLED:
            node.setdefault("finishedAt", self._now)
        return node

    def add_child(self, parent: str, child: str) -> None:
        """Make `child` (which may not exist yet) a child of `parent`; once is enough."""
        children: list[str] = self.require(parent).setdefault("children", [])
        identity = node_id(self.workflow, child)
        if identity not in children:
            children.append(identity)

    def children(self, node: Mapping[str, Any]) -> list[Node]:
        """The children that exist."""
        return [self.by_id[child] for child in node.get("children") or () if child in self.by_id]

    def attempts(self, node: Mapping[str, Any]) -> list[Node]:
        """The attempts of a Retry node, first to last, without its hooks."""
        return [child for child in self.children(node) if not (child.get("nodeFlag") or {}).get("hooked")]

    def outbound(self, identity: str) -> list[str]:
        """The last nodes inside a node: what a task that depends on it becomes a child of."""
        node = self.by_id[identity]
        kind = node["type"]
        if kind in {"Pod", "Skipped", "Suspend"}:
            return [identity]
        if kind == "Retry":
            return list(node.get("children") or ())[-1:]
        inner: Sequence[str] = node.get("children" if kind == "TaskGroup" else "outboundNodes") or ()
        if kind == "TaskGroup" and not inner:
            return [identity]
        found: list[str] = []
        for child in inner:
            found.extend(item for item in self.outbound(child) if item not in found)
        return found


def progress_of(nodes: Sequence[Mapping[str, Any]]) -> str:
    """`done/total` over the pods."""
    pods = [node for node in nodes if node["type"] == "Pod"]
    return f"{sum(node['phase'] == 'Succeeded' for node in pods)}/{len(pods)}"
