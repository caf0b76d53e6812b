"""Templates that call no other: container and script, which are pods, and suspend, which only waits.

Follows Argo Workflows 4.1 `workflow/controller/operator.go` (executeContainer, executeScript, executeSuspend) and the deadlines of `workflowpod.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.clock import SECOND, parse_time
from harness.workflows.assess import SHUTDOWN_MESSAGE
from harness.workflows.call import Call
from harness.workflows.durations import parse_count, parse_duration
from harness.workflows.errors import InvalidSpec
from harness.workflows.naming import pod_name
from harness.workflows.pods import PodRequest, pod_for
from harness.workflows.scope import output_parameters
from harness.workflows.status import Node, is_completed, is_fulfilled

if TYPE_CHECKING:
    from harness.workflows.operation import Operation

POD_KINDS = ("container", "script")


def is_pod(template: Mapping[str, Any]) -> bool:
    """Whether a template becomes a pod."""
    return any(kind in template for kind in POD_KINDS)


def execute_pod(
    operation: Operation,
    name: str,
    template: Mapping[str, Any],
    call: Call,
    inputs: Mapping[str, Any],
    local: Mapping[str, str],
) -> Node:
    """Make the node's pod unless it is there. Raises WorkflowError when there can be none."""
    nodes = operation.nodes
    template_name = str(template.get("name") or "")
    node = operation.instance(name, "Pod", "Pending", template, call, inputs)
    if node["id"] in operation.pods:
        _collect_outputs(node, template, local)
        return node
    if node["phase"] == "Running" or str(node.get("message") or "").startswith(SHUTDOWN_MESSAGE):
        return node  # too young to be missed, or not to be made again
    if operation.may_not_run(on_exit=call.on_exit):
        return nodes.mark(name, "Failed", f"workflow shutdown with strategy: {operation.shutdown}")
    deadline_s = _deadline_s(operation, node, template, call)
    if deadline_s is not None and deadline_s <= 0:
        return node
    request = PodRequest(
        workflow=operation.workflow,
        spec=operation.spec,
        template=template,
        name=pod_name(operation.name, name, template_name),
        node_id=str(node["id"]),
        node_name=name,
        scope=local,
        on_exit=call.on_exit,
        active_deadline_s=deadline_s,
        avoided_hosts=_avoided_hosts(operation, name, template),
    )
    operation.pods[str(node["id"])] = operation.actions.create(pod_for(request))
    return node


def execute_suspend(
    operation: Operation, name: str, template: Mapping[str, Any], call: Call, inputs: Mapping[str, Any]
) -> Node:
    """Running for its duration, or until somebody sets the node's phase."""
    nodes = operation.nodes
    node = operation.instance(name, "Suspend", "Running", template, call, inputs)
    duration = (template["suspend"] or {}).get("duration")
    if duration and not is_fulfilled(node):
        until_us = parse_time(str(node["startedAt"])) + parse_duration(duration)
        if operation.now_us >= until_us:
            return nodes.mark(name, "Succeeded")
        operation.wake_at(until_us)
    return node


def _deadline_s(operation: Operation, node: Node, template: Mapping[str, Any], call: Call) -> int | None:
    """Seconds that the kubelet gives the pod: the least of the template's, its timeout's and what the workflow has left."""
    limits: list[int] = []
    if template.get("activeDeadlineSeconds") is not None:
        limits.append(parse_count(template["activeDeadlineSeconds"], "activeDeadlineSeconds"))
    if operation.deadline_us is not None and not call.on_exit:
        limits.append((operation.deadline_us - operation.now_us) // SECOND)
    if template.get("timeout"):
        until_us = parse_time(str(node["startedAt"])) + parse_duration(template["timeout"])
        left_s = (until_us - operation.now_us) // SECOND
        if left_s <= 1:
            raise InvalidSpec(f"{node['name']} exceeded its deadline")
        limits.append(left_s)
    return min(limits, default=None)


def _avoided_hosts(operation: Operation, name: str, template: Mapping[str, Any]) -> tuple[str, ...]:
    affinity = (template.get("retryStrategy") or {}).get("affinity") or {}
    if "nodeAntiAffinity" not in affinity:
        return ()
    parent = operation.nodes.get(name.rpartition("(")[0])
    attempts = operation.nodes.attempts(parent) if parent is not None else []
    hosts = [str(attempt["hostNodeName"]) for attempt in attempts if attempt.get("hostNodeName")]
    return tuple(dict.fromkeys(hosts))


def _collect_outputs(node: Node, template: Mapping[str, Any], local: Mapping[str, str]) -> None:
    if is_completed(node) and "parameters" not in (node.get("outputs") or {}):
        parameters = output_parameters(template, local)
        if parameters:
            node["outputs"] = {**(node.get("outputs") or {}), "parameters": parameters}
