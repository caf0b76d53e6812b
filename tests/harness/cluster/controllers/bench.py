"""A cluster for controller tests: the real kernel, store, manager and scheduler; kubelets are played by `Kubelet` below."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from harness.clock import HOUR, SECOND, Kernel, Outcome, Seeds, Timeline, format_time, parse_time
from harness.cluster.controllers import ControllerManagerSettings, standard
from harness.cluster.scheduler import Scheduler
from harness.cluster.store import Store
from harness.kube.client import Change
from harness.kube.controllers import Controller, Manager
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, key_of, new_object, with_condition
from harness.kube.resources import EVENTS, JOBS, LEASES, NODES, PODS, Resource

START = "2026-03-01T08:00:00Z"


class Bench:
    """Holds everything; helpers speak in seconds since the start."""

    def __init__(self, seed: int = 1) -> None:
        self.kernel = Kernel(parse_time(START))
        self.seeds = Seeds(seed)
        self.store = Store(self.kernel, self.seeds)
        self.timeline = Timeline(lambda: self.kernel.now)
        self.recorder = Recorder(self.kernel, self.store, self.store, self.timeline, "bench")
        self.manager = Manager(self.kernel, self.store)

    @property
    def parts(self) -> tuple[Kernel, Store, Store, Recorder]:
        """The constructor arguments that all controllers share."""
        return self.kernel, self.store, self.store, self.recorder

    def add(self, *controllers: Controller) -> None:
        for controller in controllers:
            self.kernel.call(partial(self.manager.add, controller))

    def add_standard(self, settings: ControllerManagerSettings | None = None) -> None:
        self.add(*self.kernel.call(lambda: standard(*self.parts, self.seeds, settings)))

    def add_scheduler(self) -> Scheduler:
        scheduler = Scheduler(*self.parts, self.seeds)
        self.add(scheduler)
        return scheduler

    @property
    def now_s(self) -> float:
        return (self.kernel.now - self.kernel.start_us) / SECOND

    def stamp(self, at_s: float) -> str:
        return format_time(self.kernel.start_us + round(at_s * SECOND))

    def advance_to(self, at_s: float) -> None:
        """Let everything up to this second happen."""
        moment = self.kernel.start_us + round(at_s * SECOND)
        self.kernel.call(lambda: self.kernel.at(moment, lambda: None, priority=1000))
        self.kernel.wait(lambda: self.kernel.now >= moment, 10_000 * HOUR)

    def wait(self, condition: Callable[[], bool], timeout_s: float = 100_000) -> float:
        """The second at which the condition holds."""
        outcome = self.kernel.wait(condition, round(timeout_s * SECOND))
        assert outcome is Outcome.MET, f"{outcome} at {self.now_s} s: " + self.timeline.as_jsonl()[-2000:]
        return self.now_s

    def at(self, at_s: float, action: Callable[[], object]) -> None:
        self.kernel.call(lambda: self.kernel.at(self.kernel.start_us + round(at_s * SECOND), lambda: void(action)))

    def create(self, resource: Resource, obj: Mapping[str, Any]) -> Object:
        return self.kernel.call(lambda: self.store.create(resource, obj))

    def get(self, resource: Resource, name: str, namespace: str | None = "default") -> Object:
        found = self.store.get(resource, namespace if resource.namespaced else None, name)
        assert found is not None, f"no {resource.singular} {name}"
        return found

    def exists(self, resource: Resource, name: str, namespace: str | None = "default") -> bool:
        return self.store.get(resource, namespace if resource.namespaced else None, name) is not None

    def pods(self, namespace: str = "default") -> Sequence[Object]:
        return self.store.list(PODS, namespace)

    def events(self, reason: str) -> list[str]:
        return [event["message"] for event in self.store.list(EVENTS) if event["reason"] == reason]

    def end(self, name: str, phase: str) -> None:
        """Let a pod end without a kubelet."""
        patch = {"status": {"phase": phase}}
        self.kernel.call(lambda: self.store.patch(PODS, "default", name, patch, subresource="status"))

    def condition(self, resource: Resource, name: str, kind: str) -> Mapping[str, Any] | None:
        conditions = (self.get(resource, name).get("status") or {}).get("conditions") or ()
        return next((entry for entry in conditions if entry["type"] == kind), None)

    def held_condition(self, resource: Resource, name: str, kind: str) -> Mapping[str, Any]:
        """A condition that has to be there."""
        found = self.condition(resource, name, kind)
        assert found is not None, f"{name} has no condition {kind}"
        return found


def void(action: Callable[[], object]) -> None:
    action()


class Kubelet:
    """Runs every pod that has a node: ready at once, ends after `runs_s(pod)` with `exit_code(pod)`; stops `stop_s` after a deletion."""

    def __init__(
        self,
        bench: Bench,
        runs_s: Callable[[Object], float | None] = lambda _: None,
        exit_code: Callable[[Object], int] = lambda _: 0,
        stop_s: float = 0.0,
        dead: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self._bench = bench
        self._runs_s, self._exit_code, self._stop_s, self._dead = runs_s, exit_code, stop_s, dead
        self._running: set[str] = set()
        self._stopping: set[str] = set()
        bench.kernel.call(lambda: bench.store.observe(PODS, self._changed))

    def _changed(self, change: Change, pod: Object, old: Object | None) -> None:
        node, uid = pod["spec"].get("nodeName"), pod["metadata"]["uid"]
        if change == "DELETED" or not node or self._dead(node):
            return
        after = self._bench.kernel.after
        if uid not in self._running:
            self._running.add(uid)
            after(0, lambda: self._run(pod))
        elif is_deleting(pod) and uid not in self._stopping:
            self._stopping.add(uid)
            after(round(self._stop_s * SECOND), lambda: self._stop(pod))

    def _current(self, pod: Object) -> Object | None:
        current = self._bench.store.get(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
        return current if current is not None and current["metadata"]["uid"] == pod["metadata"]["uid"] else None

    def _write(self, pod: Object, phase: str, ready: bool, code: int | None) -> None:
        now = format_time(self._bench.kernel.now)
        state = (
            {"running": {"startedAt": now}} if code is None else {"terminated": {"exitCode": code, "finishedAt": now}}
        )
        names = [container["name"] for container in pod["spec"]["containers"]]
        statuses = [{"name": name, "ready": ready, "restartCount": 0, "state": state} for name in names]
        condition = {"type": "Ready", "status": "True" if ready else "False"}
        conditions = with_condition((pod.get("status") or {}).get("conditions") or (), condition, now)
        started = (pod.get("status") or {}).get("startTime", now)
        status = {"phase": phase, "startTime": started, "containerStatuses": statuses, "conditions": conditions}
        place = (pod["metadata"]["namespace"], pod["metadata"]["name"])
        self._bench.store.patch(PODS, *place, {"status": status}, subresource="status")

    def _run(self, pod: Object) -> None:
        current = self._current(pod)
        if current is None:
            return
        self._write(current, "Running", True, None)
        runs_s = self._runs_s(current)
        if runs_s is not None:
            self._bench.kernel.after(round(runs_s * SECOND), lambda: self._end(pod))

    def _end(self, pod: Object) -> None:
        current = self._current(pod)
        if current is None or current["status"]["phase"] != "Running" or self._dead(pod["spec"]["nodeName"]):
            return
        code = self._exit_code(current)
        self._write(current, "Failed" if code else "Succeeded", False, code)

    def _stop(self, pod: Object) -> None:
        current = self._current(pod)
        if current is None or self._dead(pod["spec"]["nodeName"]):
            return
        if current["status"]["phase"] == "Running":
            self._write(current, "Failed", False, 143)
        self._bench.store.delete(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"], grace_period_s=0)


def node(name: str, *, zone: str | None = None, ready: bool = True, cpu: str = "64", **spec: Any) -> dict[str, Any]:
    amounts = {"cpu": cpu, "memory": "256Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    labels = {"kubernetes.io/hostname": name}
    if zone:
        labels |= {"topology.kubernetes.io/zone": zone, "topology.kubernetes.io/region": "r"}
    conditions = [{"type": "Ready", "status": "True" if ready else "False", "reason": "KubeletReady", "message": "m"}]
    conditions[0]["lastTransitionTime"] = START
    status = {"capacity": amounts, "allocatable": amounts, "conditions": conditions}
    return new_object(NODES, name, labels=labels, spec=spec, status=status)


def lease(name: str, renewed: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"holderIdentity": name, "leaseDurationSeconds": 40}
    if renewed is not None:
        spec["renewTime"] = renewed
    return new_object(LEASES, name, "kube-node-lease", spec=spec)


def pod(name: str, namespace: str = "default", **spec: Any) -> dict[str, Any]:
    body = {"containers": [{"name": "main", "image": "pause"}], **spec}
    return new_object(PODS, name, namespace, labels={"app": name}, spec=body)


def job(name: str = "work", *, template: Mapping[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    pod_spec = {"restartPolicy": "Never", "containers": [{"name": "main", "image": "work"}], **(template or {})}
    return new_object(JOBS, name, "default", spec={"template": {"spec": pod_spec}, **spec})


def keys(objects: Sequence[Object]) -> list[str]:
    return [key_of(obj) for obj in objects]
