"""The first half of a look: what became of the pods, and which of them may not go on.

Follows Argo Workflows 4.1 `workflow/controller/operator.go` (podReconciliation) and `exec_control.go`. Two things stand in for the executor, which
is not there: a pod that has to end is ended by its own activeDeadlineSeconds, and an executor is taken to have reported unless the node under its
pod is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.clock import SECOND, parse_time
from harness.kube.objects import Object, name_of
from harness.workflows.assess import SHUTDOWN_MESSAGE, apply_finding, assess
from harness.workflows.status import FAILED, Node, is_fulfilled

if TYPE_CHECKING:
    from harness.workflows.operation import Operation

DEADLINE_MESSAGE = "Step exceeded its deadline"
POD_DELETED = "pod deleted"
_RECENT_US = 10 * SECOND  # RECENTLY_STARTED_POD_DURATION: a pod this young may just not be seen yet


def reconcile_pods(operation: Operation) -> None:
    """Bring the nodes up to date with their pods, then end what may not go on."""
    nodes = operation.nodes
    for identity, pod in operation.pods.items():
        node = nodes.by_id.get(identity)
        if node is None or is_fulfilled(node):
            continue
        finding = assess(pod, node)
        if finding is not None:
            apply_finding(node, finding, operation.now)
        _control(operation, pod, node)
    for node in nodes:
        if node["type"] == "Pod" and node["id"] not in operation.pods and not is_fulfilled(node):
            _miss(operation, node)
    _fail_what_has_no_pod(operation)


def _miss(operation: Operation, node: Node) -> None:
    """A node whose pod is gone. While the status still says Pending the pod is made again and nothing is lost."""
    if node["phase"] == "Pending":
        return
    if node["phase"] in FAILED and str(node.get("message") or "").startswith(SHUTDOWN_MESSAGE):
        node.pop("taskResultSynced", None)  # it was told to stop and is gone: no more news to come
        return
    young_until_us = parse_time(str(node["startedAt"])) + _RECENT_US
    if operation.now_us <= young_until_us:
        operation.requeue = True
        return
    host = str(node.get("hostNodeName") or "")
    if host and operation.actions.is_lost(host):
        node["taskResultSynced"] = False
    operation.nodes.mark(str(node["name"]), "Error", POD_DELETED)


def _control(operation: Operation, pod: Object, node: Node) -> None:
    """Shutdown and the workflow's deadline end pods that have not ended."""
    phase = (pod.get("status") or {}).get("phase")
    if phase not in {"Pending", "Running"} or is_fulfilled(node):
        return
    on_exit = operation.belongs_to_exit(node)
    if operation.may_not_run(on_exit=on_exit):
        if phase == "Running":
            node["taskResultSynced"] = False  # its end is still to come, with the exit code
        _end(operation, pod, node, f"{SHUTDOWN_MESSAGE}  {operation.shutdown}")
    elif operation.is_past_deadline() and not on_exit:
        _end(operation, pod, node, DEADLINE_MESSAGE)


def _end(operation: Operation, pod: Object, node: Node, message: str) -> None:
    operation.nodes.mark(str(node["name"]), "Failed", message)
    if (pod.get("status") or {}).get("phase") == "Pending":
        operation.actions.delete(name_of(pod))
    else:
        operation.actions.end(pod)


def _fail_what_has_no_pod(operation: Operation) -> None:
    """Nodes that no pod will ever bring on, once the workflow stops or its deadline is over."""
    nodes = operation.nodes
    for node in nodes:
        if is_fulfilled(node) or node["id"] in operation.pods:
            continue
        on_exit = operation.belongs_to_exit(node)
        if operation.may_not_run(on_exit=on_exit):
            attempts = nodes.attempts(node) if node["type"] == "Retry" else []
            if node["type"] == "Suspend" or (attempts and all(is_fulfilled(attempt) for attempt in attempts)):
                nodes.mark(str(node["name"]), "Failed", f"Stopped with strategy '{operation.shutdown}'")
        elif operation.is_past_deadline() and not on_exit and (node["phase"] == "Pending" or node["type"] == "Suspend"):
            nodes.mark(str(node["name"]), "Failed", DEADLINE_MESSAGE)
