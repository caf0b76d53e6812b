"""The fake kubelet and the fake scheduler of a trace: the same controllers on both sides.

A pod runs, becomes ready, ends and stops as the trace's rules say. What is written is what a kubelet (1.34) writes: status by strategic patch, then
for a pod that was asked to go the final phase and a deletion without grace. Probes, images and the order of containers are not played: only a kubelet
decides them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import SECOND, Kernel, format_time
from harness.fidelity.nodes import Nodes
from harness.fidelity.trace import PodRule, Trace
from harness.fidelity.values import Match
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import Conflict, NotFound
from harness.kube.objects import Object, is_deleting, key_of, labels_of, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import PODS

SCHEDULER = "fidelity"
_INDEX = "batch.kubernetes.io/job-completion-index"
_FOR_EVER = PodRule(Match())


@dataclass
class _Life:
    """What the kubelet remembers of a pod. Moments in microseconds."""

    rule: PodRule
    seen_us: int
    address: str
    started_us: int | None = None
    run: int = 0  # how many runs have ended
    ready: bool = False
    waiting: bool = False  # for the next run
    stop_us: int | None = None
    ended: bool = False


class Binder:
    """Binds the trace's pods at once, to the living node with the fewest of them (for `scheduling: driver`)."""

    def __init__(self, trace: Trace, reader: Reader, writer: Writer, nodes: Nodes) -> None:
        self.name = f"{trace.name}-binder"
        self._namespace = trace.namespace
        self._reader = reader
        self._writer = writer
        self._nodes = nodes
        self._bound: dict[str, str] = {}

    def watches(self) -> Sequence[Watch]:
        """Its own pods."""
        return (Watch(PODS, lambda pod: _own(pod, self._namespace)),)

    def reconcile(self, key: str) -> int | None:
        """Bind the pod."""
        pod = self._reader.get(PODS, *split_key(key))
        if pod is None or pod["spec"].get("nodeName") or pod["spec"].get("schedulerName") != SCHEDULER:
            return None
        if is_deleting(pod) or uid_of(pod) in self._bound or pod["spec"].get("schedulingGates"):
            return None
        wanted = _required_node(pod)
        candidates = [name for name in self._nodes.names() if wanted in (None, name)]
        if candidates:
            counts = {name: len(self._reader.by_index(PODS, "node", name)) for name in candidates}
            node = min(candidates, key=lambda name: (counts[name], name))
            try:
                self._writer.bind(self._namespace, name_of(pod), node)
            except NotFound:
                return None
            self._bound[uid_of(pod)] = node
        return None


def _required_node(pod: Object) -> str | None:
    """The node that a DaemonSet asks for by its name."""
    affinity = ((pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    ) or {}
    for term in affinity.get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            if field["key"] == "metadata.name":
                return str(field["values"][0])
    return None


class FakeKubelet:
    """Plays the kubelets of a trace's nodes."""

    def __init__(self, trace: Trace, kernel: Kernel, reader: Reader, writer: Writer, nodes: Nodes) -> None:
        self.name = f"{trace.name}-kubelet"
        self._trace = trace
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._nodes = nodes
        self._lives: dict[str, _Life] = {}
        self._used: dict[int, int] = {}

    def watches(self) -> Sequence[Watch]:
        """The trace's pods."""
        return (Watch(PODS, lambda pod: _own(pod, self._trace.namespace)),)

    def keys_on(self, node: str) -> list[str]:
        """The pods on a node."""
        return [key_of(pod) for pod in self._reader.by_index(PODS, "node", node)]

    def reconcile(self, key: str) -> int | None:
        """Bring the pod to where it is by now; the time until its next change."""
        pod = self._reader.get(PODS, *split_key(key))
        if pod is None or not self._nodes.bound_to(pod["spec"].get("nodeName")):
            return None
        life = self._lives.get(uid_of(pod))
        if life is None:
            number = len(self._lives) + 1
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            life = self._lives[uid_of(pod)] = _Life(self._rule(pod), self._kernel.now, address)
        try:
            return self._play(pod, life)
        except (NotFound, Conflict):
            return None  # it has gone meanwhile

    def _play(self, pod: Object, life: _Life) -> int | None:
        now, rule = self._kernel.now, life.rule
        phase = (pod.get("status") or {}).get("phase")
        if life.ended or phase in {"Succeeded", "Failed"}:
            life.ended = True
            return self._finish(pod)
        if is_deleting(pod):
            left = self._stop_in(pod, life)
            if left <= 0:
                return self._finish(pod)
            return left
        if life.started_us is None:
            if now < life.seen_us + rule.start_after_us:
                return life.seen_us + rule.start_after_us - now
            life.started_us = now
            life.ready = rule.ready_after_us == 0 and not rule.never_ready
            self._write(pod, life, self._running(pod, life))
        return self._run(pod, life, life.started_us)

    def _run(self, pod: Object, life: _Life, started_us: int) -> int | None:
        """Within a run, or between two: get ready, end, start again."""
        now, rule = self._kernel.now, life.rule
        if life.waiting:
            if now < started_us:
                return started_us - now
            life.waiting = False
            life.ready = rule.ready_after_us == 0 and not rule.never_ready
            self._write(pod, life, self._running(pod, life))
        if rule.runs_for_us is not None and now >= started_us + rule.runs_for_us:
            return self._end_run(pod, life)
        upcoming = [] if rule.runs_for_us is None else [started_us + rule.runs_for_us - now]
        if not life.ready and not rule.never_ready:
            left = started_us + rule.ready_after_us - now
            if left <= 0:
                life.ready = True
                self._write(pod, life, self._running(pod, life))
            else:
                upcoming.append(left)
        return min(upcoming, default=None)

    def _end_run(self, pod: Object, life: _Life) -> int | None:
        rule, policy = life.rule, pod["spec"].get("restartPolicy", "Always")
        code = rule.exit_codes[min(life.run, len(rule.exit_codes) - 1)]
        life.run += 1
        if policy == "Always" or (policy == "OnFailure" and code != 0):
            life.waiting, life.ready = True, False
            life.started_us = self._kernel.now + rule.restart_delay_us
            self._write(pod, life, self._between(pod, life, code))
            return rule.restart_delay_us
        codes = {
            str(c["name"]): (rule.container_exit_codes or {}).get(str(c["name"]), code)
            for c in pod["spec"]["containers"]
        }
        life.ended = True
        self._write(pod, life, self._ended(pod, life, codes, rule.reason))
        return None

    def _stop_in(self, pod: Object, life: _Life) -> int:
        """The time until a pod that was asked to go is through; 0: it is, and its last status is written."""
        now, rule = self._kernel.now, life.rule
        if life.stop_us is None:
            life.stop_us = now
        grace_us = int(pod["metadata"].get("deletionGracePeriodSeconds") or 0) * SECOND
        if life.started_us is None:
            return 0
        end_us = life.stop_us + (grace_us if rule.ignores_sigterm else min(rule.stops_after_us, grace_us))
        code, reason = (
            (137, "Error") if rule.ignores_sigterm or rule.stops_after_us > grace_us else (rule.stop_exit_code, "")
        )
        if rule.runs_for_us is not None and not life.waiting and life.started_us + rule.runs_for_us <= end_us:
            end_us, code, reason = life.started_us + rule.runs_for_us, rule.exit_codes[-1], rule.reason
        if end_us > now:
            return end_us - now
        life.ended = True
        codes = {str(container["name"]): code for container in pod["spec"]["containers"]}
        self._write(pod, life, self._ended(pod, life, codes, reason))
        return 0

    def _finish(self, pod: Object) -> int | None:
        if is_deleting(pod) and pod["metadata"].get("deletionGracePeriodSeconds") != 0:
            self._writer.delete(PODS, namespace_of(pod), name_of(pod), grace_period_s=0, uid=uid_of(pod))
        return None

    def _rule(self, pod: Object) -> PodRule:
        index = labels_of(pod).get(_INDEX) or (pod["metadata"].get("annotations") or {}).get(_INDEX)
        for number, rule in enumerate(self._trace.rules):
            if rule.first is not None and self._used.get(number, 0) >= rule.first:
                continue
            if rule.match.matches(pod) and (rule.index is None or str(rule.index) == index):
                self._used[number] = self._used.get(number, 0) + 1
                return rule
        return _FOR_EVER

    def _write(self, pod: Object, life: _Life, status: Mapping[str, Any]) -> None:
        body = {
            "metadata": {"uid": uid_of(pod)},
            "status": {"podIP": life.address, "podIPs": [{"ip": life.address}], **status},
        }
        self._writer.patch(PODS, namespace_of(pod), name_of(pod), body, kind="strategic", subresource="status")

    def _running(self, pod: Object, life: _Life) -> dict[str, Any]:
        now = format_time(self._kernel.now)
        state = {"running": {"startedAt": format_time(life.started_us or 0)}}
        return {
            "phase": "Running",
            "startTime": format_time(life.seen_us),
            "conditions": _conditions(now, ready=life.ready, reason="ContainersNotReady"),
            "containerStatuses": _containers(pod, state, ready=life.ready, restarts=life.run),
            **_initial(pod, now, running=True),
        }

    def _between(self, pod: Object, life: _Life, code: int) -> dict[str, Any]:
        now = format_time(self._kernel.now)
        state = {"waiting": {"reason": "CrashLoopBackOff"}}
        statuses = _containers(pod, state, ready=False, restarts=life.run)
        for entry in statuses:
            entry["lastState"] = {"terminated": _terminated(code, life.rule.reason, now, now)}
        return {
            "phase": "Running",
            "conditions": _conditions(now, ready=False, reason="ContainersNotReady"),
            "containerStatuses": statuses,
        }

    def _ended(self, pod: Object, life: _Life, codes: Mapping[str, int], reason: str) -> dict[str, Any]:
        now = format_time(self._kernel.now)
        finished = format_time(self._kernel.now - life.rule.finished_ago_us)
        failed = any(codes.values())
        statuses = []
        for container in pod["spec"]["containers"]:
            name = str(container["name"])
            ending = _terminated(
                codes[name],
                reason if codes[name] or reason == "Completed" else "",
                format_time(life.started_us or 0),
                finished,
            )
            statuses.append(_container(container, {"terminated": ending}, ready=False, restarts=max(life.run - 1, 0)))
        conditions = _conditions(now, ready=False, reason="PodFailed" if failed else "PodCompleted")
        extra = [{"lastTransitionTime": now, "status": "True", **entry} for entry in life.rule.conditions]
        status: dict[str, Any] = {
            "phase": "Failed" if failed else "Succeeded",
            "conditions": conditions + extra,
            "containerStatuses": statuses,
            **_initial(pod, now, running=False),
        }
        if life.rule.pod_reason:
            status["reason"] = life.rule.pod_reason
        if life.rule.message:
            status["message"] = life.rule.message
        return status


def _own(pod: Object, namespace: str) -> Iterable[str]:
    return (key_of(pod),) if namespace_of(pod) == namespace else ()


def _conditions(now: str, *, ready: bool, reason: str) -> list[dict[str, Any]]:
    stamp = {"lastTransitionTime": now, "lastProbeTime": None}
    unready = {} if ready else {"reason": reason}
    status = "True" if ready else "False"
    return [
        {"type": "Initialized", "status": "True", **stamp},
        {"type": "Ready", "status": status, "reason": None, **unready, **stamp},
        {"type": "ContainersReady", "status": status, "reason": None, **unready, **stamp},
    ]


def _terminated(code: int, reason: str, started: str, finished: str) -> dict[str, Any]:
    return {
        "exitCode": code,
        "reason": reason or ("Error" if code else "Completed"),
        "startedAt": started,
        "finishedAt": finished,
    }


def _container(container: Mapping[str, Any], state: Mapping[str, Any], *, ready: bool, restarts: int) -> dict[str, Any]:
    return {
        "name": container["name"],
        "image": container.get("image") or "none",
        "imageID": "",
        "ready": ready,
        "started": "running" in state,
        "restartCount": restarts,
        "state": {"running": None, "waiting": None, "terminated": None, **state},
    }


def _containers(pod: Object, state: Mapping[str, Any], *, ready: bool, restarts: int) -> list[dict[str, Any]]:
    return [_container(container, state, ready=ready, restarts=restarts) for container in pod["spec"]["containers"]]


def _initial(pod: Object, now: str, *, running: bool) -> dict[str, Any]:
    """Init containers are over when the others run; sidecars run as long as these do."""
    statuses = []
    for container in pod["spec"].get("initContainers") or ():
        sidecar = container.get("restartPolicy") == "Always"
        state: dict[str, Any] = {"terminated": _terminated(0, "", now, now)}
        if sidecar and running:
            state = {"running": {"startedAt": now}}
        statuses.append(_container(container, state, ready=sidecar == running, restarts=0))
    return {"initContainerStatuses": statuses} if statuses else {}
