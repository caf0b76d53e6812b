"""A small world for the engine: kernel, manager and store are real, the kubelet is a script (phase changes after seconds), nothing else is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.clock import DAY, SECOND, Kernel, Outcome, Seeds, Timeline, Timer, format_time
from harness.cluster.store import Store
from harness.kube.controllers import Manager
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, new_object, thaw
from harness.kube.resources import (
    BUILT_IN,
    EVENTS,
    NODES,
    PODS,
    WORKFLOWS,
)
from harness.workflows import WorkflowController

START = 1_772_352_000 * SECOND  # 2026-03-01T08:00:00Z
NAMESPACE = "em-pipeline"
ROOT = Path(__file__).parents[3]
MANIFESTS = ROOT / "infra" / "rendered" / "dev" / "manifests"


@dataclass(frozen=True)
class Run:
    """What a pod does: pulls and starts for `starts_s`, runs for `runs_s` (None: until stopped), ends so; stopping takes `stops_s`."""

    starts_s: float = 1
    runs_s: float | None = 2
    exit_code: int = 0
    reason: str = ""
    pod_message: str = ""
    waiting: str = ""  # never starts, for this reason
    stops_s: float = 1
    stop_code: int = 143


Script = Callable[[Object], Run]


@dataclass
class _Life:
    pod: str
    run: Run
    timers: list[Timer] = field(default_factory=list)
    started_us: int | None = None
    stopping: bool = False
    deadline: Timer | None = None


class Kubelet:
    """Runs every pod on a node that is given to it at once."""

    def __init__(self, kernel: Kernel, store: Store, script: Script, hosts: Sequence[str] = ("node-1",)) -> None:
        self._kernel, self._store, self._script = kernel, store, script
        self.hosts = list(hosts)
        self.dead: list[str] = []  # hosts whose kubelet does nothing any more
        self._lives: dict[str, _Life] = {}
        store.observe(PODS, self._changed)

    def _changed(self, change: str, pod: Object, _old: Object | None) -> None:
        uid = pod["metadata"]["uid"]
        if change == "DELETED":
            life = self._lives.pop(uid, None)
            for timer in life.timers if life else ():
                timer.cancel()
        elif uid not in self._lives:
            fresh = self._lives[uid] = _Life(pod["metadata"]["name"], self._script(pod))
            fresh.timers.append(self._kernel.after(0, lambda: self._accept(pod, fresh)))
        elif (life := self._lives[uid]) and pod["spec"].get("nodeName") not in self.dead:
            if is_deleting(pod) and not life.stopping:
                life.stopping = True
                life.timers.append(self._later(life.run.stops_s, lambda: self._vanish(pod, life)))
            self._watch_deadline(pod, life)

    def _later(self, delay_s: float, action: Callable[[], None]) -> Timer:
        return self._kernel.after(round(delay_s * SECOND), action)

    def _accept(self, pod: Object, life: _Life) -> None:
        key = pod["metadata"]["namespace"], pod["metadata"]["name"]
        if life.run.reason == "Unschedulable":
            return
        self._store.bind(*key, self.hosts[0])
        if life.run.waiting:
            reason, _, message = life.run.waiting.partition(": ")
            life.timers.append(self._later(1, lambda: self._status(pod, "Pending", _waiting(reason, message))))
        else:
            life.timers.append(self._later(life.run.starts_s, lambda: self._start(pod, life)))

    def _start(self, pod: Object, life: _Life) -> None:
        if self.hosts and life.stopping:
            return
        life.started_us = self._kernel.now
        state = {"running": {"startedAt": format_time(self._kernel.now)}}
        self._status(pod, "Running", state)
        self._watch_deadline(pod, life)
        if life.run.runs_s is not None:
            life.timers.append(self._later(life.run.runs_s, lambda: self._end(pod, life)))

    def _watch_deadline(self, pod: Object, life: _Life) -> None:
        limit_s = pod["spec"].get("activeDeadlineSeconds")
        if limit_s is None or life.started_us is None or life.stopping:
            return
        if life.deadline is not None:
            life.deadline.cancel()
        when_us = max(life.started_us + limit_s * SECOND, self._kernel.now) + round(life.run.stops_s * SECOND)
        text = "Pod was active on the node longer than the specified deadline"
        life.deadline = self._kernel.at(when_us, lambda: self._finish(pod, 143, "Error", text))
        life.timers.append(life.deadline)

    def _end(self, pod: Object, life: _Life) -> None:
        run = life.run
        self._finish(
            pod, run.exit_code, run.reason or ("Completed" if run.exit_code == 0 else "Error"), run.pod_message
        )

    def _finish(self, pod: Object, code: int, reason: str, message: str = "") -> None:
        known = self._store.get(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        if (
            known is None
            or known["spec"].get("nodeName") in self.dead
            or known["status"]["phase"] in {"Succeeded", "Failed"}
        ):
            return
        state = {"terminated": {"exitCode": code, "reason": reason, "finishedAt": format_time(self._kernel.now)}}
        self._status(pod, "Failed" if code or message else "Succeeded", state, message)

    def _vanish(self, pod: Object, life: _Life) -> None:
        for timer in life.timers:
            timer.cancel()
        self._store.delete(PODS, pod["metadata"]["namespace"], life.pod, grace_period_s=0)

    def _status(self, pod: Object, phase: str, state: Mapping[str, Any], message: str = "") -> None:
        status: dict[str, Any] = {
            "phase": phase,
            "podIP": "10.0.0.1",
            "containerStatuses": [{"name": "main", "state": state}],
        }
        if message:
            status["message"] = message
        place = pod["metadata"]["namespace"], pod["metadata"]["name"]
        known = self._store.get(PODS, *place)
        if known is not None and known["spec"].get("nodeName") not in self.dead:
            self._store.patch(PODS, *place, {"status": status}, subresource="status")


def _waiting(reason: str, message: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


class World:
    """Everything a test of the engine holds."""

    def __init__(self, script: Script, **controller: Any) -> None:
        self.kernel = Kernel(START)
        self.timeline = Timeline(lambda: self.kernel.now)
        self.store = Store(self.kernel, Seeds(7))
        self.manager = Manager(self.kernel, self.store)
        self.recorder = Recorder(self.kernel, self.store, self.store, self.timeline, "test")
        self.controller = WorkflowController(self.kernel, self.store, self.store, self.recorder, Seeds(7), **controller)
        for name in ("node-1", "node-2"):
            self.store.create(NODES, new_object(NODES, name))
            ready = {"conditions": [{"type": "Ready", "status": "True"}]}
            self.store.patch(NODES, None, name, {"status": ready}, subresource="status")
        self.apply("platform/30-argo-crds.yaml", "platform/00-namespaces.yaml", "platform/10-priority-class.yaml")
        self.kubelet = Kubelet(self.kernel, self.store, script)
        self.manager.add(self.controller)

    def apply(self, *files: str) -> None:
        by_type = {(resource.api_version, resource.kind): resource for resource in BUILT_IN}
        for file in files:
            for document in yaml.safe_load_all((MANIFESTS / file).read_text()):
                self.store.create(by_type[document["apiVersion"], document["kind"]], document)

    def submit(self, workflow: Mapping[str, Any], name: str = "") -> str:
        body = thaw(workflow)
        body["metadata"]["namespace"] = NAMESPACE
        if name:
            body["metadata"] = {**body["metadata"], "name": name}
        return str(self.kernel.call(lambda: self.store.create(WORKFLOWS, body))["metadata"]["name"])

    def workflow(self, name: str) -> dict[str, Any]:
        found = self.kernel.call(lambda: self.store.get(WORKFLOWS, NAMESPACE, name))
        assert found is not None, f"no workflow {name}"
        return thaw(found)  # type: ignore[no-any-return]

    def status(self, name: str) -> dict[str, Any]:
        return self.workflow(name).get("status") or {}

    def nodes(self, name: str) -> dict[str, dict[str, Any]]:
        """The nodes by name, `<wf>` for the workflow's own."""
        nodes = self.status(name).get("nodes") or {}
        return {node["name"].replace(name, "<wf>", 1): node for node in nodes.values()}

    def pods(self) -> list[Object]:
        return list(self.kernel.call(lambda: self.store.list(PODS, NAMESPACE)))

    def events(self, reason: str) -> list[str]:
        return [
            entry.get("message", "")
            for entry in self.kernel.call(lambda: self.store.list(EVENTS, NAMESPACE))
            if entry["reason"] == reason
        ]

    def now_s(self) -> float:
        return (self.kernel.now - START) / SECOND

    def advance(self, seconds: float) -> None:
        until = self.kernel.now + round(seconds * SECOND)
        self.kernel.call(lambda: self.kernel.at(until, lambda: None))
        assert self.kernel.wait(lambda: self.kernel.now >= until, DAY) is Outcome.MET

    def finish(self, name: str, limit_s: float = 3600) -> dict[str, Any]:
        """Wait until the workflow is over; its status."""

        def over() -> bool:
            found = self.store.get(WORKFLOWS, NAMESPACE, name)
            return found is not None and (found.get("status") or {}).get("phase") in {"Succeeded", "Failed", "Error"}

        outcome = self.kernel.wait(over, round(limit_s * SECOND))
        assert outcome is Outcome.MET, f"{outcome}: {self.status(name)}"
        return self.status(name)

    def delete_pod(self, name: str, grace_s: int | None = None) -> None:
        self.kernel.call(lambda: self.store.delete(PODS, NAMESPACE, name, grace_period_s=grace_s))

    def change(self, workflow: str, patch: Mapping[str, Any]) -> None:
        self.kernel.call(lambda: self.store.patch(WORKFLOWS, NAMESPACE, workflow, patch))


@contextmanager
def world(script: Script = lambda _pod: Run(), **controller: Any) -> Iterator[World]:
    made = World(script, **controller)
    made.kernel.start()
    try:
        yield made
    finally:
        made.kernel.close()


def template_of(pod: Object) -> str:
    """The template's name, out of the pod's name."""
    return str(pod["metadata"]["annotations"]["workflows.argoproj.io/node-name"])
