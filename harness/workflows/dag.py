"""DAG templates: which tasks start, which are left out, and what becomes of the whole.

Follows Argo Workflows 4.1 `workflow/controller/dag.go`. Only target tasks (those that nothing depends on) are asked for, each asks for what it
depends on, and becomes a child of the last nodes of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.workflows import depends
from harness.workflows.call import Call, ParallelismReached
from harness.workflows.dag_phase import assess_phase
from harness.workflows.errors import WorkflowError
from harness.workflows.expression import should_execute
from harness.workflows.hooks import run_exit_hook
from harness.workflows.items import expand
from harness.workflows.scope import group_scope, node_scope, output_parameters
from harness.workflows.status import Node, has_failed, is_completed, is_fulfilled
from harness.workflows.substitute import substitute

if TYPE_CHECKING:
    from harness.workflows.operation import Operation

Task = Mapping[str, Any]
OMITTED = "omitted: depends condition not met"


@dataclass
class Dag:
    """One DAG during one look."""

    operation: Operation
    name: str
    node: Node
    template: Mapping[str, Any]
    call: Call
    local: Mapping[str, str]
    tasks: dict[str, Task]
    visited: set[str] = field(default_factory=set)

    def task_node(self, task: str) -> Node | None:
        return self.operation.nodes.get(f"{self.name}.{task}")


def tree_of(task: Task, tasks: Mapping[str, Task]) -> depends.Node:
    """What a task waits for. In `dependencies`, a failure is let pass where the continueOn of the task that fails says so."""
    if task.get("depends"):
        return depends.parse(str(task["depends"]))
    let_pass = {
        name: [result for result, phase in (("Failed", "Failed"), ("Errored", "Error")) if _continues(other, phase)]
        for name, other in tasks.items()
    }
    return depends.conjunction(task.get("dependencies") or (), let_pass)


def targets_of(template: Mapping[str, Any]) -> list[str]:
    """`dag.target`, or the tasks that nothing depends on."""
    dag = template["dag"]
    if dag.get("target"):
        return str(dag["target"]).split()
    needed = {name for task in dag["tasks"] for name in depends.tasks_of(tree_of(task, {}))}
    return [str(task["name"]) for task in dag["tasks"] if task["name"] not in needed]


def execute_dag(
    operation: Operation,
    name: str,
    template: Mapping[str, Any],
    call: Call,
    inputs: Mapping[str, Any],
    local: Mapping[str, str],
) -> Node:
    """Bring a DAG's node on."""
    nodes = operation.nodes
    node = operation.instance(name, "DAG", "Running", template, call, inputs)
    tasks = {str(task["name"]): task for task in template["dag"]["tasks"]}
    dag = Dag(operation, name, node, template, call, local, tasks)
    targets = targets_of(template)
    for target in targets:
        _execute_task(dag, target)
    stopped = bool(operation.shutdown) and not call.on_exit and not _hooks_open(dag, targets)
    phase = "Failed" if stopped else _phase(dag, targets)
    if phase == "Running":
        return node
    outbound: list[str] = []
    for target in targets:
        target_node = dag.task_node(target)
        if target_node is not None:
            outbound.extend(item for item in nodes.outbound(str(target_node["id"])) if item not in outbound)
    if outbound:
        node["outboundNodes"] = outbound
    if phase == "Succeeded":
        try:
            parameters = output_parameters(template, {**local, **_task_scope(dag, list(tasks))})
        except WorkflowError as error:
            return nodes.mark(name, "Error", str(error))
        if parameters:
            node["outputs"] = {"parameters": parameters}
    return nodes.mark(name, phase)


def _hooks_open(dag: Dag, targets: Sequence[str]) -> bool:
    hooks = [dag.operation.nodes.get(f"{dag.name}.{target}.onExit") for target in targets]
    return any(hook is not None and not is_fulfilled(hook) for hook in hooks)


def _phase(dag: Dag, targets: Sequence[str]) -> str:
    fail_fast = dag.template["dag"].get("failFast") is not False
    names = {f"{dag.name}.{target}": dag.tasks[target] for target in targets}
    return assess_phase(
        dag.operation.nodes,
        dag.node,
        list(names),
        lambda name, phase: _continues(names[name], phase),
        fail_fast=fail_fast,
    )


def _continues(task: Task, phase: str) -> bool:
    rule = task.get("continueOn") or {}
    return bool(rule.get("failed") if phase == "Failed" else rule.get("error"))


def _execute_task(dag: Dag, task_name: str) -> None:
    """Bring one task on, after those that it depends on."""
    if task_name in dag.visited:
        return
    dag.visited.add(task_name)
    operation, nodes, task = dag.operation, dag.operation.nodes, dag.tasks[task_name]
    node = dag.task_node(task_name)
    if node is not None and is_fulfilled(node):
        _run_hook(dag, task, node)
        return
    name = f"{dag.name}.{task_name}"
    tree = tree_of(task, dag.tasks)
    needed = depends.tasks_of(tree)
    for needed_task in needed:
        _execute_task(dag, needed_task)
    if needed and node is None:
        if not all(_is_settled(dag, needed_task) for needed_task in needed):
            return
        if not depends.evaluate(tree, lambda other: _outcome(dag, other)):
            _leave_out(dag, task, needed, "Omitted", OMITTED)
            return
    try:
        scope = {**dag.local, **_task_scope(dag, needed), "tasks.name": task_name}
        resolved = substitute({key: value for key, value in task.items() if key not in {"when", "hooks"}}, scope)
        expanded = expand({**resolved, **({"when": task["when"]} if "when" in task else {})}, scope)
    except WorkflowError as error:
        _leave_out(dag, task, needed, "Error", str(error))
        return
    if expanded is None:
        _execute_one(dag, {**resolved, "when": task.get("when", "")}, name, needed, scope)
        return
    if not expanded:
        _leave_out(dag, task, needed, "Skipped", "Skipped, empty params")
        return
    if node is None:
        _connect(dag, name, needed)
        nodes.initialize(name, "TaskGroup", "Running", template=_template_name(task), boundary=str(dag.node["id"]))
    for item in expanded:
        _execute_one(dag, item, f"{dag.name}.{item['name']}", needed, scope, group=name)
    children = [nodes.get(f"{dag.name}.{item['name']}") for item in expanded]
    done = [child for child in children if child is not None and is_fulfilled(child)]
    if len(done) == len(expanded):
        failed = [child for child in done if has_failed(child)]
        nodes.mark(name, str(failed[-1]["phase"]) if failed else "Succeeded")
        operation.nodes.require(name)


def _execute_one(
    dag: Dag, task: Task, name: str, needed: Sequence[str], scope: Mapping[str, str], group: str = ""
) -> None:
    operation = dag.operation
    node = operation.nodes.get(name)
    if node is not None and is_fulfilled(node):
        if group:
            _run_hook(dag, task, node)
        return
    boundary, template_name = str(dag.node["id"]), _template_name(task)
    if node is None:
        try:
            when = str(substitute(task.get("when") or "", scope))
            proceed = should_execute(when)
        except WorkflowError as error:
            _place(dag, name, template_name, needed, group, "Error", str(error))
            return
        if not proceed:
            _place(dag, name, template_name, needed, group, "Skipped", f"when '{when}' evaluated false")
            return
    call = Call(
        task.get("arguments") or {},
        boundary,
        dag.call.on_exit,
        local={"tasks.name": str(task["name"])},
    )
    try:
        operation.execute_template(name, operation.template_of(task), call)
    except ParallelismReached:
        if operation.nodes.get(name) is None:
            return
    except WorkflowError as error:
        if operation.nodes.get(name) is None:
            operation.nodes.initialize(name, "Skipped", "Error", template=template_name, boundary=boundary)
        operation.nodes.mark(name, "Error", f"task '{name}' errored: {error}")
    if node is None:
        _connect(dag, name, needed, group)
    node = operation.nodes.get(name)
    if node is not None and is_fulfilled(node):
        _run_hook(dag, task, node)


def _template_name(task: Task) -> str:
    return str(task.get("template") or "")


def _place(dag: Dag, name: str, template: str, needed: Sequence[str], group: str, phase: str, message: str) -> None:
    dag.operation.nodes.initialize(
        name, "Skipped", phase, template=template, boundary=str(dag.node["id"]), message=message
    )
    _connect(dag, name, needed, group)


def _leave_out(dag: Dag, task: Task, needed: Sequence[str], phase: str, message: str) -> None:
    name = f"{dag.name}.{task['name']}"
    if dag.operation.nodes.get(name) is not None:
        dag.operation.nodes.mark(name, phase, message)
        return
    _place(dag, name, _template_name(task), needed, "", phase, message)


def _connect(dag: Dag, name: str, needed: Sequence[str], group: str = "") -> None:
    nodes = dag.operation.nodes
    if group:
        nodes.add_child(group, name)
    elif not needed:
        nodes.add_child(dag.name, name)
    for task in () if group else needed:
        parent = dag.task_node(task)
        if parent is not None:
            for identity in nodes.outbound(str(parent["id"])):
                nodes.add_child(str(nodes.by_id[identity]["name"]), name)


def _is_settled(dag: Dag, task: str) -> bool:
    """Whether a task that another waits for is done, its exit hook included."""
    node = dag.task_node(task)
    if node is None or not is_fulfilled(node):
        return False
    hook = dag.operation.nodes.get(f"{node['name']}.onExit")
    return hook is None or is_fulfilled(hook)


def _outcome(dag: Dag, task: str) -> dict[str, bool]:
    node = dag.task_node(task)
    if node is None:
        return {}
    phases = {
        "Succeeded": "Succeeded",
        "Failed": "Failed",
        "Error": "Errored",
        "Skipped": "Skipped",
        "Omitted": "Omitted",
    }
    outcome = {result: node["phase"] == phase for phase, result in phases.items()}
    if node["type"] == "TaskGroup":
        children = dag.operation.nodes.children(node)
        outcome["AnySucceeded"] = any(child["phase"] == "Succeeded" for child in children)
        outcome["AllFailed"] = bool(children) and all(child["phase"] == "Failed" for child in children)
    return outcome


def _task_scope(dag: Dag, tasks: Sequence[str]) -> dict[str, str]:
    """`tasks.*` of the named tasks and of all that they stand on."""
    scope: dict[str, str] = {}
    waiting, known = list(tasks), set()
    while waiting:
        task = waiting.pop(0)
        if task in known:
            continue
        known.add(task)
        waiting.extend(depends.tasks_of(tree_of(dag.tasks[task], dag.tasks)))
        node = dag.task_node(task)
        if node is None:
            continue
        template = dag.operation.template_of(dag.tasks[task])
        scope.update(node_scope(f"tasks.{task}", node, template))
        if node["type"] == "TaskGroup":
            scope.update(group_scope(f"tasks.{task}", dag.operation.nodes.children(node)))
    return scope


def _run_hook(dag: Dag, task: Task, node: Node) -> None:
    """The task's exit hook, once the task has run to its end."""
    if not is_completed(node):
        return
    scope = {**dag.local, **_task_scope(dag, [str(task["name"])])} if str(task["name"]) in dag.tasks else dag.local
    run_exit_hook(dag.operation, task, node, str(dag.node["id"]), scope)
