"""Plays one trace: sets it up, does its steps, ends it, cleans up. The same code on both sides; everything here runs on the kernel's thread.

A step waits for the one before it, then for its own moment or condition. What a step was answered is recorded, so a refusal is part of what is
compared.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from harness.clock import MINUTE, SECOND, Kernel, Timer
from harness.fidelity.kubelet import SCHEDULER, Binder, FakeKubelet
from harness.fidelity.nodes import Nodes
from harness.fidelity.recording import Recording, canonical
from harness.fidelity.tape import Tape
from harness.fidelity.trace import Step, Trace, created_objects, node_of
from harness.fidelity.values import TraceError, kind_of, parse_match
from harness.kube.client import Change, Reader, Writer
from harness.kube.controllers import Manager
from harness.kube.errors import ApiError, NotFound
from harness.kube.objects import Object, is_true, name_of, namespace_of, new_object, thaw, uid_of
from harness.kube.resources import EVENTS, NAMESPACES, NODES, PERSISTENT_VOLUMES, PODS, SERVICE_ACCOUNTS, Resource

_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "Pod": ("spec",),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(
        ("Job", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "ReplicationController"),
        ("spec", "template", "spec"),
    ),
}


class Feed(Protocol):
    """Where `metrics` steps go (`harness.fidelity.metrics.FedMetrics`)."""

    def set(self, namespace: str, body: Mapping[str, Any]) -> None:
        """Take in what a step says."""


class Driver:
    """One run of a trace. `failure` says why it could not be played to its end."""

    def __init__(
        self,
        trace: Trace,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        manager: Manager,
        metrics: Feed | None = None,
    ) -> None:
        self.trace = trace
        self._metrics = metrics
        self.failure = ""
        self.finished = False
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._manager = manager
        self._nodes = Nodes(trace.name, kernel, reader, writer)
        self._kubelet = FakeKubelet(trace, kernel, reader, writer, self._nodes)
        self._binder = Binder(trace, reader, writer, self._nodes)
        self._tape = Tape(trace, kernel, reader, self._nodes.alive)
        self._wake_pod: Callable[[str], None] = lambda _key: None
        self._wake_node: Callable[[str], None] = lambda _key: None
        self._start_us = self._end_us = 0
        self._heard_us: int | None = None
        self._watched: set[Resource] = set()
        self._waiting: tuple[Step, Timer] | None = None
        self._checking = False
        self._cluster_wide: list[tuple[Resource, str]] = []
        self._steps: list[Step] = [*trace.steps, trace.end]

    def prepare(self) -> None:
        """The namespace and the nodes."""
        if self.trace.begin.event:
            self._reader.observe(EVENTS, self._heard)
        self._writer.create(NAMESPACES, new_object(NAMESPACES, self.trace.namespace))
        if self.trace.oracle == "kind":
            return  # nodes and kubelets are there
        self._wake_node = self._manager.add(self._nodes)
        self._wake_pod = self._manager.add(self._kubelet)
        if self.trace.scheduling == "driver":
            self._manager.add(self._binder)
        for spec in self.trace.nodes:
            self._nodes.add(spec)
            self._wake_node(spec.name)

    def is_prepared(self) -> bool:
        """Whether pods can be created and the nodes are ready."""
        account = self._reader.get(SERVICE_ACCOUNTS, self.trace.namespace, "default")
        heard = self._heard_us is not None or not self.trace.begin.event
        nodes = self._nodes.is_ready() if self.trace.oracle != "kind" else self._has_real_node()
        return account is not None and nodes and heard

    def _has_real_node(self) -> bool:
        return any(is_true(node, "Ready") and not node["spec"].get("taints") for node in self._reader.list(NODES))

    def begin_soon(self, ahead_s: int = 0) -> None:
        """Let the trace's time start, as it asks for; else at a whole second, because Kubernetes' times have no fraction, `ahead_s` after the next one."""
        begin, now = self.trace.begin, self._kernel.now
        when_us = (-(-now // SECOND) + ahead_s) * SECOND
        if begin.second is not None:
            when_us += (begin.second * SECOND - when_us) % MINUTE
        elif self._heard_us is not None:
            when_us = self._heard_us + begin.plus_us
            if when_us < now:
                self._fail(f"begin: what was to be waited for after {begin.event} has passed: give it more time")
                return
        self._kernel.at(when_us, self._begin)

    def _heard(self, _change: Change, event: Object, _old: Object | None) -> None:
        subject = event.get("involvedObject") or {}
        if event.get("reason") == self.trace.begin.event and subject.get("name") in self._nodes.alive:
            self._heard_us = self._kernel.now

    @property
    def begun_us(self) -> int:
        """When its time started."""
        return self._start_us

    def _begin(self) -> None:
        self._start_us = self._kernel.now
        for name in self._nodes.names():
            self._wake_node(name)
        self._tape.begin()
        self._next()

    def recording(self, about: Mapping[str, Any]) -> Recording:
        """What was seen. Raises TraceError when the trace could not be played."""
        if self.failure:
            raise TraceError(f"{self.trace.name}: {self.failure}")
        if not self.finished:
            raise TraceError(
                f"{self.trace.name}: nothing is left to happen, but step {self._steps[0].number} still waits ({self._steps[0].after})"
            )
        real = [name_of(node) for node in self._reader.list(NODES)] if self.trace.oracle == "kind" else []
        return canonical(self._tape, self.trace, self._nodes.specs(), self._end_us, about, real)

    def _next(self) -> None:
        """Wait for the first step that is left."""
        step = self._steps[0]
        if step.after is None:
            moment = self._kernel.now if step.at_us is None else max(self._kernel.now, self._start_us + step.at_us)
            self._kernel.at(moment + step.plus_us, lambda: self._do(step))
            return
        if step.after.resource not in self._watched:
            self._watched.add(step.after.resource)
            self._reader.observe(step.after.resource, self._changed)
        self._waiting = step, self._kernel.after(step.within_us, lambda: self._give_up(step))
        self._check()

    def _changed(self, _change: Change, _obj: Object, _old: Object | None) -> None:
        if self._waiting is not None and not self._checking:
            self._checking = True
            self._kernel.after(0, self._check)

    def _check(self) -> None:
        self._checking = False
        if self._waiting is None:
            return
        step, limit = self._waiting
        assert step.after is not None
        if step.after.holds(self._own(step.after.resource)):
            self._waiting = None
            limit.cancel()
            self._kernel.after(step.plus_us, lambda: self._do(step))

    def _own(self, resource: Resource) -> Sequence[Object]:
        return self._reader.list(resource, self.trace.namespace if resource.namespaced else None)

    def _give_up(self, step: Step) -> None:
        self._waiting = None
        self._fail(f"step {step.number} waited {step.within_us / SECOND:g} s in vain for {step.after}")

    def _fail(self, words: str) -> None:
        self.failure = words
        self._finish()

    def _finish(self) -> None:
        self.finished = True
        self._end_us = self._kernel.now - self._start_us
        self._tape.stop()

    def _do(self, step: Step) -> None:
        if step is self.trace.end:
            self._finish()
            return
        began_us = self._kernel.now
        try:
            self._act(step)
            answer = "ok"
        except ApiError as error:
            answer = f"{error.code} {error.reason}: {error.message}"
        except (TraceError, KeyError, TypeError) as error:
            self._fail(f"step {step.number} ({step.verb}): {error}")
            return
        self._tape.answered(f"{step.number} {step.verb}", answer)
        if answer != "ok" and step.retry_us is not None:
            self._kernel.after(step.retry_us + began_us - self._kernel.now, lambda: self._do(step))
            return
        self._steps.pop(0)
        self._next()

    def _act(self, step: Step) -> None:
        body = step.body
        if step.verb == "create":
            for obj in created_objects(step):
                self._create(obj)
        elif step.verb == "replace":
            self._writer.replace(kind_of(body.get("kind"), "replace"), self._adapted(body))
        elif step.verb in {"patch", "scale"}:
            self._patch(step.verb, body)
        elif step.verb == "delete":
            self._delete(body)
        elif step.verb == "evict":
            for pod in self._chosen(PODS, body):
                self._writer.evict(self.trace.namespace, name_of(pod), grace_period_s=body.get("grace"))
        elif step.verb == "bind":
            self._writer.bind(self.trace.namespace, body["pod"], body["node"])
        elif step.verb == "metrics":
            if self._metrics is None:
                raise TraceError("metrics cannot be fed to this cluster")
            self._metrics.set(self.trace.namespace, body)
        elif step.verb != "wait":
            self._act_on_nodes(step.verb, body)

    def _create(self, obj: Mapping[str, Any]) -> None:
        resource = kind_of(obj.get("kind"), "create")
        created = self._writer.create(resource, self._adapted(obj))
        if not resource.namespaced:
            self._cluster_wide.append((resource, name_of(created)))

    def _adapted(self, obj: Mapping[str, Any]) -> dict[str, Any]:
        """In the trace's namespace, and with the driver's scheduler if that is the one."""
        resource = kind_of(obj.get("kind"), "create")
        draft: dict[str, Any] = copy.deepcopy(dict(obj))
        draft.setdefault("apiVersion", resource.api_version)
        if resource.namespaced:
            draft.setdefault("metadata", {}).setdefault("namespace", self.trace.namespace)
        if self.trace.scheduling == "driver" and draft["kind"] in _TEMPLATES:
            place = draft
            for key in _TEMPLATES[draft["kind"]]:
                place = place.setdefault(key, {})
            place.setdefault("schedulerName", SCHEDULER)
        return draft

    def _patch(self, verb: str, body: Mapping[str, Any]) -> None:
        resource = kind_of(body.get("kind"), verb)
        patch = {"spec": {"replicas": body["replicas"]}} if verb == "scale" else body["patch"]
        for obj in self._chosen(resource, body):
            self._writer.patch(
                resource,
                namespace_of(obj),
                name_of(obj),
                patch,
                kind=body.get("type", "merge"),
                subresource=body.get("subresource", ""),
            )

    def _delete(self, body: Mapping[str, Any]) -> None:
        resource = kind_of(body.get("kind"), "delete")
        for obj in self._chosen(resource, body):
            self._writer.delete(
                resource,
                namespace_of(obj),
                name_of(obj),
                grace_period_s=body.get("grace"),
                propagation=body.get("propagation", "Background"),
                uid=uid_of(obj),
            )

    def _chosen(self, resource: Resource, body: Mapping[str, Any]) -> list[Object]:
        """The objects that a step names: by name, labels, values; oldest first, at most `first` of them."""
        match = parse_match(body)
        found = [obj for obj in self._own(resource) if match.matches(obj)]
        found.sort(key=lambda obj: (obj["metadata"]["creationTimestamp"], name_of(obj)))
        if not found:
            raise TraceError(f"no {resource.kind} {match.name} is there")
        return found[: body.get("first", len(found))]

    def _act_on_nodes(self, verb: str, body: Any) -> None:
        if verb == "node-added":
            for spec in node_of(self.trace.name, body):
                self._nodes.add(spec)
                self._wake_node(spec.name)
            return
        names = body if isinstance(body, list) else [body["node"] if isinstance(body, Mapping) else body]
        for name in names:
            if verb == "node-dies":
                self._nodes.die(name)
            elif verb == "node-returns":
                self._nodes.come_back(name)
                self._wake_node(name)
                for key in self._kubelet.keys_on(name):
                    self._wake_pod(key)
            elif verb in {"cordon", "uncordon"}:
                self._writer.patch(NODES, None, name, {"spec": {"unschedulable": True if verb == "cordon" else None}})
            else:
                self._taint(name, body, add=verb == "taint")

    def _taint(self, name: str, body: Mapping[str, Any], *, add: bool) -> None:
        node = self._reader.get(NODES, None, name)
        if node is None:
            raise TraceError(f"no node {name} is there")
        wanted = {key: body[key] for key in ("key", "value", "effect") if key in body}
        taints = [
            taint
            for taint in thaw(node["spec"].get("taints") or [])
            if taint["key"] != body["key"] or taint["effect"] != body.get("effect", taint["effect"])
        ]
        self._writer.patch(NODES, None, name, {"spec": {"taints": [*taints, wanted] if add else taints}})

    def clean_up(self) -> None:
        """Take away all that the trace made, pods at once. The namespace goes when it is empty."""
        if not self.finished:
            self._finish()
        namespace, write = self.trace.namespace, self._writer
        _quietly(write.delete, NAMESPACES, None, namespace)
        for pod in self._reader.list(PODS, namespace):
            if pod["metadata"].get("finalizers"):
                _quietly(write.patch, PODS, namespace, name_of(pod), {"metadata": {"finalizers": None}})
            _quietly(write.delete, PODS, namespace, name_of(pod), grace_period_s=0)
        for resource, name in self._cluster_wide:
            _quietly(write.delete, resource, None, name)
        for volume in self._reader.list(PERSISTENT_VOLUMES):
            if ((volume["spec"].get("claimRef") or {}).get("namespace")) == namespace:
                _quietly(write.delete, PERSISTENT_VOLUMES, None, name_of(volume))
        self._nodes.remove_all()

    def is_clean(self) -> bool:
        """Whether nothing is left that another trace could notice."""
        nodes = any(self._reader.get(NODES, None, name) is not None for name in self._nodes.names())
        return not nodes and not self._reader.list(PODS, self.trace.namespace)

    def is_gone(self) -> bool:
        """Whether the namespace, too, has gone."""
        return self.is_clean() and self._reader.get(NAMESPACES, None, self.trace.namespace) is None

    def retire(self) -> None:
        """Stop the fake kubelets, nodes and scheduler."""
        for name in (self._nodes.name, self._kubelet.name, self._binder.name):
            self._manager.stop(name)


def _quietly(action: Callable[..., Any], *args: Any, **options: Any) -> None:
    try:
        action(*args, **options)
    except NotFound:
        return  # gone already
