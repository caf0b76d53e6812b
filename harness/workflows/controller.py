"""The workflow controller: when a workflow is looked at, and what is written after a look.

Follows Argo Workflows 4.1 `workflow/controller/controller.go`: a new workflow is looked at once, every change after that (of it or of its pods, its
own status included) brings the next look 10 s later (DEFAULT_REQUEUE_TIME), however many follow in that window. Nothing ticks: where nothing
changes nobody looks, but for deadlines, back-offs and deletions, which have their own time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from harness.clock import SECOND, Kernel, Seeds, parse_time
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch, own_key
from harness.kube.errors import AlreadyExists, ApiError, NotFound
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, is_true, labels_of, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import NODES, PODS, WORKFLOWS
from harness.workflows.cleanup import pods_to_delete, time_to_live_us
from harness.workflows.errors import InvalidSpec, WorkflowError
from harness.workflows.operation import Operation
from harness.workflows.pods import COMPLETED_LABEL, NODE_ID_ANNOTATION, WORKFLOW_LABEL
from harness.workflows.reconcile import reconcile_pods
from harness.workflows.spec import validate
from harness.workflows.status import is_fulfilled, progress_of

PHASE_LABEL = "workflows.argoproj.io/phase"
REQUEUE_US = 10 * SECOND
_BY_WORKFLOW = "workflow"
_FINAL = frozenset({"Succeeded", "Failed", "Error"})


def _key_of_pod(pod: Object) -> Iterable[str]:
    workflow = labels_of(pod).get(WORKFLOW_LABEL)
    return (f"{namespace_of(pod)}/{workflow}",) if workflow else ()


def node_phases_to_tell(before: str | None, after: str) -> list[str]:
    """The phases of a node that get an event; one that was never seen running is told as if it had been."""
    if before == after:
        return []
    if before is None:
        return {"Running": ["Running"]}.get(after, ["Running", after] if after in _FINAL else [])
    return ["Running", after] if before == "Pending" and after in _FINAL else [after]


class WorkflowController:
    """Runs Workflows. It is to be started only where a workflow-controller is deployed."""

    name = "workflow-controller"

    def __init__(
        self,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        seeds: Seeds,
        requeue_us: int = REQUEUE_US,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._recorder = recorder.named(self.name)
        self._seeds = seeds  # every controller is given them; nothing here is random so far
        self._requeue_us = requeue_us
        self._looks: dict[str, int] = {}  # the queue: when each workflow is looked at next
        self._known: dict[str, str] = {}  # uid of the workflow behind a key, once it has been looked at
        self._deletions: dict[str, int] = {}  # pods on their way out, by namespace/name
        reader.add_index(PODS, _BY_WORKFLOW, _key_of_pod)

    def watches(self) -> Sequence[Watch]:
        """Workflows, and the pods that carry a workflow's label."""
        return (Watch(WORKFLOWS, own_key), Watch(PODS, _key_of_pod))

    def reconcile(self, key: str) -> int | None:
        """Look when a look is due; otherwise see to it that one will be."""
        namespace, name = split_key(key)
        workflow = self._reader.get(WORKFLOWS, namespace, name)
        if workflow is None or is_deleting(workflow):
            self._looks.pop(key, None)
            self._known.pop(key, None)
            return self._delete_due_pods(key)
        now = self._kernel.now
        if self._known.get(key) != uid_of(workflow):
            self._known[key] = uid_of(workflow)
            self._looks[key] = now
        if _is_completed(workflow):
            self._looks.pop(key, None)
            self._release_pods(workflow, self._pods_of(key))
            return _earliest(self._expire(workflow), self._delete_due_pods(key))
        due = self._looks.get(key)
        if due is not None and due <= now:
            del self._looks[key]
            wake_us = self._look(workflow, key)
            if wake_us is not None:
                self._looks[key] = wake_us
        else:
            self._looks[key] = min(due or now + self._requeue_us, now + self._requeue_us)
        wait = self._looks[key] - now if key in self._looks else None
        return _earliest(wait, self._delete_due_pods(key))

    def _look(self, workflow: Object, key: str) -> int | None:
        """One look; the answer is when it wants another whatever happens."""
        pods = self._pods_of(key)
        operation = Operation(
            workflow, pods, self._kernel.now, _Cluster(self._reader, self._writer, namespace_of(workflow))
        )
        if operation.phase:
            operation.begin()
            reconcile_pods(operation)
        else:
            operation.phase = "Running"
            try:
                validate(operation.spec)
                operation.begin()
            except InvalidSpec as error:
                operation.status["startedAt"] = operation.now
                operation.phase, operation.message = "Failed", f"invalid spec: {error}"
        if operation.phase not in _FINAL and not operation.spec.get("suspend"):
            operation.execute()
        try:
            self._write(workflow, operation)
        except NotFound:
            return None  # it was deleted meanwhile
        if operation.requeue:
            operation.wake_at(self._kernel.now + self._requeue_us)
        return operation.wake_us

    def _pods_of(self, key: str) -> list[Object]:
        pods = self._reader.by_index(PODS, _BY_WORKFLOW, key)
        return [pod for pod in pods if NODE_ID_ANNOTATION in (pod["metadata"].get("annotations") or {})]

    def _write(self, workflow: Object, operation: Operation) -> None:
        status, labels = operation.status, dict(labels_of(workflow))
        done = operation.phase in _FINAL
        status["phase"] = operation.phase
        status.pop("message", None)
        if operation.message:
            status["message"] = operation.message
        if operation.nodes.by_id:
            status["nodes"] = operation.nodes.by_id
            status["progress"] = progress_of(list(operation.nodes))
            for node in operation.nodes:
                if node["type"] == "Pod":
                    node["progress"] = "1/1" if node["phase"] == "Succeeded" else "0/1"
        running = any((pod.get("status") or {}).get("phase") == "Running" for pod in operation.pods.values())
        status["conditions"] = _conditions(status, running=running and not done, done=done)
        if done:
            status["finishedAt"] = operation.now
        labels[PHASE_LABEL] = operation.phase
        labels[COMPLETED_LABEL] = "true" if done else "false"
        written = {**workflow, "metadata": {**workflow["metadata"], "labels": labels}, "status": status}
        stored = self._writer.replace(WORKFLOWS, written)
        self._tell(workflow, stored)
        self._release_pods(stored, list(operation.pods.values()))

    def _tell(self, before: Object, after: Object) -> None:
        """Events for what changed."""
        was, now = before.get("status") or {}, after["status"]
        if not was.get("phase"):
            self._recorder.event(after, "Normal", "WorkflowRunning", "Workflow Running")
        old = was.get("nodes") or {}
        for identity, node in (now.get("nodes") or {}).items():
            for phase in node_phases_to_tell((old.get(identity) or {}).get("phase"), str(node["phase"])):
                text = f"{phase} node {node['name']}"
                if node.get("message"):
                    text = f"{text}: {node['message']}"
                kind: Literal["Normal", "Warning"] = "Normal" if phase in {"Succeeded", "Running"} else "Warning"
                self._recorder.event(after, kind, f"WorkflowNode{phase}", text)
        if now["phase"] == "Succeeded":
            self._recorder.event(after, "Normal", "WorkflowSucceeded", "Workflow completed")
        elif now["phase"] in {"Failed", "Error"}:
            self._recorder.event(after, "Warning", "WorkflowFailed", str(now.get("message") or ""))

    def _release_pods(self, workflow: Object, pods: Sequence[Object]) -> None:
        """Label the pods that are done with, and plan the deletions that podGC asks for."""
        nodes = workflow["status"].get("nodes") or {}
        ended = [pod for pod in pods if _is_over(pod, nodes)]
        for pod in ended:
            if labels_of(pod).get(COMPLETED_LABEL) != "true":
                place = (namespace_of(pod), name_of(pod))
                try:
                    self._writer.patch(PODS, *place, {"metadata": {"labels": {COMPLETED_LABEL: "true"}}})
                except NotFound:
                    continue
        for key, delay_us in pods_to_delete(workflow, ended).items():
            self._deletions.setdefault(key, self._kernel.now + delay_us)

    def _delete_due_pods(self, key: str) -> int | None:
        """Delete what podGC's delay has run out for; microseconds to the next one of this workflow."""
        now, waits = self._kernel.now, []
        mine = [name_of(pod) for pod in self._reader.by_index(PODS, _BY_WORKFLOW, key)]
        namespace, _ = split_key(key)
        for name in mine:
            pod_key = f"{namespace}/{name}"
            due = self._deletions.get(pod_key)
            if due is None:
                continue
            if due > now:
                waits.append(due - now)
                continue
            del self._deletions[pod_key]
            _Cluster(self._reader, self._writer, namespace).delete(name)
        return min(waits, default=None)

    def _expire(self, workflow: Object) -> int | None:
        """ttlStrategy: delete the workflow when it has been over for long enough."""
        ttl_us = time_to_live_us(workflow)
        if ttl_us is None:
            return None
        left_us = parse_time(str(workflow["status"]["finishedAt"])) + ttl_us - self._kernel.now
        if left_us > 0:
            return left_us
        self._writer.delete(WORKFLOWS, namespace_of(workflow), name_of(workflow), uid=uid_of(workflow))
        return None


class _Cluster:
    """PodActions over Reader and Writer."""

    def __init__(self, reader: Reader, writer: Writer, namespace: str | None) -> None:
        self._reader = reader
        self._writer = writer
        self._namespace = namespace

    def create(self, pod: Mapping[str, Any]) -> Object:
        name = str(pod["metadata"]["name"])
        try:
            return self._writer.create(PODS, pod)
        except AlreadyExists:
            known = self._reader.get(PODS, self._namespace, name)
            mine = pod["metadata"]["annotations"][NODE_ID_ANNOTATION]
            if known is None or (known["metadata"].get("annotations") or {}).get(NODE_ID_ANNOTATION) != mine:
                raise
            return known
        except ApiError as error:
            raise WorkflowError(error.message) from error

    def delete(self, pod: str) -> None:
        try:
            self._writer.delete(PODS, self._namespace, pod)
        except NotFound:
            return

    def end(self, pod: Object) -> None:
        """Through the pod's own deadline: a client without an executor has no other way to end containers and keep their pod."""
        self._writer.patch(PODS, namespace_of(pod), name_of(pod), {"spec": {"activeDeadlineSeconds": 1}})

    def is_lost(self, host: str) -> bool:
        node = self._reader.get(NODES, None, host)
        return node is None or not is_true(node, "Ready")


def _is_completed(workflow: Object) -> bool:
    return (workflow.get("status") or {}).get("phase") in _FINAL


def _is_over(pod: Object, nodes: Mapping[str, Any]) -> bool:
    node = nodes.get(str(pod["metadata"]["annotations"][NODE_ID_ANNOTATION]))
    return node is not None and is_fulfilled(node) and (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}


def _conditions(status: Mapping[str, Any], *, running: bool, done: bool) -> list[dict[str, str]]:
    wanted = {"PodRunning": "True" if running else "False", "Completed": "True" if done else "False"}
    others = [dict(entry) for entry in status.get("conditions") or () if entry.get("type") not in wanted]
    return [*others, *({"type": kind, "status": value} for kind, value in wanted.items())]


def _earliest(*waits: int | None) -> int | None:
    return min((wait for wait in waits if wait is not None), default=None)
