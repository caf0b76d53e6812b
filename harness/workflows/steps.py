"""Steps templates: groups that follow each other, the steps of a group side by side.

Follows Argo Workflows 4.1 `workflow/controller/steps.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.workflows.call import Call, ParallelismReached
from harness.workflows.errors import WorkflowError
from harness.workflows.expression import should_execute
from harness.workflows.hooks import run_exit_hook
from harness.workflows.items import expand
from harness.workflows.scope import group_scope, node_scope, output_parameters
from harness.workflows.status import Node, has_failed, is_completed, is_fulfilled
from harness.workflows.substitute import substitute

if TYPE_CHECKING:
    from harness.workflows.operation import Operation

Step = Mapping[str, Any]


def groups_of(template: Mapping[str, Any]) -> list[list[Step]]:
    """The groups; one may stand as a bare step, or as a list, or as `{steps: [...]}`."""
    groups: list[list[Step]] = []
    for group in template["steps"]:
        if isinstance(group, Mapping):
            groups.append(list(group["steps"]) if "steps" in group else [group])
        else:
            groups.append(list(group))
    return groups


def execute_steps(
    operation: Operation,
    name: str,
    template: Mapping[str, Any],
    call: Call,
    inputs: Mapping[str, Any],
    local: Mapping[str, str],
) -> Node:
    """Bring a Steps node on, as far as the groups that are done let it."""
    nodes = operation.nodes
    node = operation.instance(name, "Steps", "Running", template, call, inputs)
    scope = dict(local)
    groups = groups_of(template)
    last = ""
    for number, group in enumerate(groups):
        group_name = f"{name}[{number}]"
        if nodes.get(group_name) is None:
            _connect_group(operation, name, group_name, last)
            nodes.initialize(group_name, "StepGroup", "Running", boundary=str(node["id"]))
        group_node = _execute_group(operation, group_name, group, node, call, scope)
        if not is_fulfilled(group_node):
            return node
        if has_failed(group_node):
            _set_outbound(operation, node, group_node)
            return nodes.mark(name, str(group_node["phase"]), str(group_node.get("message") or ""))
        for step in group:
            scope.update(_step_scope(operation, group_name, step))
        last = group_name
    _set_outbound(operation, node, nodes.require(last) if last else None)
    try:
        parameters = output_parameters(template, scope)
    except WorkflowError as error:
        return nodes.mark(name, "Error", str(error))
    if parameters:
        node["outputs"] = {"parameters": parameters}
    return nodes.mark(name, "Succeeded")


def _connect_group(operation: Operation, name: str, group_name: str, last: str) -> None:
    nodes = operation.nodes
    if not last:
        nodes.add_child(name, group_name)
        return
    previous = nodes.require(last)
    children = [child for child in nodes.children(previous) if not (child.get("nodeFlag") or {}).get("hooked")]
    outbound = [identity for child in children for identity in nodes.outbound(str(child["id"]))]
    for identity in outbound or [str(previous["id"])]:
        nodes.add_child(str(nodes.by_id[identity]["name"]), group_name)


def _set_outbound(operation: Operation, node: Node, group: Node | None) -> None:
    if group is None:
        return
    nodes = operation.nodes
    found = [identity for child in nodes.children(group) for identity in nodes.outbound(str(child["id"]))]
    node["outboundNodes"] = list(dict.fromkeys(found))


def _execute_group(
    operation: Operation, group_name: str, group: Sequence[Step], owner: Node, call: Call, scope: Mapping[str, str]
) -> Node:
    nodes = operation.nodes
    group_node = nodes.require(group_name)
    if is_fulfilled(group_node):
        return group_node
    try:
        steps = _expanded(operation, group_name, group, owner, scope)
    except WorkflowError as error:
        return nodes.mark(group_name, "Error", str(error))
    for step in steps:
        name = f"{group_name}.{step['name']}"
        problem = _execute_step(operation, name, step, group_name, owner, call)
        if problem:
            return nodes.mark(group_name, "Error", problem)
    hooks_done = True
    for step in steps:
        node = nodes.get(f"{group_name}.{step['name']}")
        if node is None or not is_fulfilled(node):
            return group_node
        if is_completed(node):
            local = {**scope, **node_scope(f"steps.{step['name']}", node, operation.template_of(step))}
            hooks_done = run_exit_hook(operation, step, node, str(owner["id"]), local) and hooks_done
    if not hooks_done:
        return group_node
    for step in steps:
        node = nodes.require(f"{group_name}.{step['name']}")
        rule = step.get("continueOn") or {}
        if node["phase"] == "Failed" and not rule.get("failed"):
            return nodes.mark(group_name, "Failed", f"child '{node['id']}' failed")
        if node["phase"] == "Error" and not rule.get("error"):
            return nodes.mark(group_name, "Error", f"child '{node['id']}' errored")
    return nodes.mark(group_name, "Succeeded")


def _expanded(
    operation: Operation, group_name: str, group: Sequence[Step], owner: Node, scope: Mapping[str, str]
) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for step in group:
        deferred = {key: step[key] for key in ("hooks",) if key in step}
        resolved = substitute({key: value for key, value in step.items() if key not in deferred}, scope)
        loop = expand({**resolved, **deferred}, scope)
        if loop is None:
            steps.append({**resolved, **deferred})
        elif loop:
            steps.extend(loop)
        else:
            name = f"{group_name}.{step['name']}"
            if operation.nodes.get(name) is None:
                message = "Skipped, empty params"
                operation.nodes.initialize(name, "Skipped", "Skipped", boundary=str(owner["id"]), message=message)
                operation.nodes.add_child(group_name, name)
    return steps


def _execute_step(
    operation: Operation,
    name: str,
    step: Step,
    group_name: str,
    owner: Node,
    call: Call,
) -> str:
    """Bring one step on; the answer is what makes the whole group an Error."""
    nodes = operation.nodes
    node = nodes.get(name)
    if node is not None and node["type"] == "Skipped":
        return ""
    boundary, template_name = str(owner["id"]), str(step.get("template") or "")
    if node is None:
        when = str(step.get("when") or "")
        try:
            proceed = should_execute(when)
        except WorkflowError as error:
            nodes.initialize(name, "Skipped", "Error", template=template_name, boundary=boundary, message=str(error))
            nodes.add_child(group_name, name)
            return str(error)
        if not proceed:
            message = f"when '{when}' evaluated false"
            nodes.initialize(name, "Skipped", "Skipped", template=template_name, boundary=boundary, message=message)
            nodes.add_child(group_name, name)
            return ""
    inner = Call(step.get("arguments") or {}, boundary, call.on_exit, local={"steps.name": str(step["name"])})
    try:
        operation.execute_template(name, operation.template_of(step), inner)
    except ParallelismReached:
        if nodes.get(name) is None:
            return ""
    except WorkflowError as error:
        if nodes.get(name) is None:
            nodes.initialize(name, "Skipped", "Error", template=template_name, boundary=boundary, message=str(error))
        nodes.add_child(group_name, name)
        return f"step group deemed errored due to child {name} error: {error}"
    nodes.add_child(group_name, name)
    return ""


def _step_scope(operation: Operation, group_name: str, step: Step) -> dict[str, str]:
    nodes = operation.nodes
    prefix = f"steps.{step['name']}"
    node = nodes.get(f"{group_name}.{step['name']}")
    if node is not None:
        return node_scope(prefix, node, operation.template_of(step))
    loop = [
        child
        for child in nodes.children(nodes.require(group_name))
        if str(child["name"]).startswith(f"{group_name}.{step['name']}(")
    ]
    return group_scope(prefix, loop)
