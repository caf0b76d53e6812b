"""One look at one workflow: bring its nodes up to date with its pods and start what can start.

Follows Argo Workflows 4.1 `workflow/controller/operator.go` (operate, executeTemplate). It is handed the workflow, its pods and the time, changes
only the node table that it holds, and reaches the cluster through `PodActions`; the caller writes the outcome. Everything can be repeated: a node
has one name, its pod another, and what exists is taken over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.clock import SECOND, format_time, parse_time
from harness.kube.objects import Object, name_of, thaw
from harness.workflows.call import Call, ParallelismReached
from harness.workflows.dag import execute_dag
from harness.workflows.durations import parse_duration
from harness.workflows.errors import WorkflowError
from harness.workflows.leaves import execute_pod, execute_suspend, is_pod
from harness.workflows.naming import pod_name
from harness.workflows.pods import NODE_ID_ANNOTATION
from harness.workflows.retry import Decision, decide, retry_scope
from harness.workflows.scope import failures_text, input_scope, resolve_inputs, workflow_scope
from harness.workflows.status import Node, Nodes, has_failed, is_fulfilled
from harness.workflows.steps import execute_steps
from harness.workflows.substitute import substitute

_DISPLAY_NAME = "workflows.argoproj.io/display-name"
_WORKFLOW_PHASES = {"Skipped": "Succeeded", "Omitted": "Succeeded"}


class PodActions(Protocol):
    """How a look reaches the cluster."""

    def create(self, pod: Mapping[str, Any]) -> Object:
        """Create the pod, or find the one of that name. Raises WorkflowError when the API refuses it."""

    def delete(self, pod: str) -> None:
        """Delete a pod."""

    def end(self, pod: Object) -> None:
        """Make a running pod end, and stay."""

    def is_lost(self, host: str) -> bool:
        """Whether that node is gone or not ready, so that nothing on it could report any more."""


class Operation:
    """The state of one look. `message` and `phase` are the workflow's; `wake_us` is when it wants to look again whatever happens."""

    def __init__(self, workflow: Object, pods: Sequence[Object], now_us: int, actions: PodActions) -> None:
        self.workflow = workflow
        self.spec: Mapping[str, Any] = workflow["spec"]
        self.now_us = now_us
        self.now = format_time(now_us)
        self.actions = actions
        status: dict[str, Any] = thaw(workflow.get("status") or {})
        self.status = status
        self.name = name_of(workflow)
        self.nodes = Nodes(self.name, status.get("nodes") or {}, self.now)
        self.pods = {str(pod["metadata"]["annotations"][NODE_ID_ANNOTATION]): pod for pod in pods}
        self.phase = str(status.get("phase") or "")
        self.message = str(status.get("message") or "")
        self.wake_us: int | None = None
        self.requeue = False  # look again after the usual time
        self.shutdown = str(self.spec.get("shutdown") or "")
        self.scope = workflow_scope(workflow, self.spec, now_us)
        self.templates: dict[str, Mapping[str, Any]] = {
            str(template["name"]): template for template in self.spec.get("templates") or ()
        }
        self.deadline_us: int | None = None

    def instance(
        self, name: str, kind: str, phase: str, template: Mapping[str, Any], call: Call, inputs: Mapping[str, Any]
    ) -> Node:
        """The node of a template that is called: the one that is there, or a new one of this kind and phase."""
        return self.nodes.get(name) or self.nodes.initialize(
            name,
            kind,
            phase,
            template=str(template.get("name") or ""),
            boundary=call.boundary,
            inputs=inputs,
            flag=call.flag,
        )

    def begin(self) -> None:
        """For a spec that is valid: what its time limit is, counted from its start."""
        self.status.setdefault("startedAt", self.now)
        limit = self.spec.get("activeDeadlineSeconds")
        if limit is not None:
            self.deadline_us = parse_time(str(self.status["startedAt"])) + int(limit) * SECOND
            self.wake_at(self.deadline_us)

    def wake_at(self, when_us: int) -> None:
        """Look again then, or earlier."""
        if when_us > self.now_us:
            self.wake_us = when_us if self.wake_us is None else min(self.wake_us, when_us)

    def may_not_run(self, *, on_exit: bool) -> bool:
        """Terminate stops everything, Stop leaves exit handlers."""
        return self.shutdown == "Terminate" or (self.shutdown == "Stop" and not on_exit)

    def is_past_deadline(self) -> bool:
        """Whether the workflow's activeDeadlineSeconds are over."""
        return self.deadline_us is not None and self.now_us >= self.deadline_us

    def belongs_to_exit(self, node: Node) -> bool:
        """Whether a node is an exit hook's, or stands inside of one."""
        while True:
            if (node.get("nodeFlag") or {}).get("hooked"):
                return True
            parent = self.nodes.by_id.get(str(node.get("boundaryID") or ""))
            if parent is None:
                return False
            node = parent

    def template_of(self, task: Mapping[str, Any]) -> Mapping[str, Any]:
        """The template that a task or step names, or holds."""
        if task.get("inline"):
            return {"name": "", **task["inline"]}
        return self.templates[str(task["template"])]

    # ---- what can start

    def execute(self) -> None:
        """Go through the templates from the entrypoint, and on to the exit handler; sets the workflow's phase when all is done."""
        arguments = self.spec.get("arguments") or {}
        try:
            node = self.execute_template(self.name, self.templates[str(self.spec["entrypoint"])], Call(arguments))
        except ParallelismReached:
            return
        except WorkflowError as error:
            self.phase, self.message = "Error", f"error in entry template execution: {error}"
            return
        if not is_fulfilled(node):
            return
        outcome = _WORKFLOW_PHASES.get(str(node["phase"]), str(node["phase"]))
        handler = self._execute_exit_handler(outcome, arguments)
        if handler is not None and not is_fulfilled(handler):
            return
        message = str(node.get("message") or "")
        if self.shutdown and has_failed(node):
            message = f"Stopped with strategy '{self.shutdown}'"
        if outcome == "Succeeded":
            message = ""
            if handler is not None and has_failed(handler):
                outcome, message = str(handler["phase"]), str(handler.get("message") or "")
        self.phase, self.message = outcome, message

    def _execute_exit_handler(self, outcome: str, arguments: Mapping[str, Any]) -> Node | None:
        handler = self.spec.get("onExit")
        if not handler or self.may_not_run(on_exit=True):
            return None
        self.scope["workflow.status"] = outcome
        names = {identity: name_of(pod) for identity, pod in self.pods.items()}
        self.scope["workflow.failures"] = failures_text(list(self.nodes), names)
        call = Call(arguments, on_exit=True, flag={"hooked": True})
        try:
            return self.execute_template(f"{self.name}.onExit", self.templates[str(handler)], call)
        except ParallelismReached:
            return self.nodes.get(f"{self.name}.onExit") or {"phase": "Pending"}

    def execute_template(self, name: str, template: Mapping[str, Any], call: Call) -> Node:
        """Bring the node `name` on, creating it when it is new. Raises ParallelismReached, WorkflowError (the arguments)."""
        node = self.nodes.get(name)
        inputs = resolve_inputs(template, call.arguments, self.scope)
        local = {**self.scope, **input_scope(inputs), **call.local, "node.name": name}
        if is_pod(template) and not template.get("retryStrategy"):
            local["pod.name"] = pod_name(self.name, name, str(template.get("name") or ""))
        resolved = substitute(template, local)
        shown_name = (resolved.get("annotations") or {}).get(_DISPLAY_NAME)
        if node is not None and shown_name:
            node["displayName"] = str(shown_name)
        if node is not None and is_fulfilled(node):
            return node
        if node is not None and self._is_timed_out(resolved, node):
            return self.nodes.mark(name, "Failed", "timeout")
        self._check_parallelism(resolved, node, call.boundary)
        shown = {"parameters": inputs} if inputs else {}
        if resolved.get("retryStrategy"):
            return self._execute_with_retries(name, resolved, call, shown)
        return self._execute_plain(name, resolved, call, shown, local)

    def _execute_plain(
        self,
        name: str,
        template: Mapping[str, Any],
        call: Call,
        inputs: Mapping[str, Any],
        local: Mapping[str, str],
    ) -> Node:
        if "dag" in template:
            return execute_dag(self, name, template, call, inputs, local)
        if "steps" in template:
            return execute_steps(self, name, template, call, inputs, local)
        if "suspend" in template:
            return execute_suspend(self, name, template, call, inputs)
        try:
            return execute_pod(self, name, template, call, inputs, local)
        except WorkflowError as error:
            return self.nodes.mark(name, "Error", str(error))

    def _execute_with_retries(
        self, name: str, template: Mapping[str, Any], call: Call, inputs: Mapping[str, Any]
    ) -> Node:
        strategy: Mapping[str, Any] = template["retryStrategy"]
        retry = self.instance(name, "Retry", "Running", template, call, inputs)
        while True:
            attempts = self.nodes.attempts(retry)
            if attempts and is_fulfilled(attempts[-1]):
                decision = self._decide(strategy, attempts)
                if decision.wait_us is not None:
                    self.wake_at(self.now_us + decision.wait_us)
                    return self.nodes.mark(name, "Running", decision.message)
                if decision.phase is not None:
                    if attempts[-1].get("outputs"):
                        retry["outputs"] = thaw(attempts[-1]["outputs"])
                    return self.nodes.mark(name, decision.phase, decision.message)
                retry.pop("message", None)
                number = len(attempts)
            else:
                number = max(len(attempts) - 1, 0)
            child = f"{name}({number})"
            local = {**self.scope, **input_scope(inputs.get("parameters") or ()), **call.local, "node.name": child}
            local["pod.name"] = pod_name(self.name, child, str(template.get("name") or ""))
            local.update(retry_scope(attempts[:number]))
            self.nodes.add_child(name, child)
            inner = Call(
                call.arguments, call.boundary, call.on_exit, {**(call.flag or {}), "retried": True}, call.local
            )
            if not is_fulfilled(self._execute_plain(child, substitute(template, local), inner, inputs, local)):
                return retry

    def _decide(self, strategy: Mapping[str, Any], attempts: Sequence[Node]) -> Decision:
        try:
            return decide(strategy, attempts, now_us=self.now_us, shutdown=self.shutdown, deadline_us=self.deadline_us)
        except WorkflowError as error:
            return Decision(phase="Error", message=str(error))

    def _is_timed_out(self, template: Mapping[str, Any], node: Node) -> bool:
        """Whether a node has been Pending for longer than `timeout` or `pendingTimeout` lets it; otherwise it will be looked at when it has."""
        for field in ("timeout", "pendingTimeout"):
            if not template.get(field) or (field == "pendingTimeout" and node["phase"] != "Pending"):
                continue
            until_us = parse_time(str(node["startedAt"])) + parse_duration(template[field])
            if node["phase"] == "Pending" and self.now_us >= until_us:
                pod = self.pods.get(str(node["id"]))
                if pod is not None:
                    self.actions.delete(name_of(pod))
                return True
            self.wake_at(until_us)
        return False

    # ---- parallelism

    def _check_parallelism(self, template: Mapping[str, Any], node: Node | None, boundary: str) -> None:
        """Raises ParallelismReached when the workflow's, the template's or the boundary's limit is met."""
        limit = self.spec.get("parallelism")
        if limit is not None and self._active_pods() >= int(limit) and node is None and is_pod(template):
            raise ParallelismReached
        if node is not None:
            return
        parent = self.nodes.by_id.get(boundary)
        if parent is None:
            return
        holder = self.templates.get(str(parent.get("templateName") or "")) or {}
        if holder.get("parallelism") is not None and self._active_children(boundary) >= int(holder["parallelism"]):
            raise ParallelismReached

    def _active_pods(self) -> int:
        return sum(node["type"] == "Pod" and not is_fulfilled(node) for node in self.nodes)

    def _active_children(self, boundary: str) -> int:
        kinds = {"Pod", "Steps", "DAG"}
        return sum(
            node.get("boundaryID") == boundary and node["type"] in kinds and not is_fulfilled(node)
            for node in self.nodes
        )
