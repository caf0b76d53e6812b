"""Exit hooks of a task or step: `onExit`, or the hook named `exit`; they run once it has run to its end, before anything that waits for it.

Follows Argo Workflows 4.1 `workflow/controller/exit_handler.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.workflows.call import Call, ParallelismReached
from harness.workflows.errors import WorkflowError
from harness.workflows.expression import evaluate_bool
from harness.workflows.status import Node, is_fulfilled
from harness.workflows.substitute import substitute

if TYPE_CHECKING:
    from harness.workflows.operation import Operation


def exit_hook_of(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """`{template, arguments, expression}` of the exit hook."""
    hook: Mapping[str, Any] | None = (task.get("hooks") or {}).get("exit")
    if hook is not None:
        return hook
    return {"template": task["onExit"]} if task.get("onExit") else None


def run_exit_hook(
    operation: Operation, task: Mapping[str, Any], node: Node, boundary: str, scope: Mapping[str, str]
) -> bool:
    """Bring the exit hook on; True when there is none or it is done."""
    hook = exit_hook_of(task)
    if hook is None:
        return True
    name = f"{node['name']}.onExit"
    known = operation.nodes.get(name)
    if known is not None and is_fulfilled(known):
        return True
    if operation.may_not_run(on_exit=True):
        return True
    condition = substitute(str(hook.get("expression") or ""), scope)
    try:
        if condition and not evaluate_bool(condition, scope):
            return True
        call = Call(
            substitute(hook.get("arguments") or {}, scope),
            boundary,
            on_exit=True,
            flag={"hooked": True},
        )
        operation.nodes.add_child(str(node["name"]), name)
        known = operation.execute_template(name, operation.templates[str(hook["template"])], call)
    except ParallelismReached:
        return False
    except WorkflowError as error:
        if operation.nodes.get(name) is None:
            operation.nodes.initialize(name, "Skipped", "Error", boundary=boundary, flag={"hooked": True})
        known = operation.nodes.mark(name, "Error", str(error))
    return is_fulfilled(known)
