"""What a run showed, as it came: the distinct projections of every object that the trace looks at, its events, and how the steps were answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.clock import Kernel
from harness.fidelity.projections import Projection, project
from harness.fidelity.trace import Observation, Trace, created_objects
from harness.fidelity.values import KINDS, lookup
from harness.kube.client import Change, Reader
from harness.kube.objects import Object, controller_of, labels_of, name_of, namespace_of, uid_of
from harness.kube.resources import EVENTS

_INDEX = "batch.kubernetes.io/job-completion-index"
_FOREIGN = {
    "cidrAllocator"
}  # address ranges of nodes: whether they are allocated is a matter of how a control plane was set up
_NAMED_BY_CONTROLLER = {"ReplicaSet", "ControllerRevision", "Job"}  # a hash or a number, without generateName


@dataclass
class Seen:
    """One object (by uid) and what it looked like: moments in microseconds since the start, None when it has gone."""

    kind: str
    name: str
    uid: str
    owner: tuple[str, str, str] | None  # kind, name, uid
    generated: bool
    index: str | None
    states: list[tuple[int, Projection | None]] = field(default_factory=list)


@dataclass
class Told:
    """One event and the moments at which it was told."""

    subject: tuple[str, str, str]  # kind, name, uid of the involved object
    kind: str
    reason: str
    message: str
    component: str
    moments: list[int] = field(default_factory=list)


@dataclass
class Answer:
    """How a step was answered, `ok` or the error."""

    moment: int
    step: str
    text: str


class Tape:
    """Records from `begin` to `stop`; belongs to the kernel's thread."""

    def __init__(self, trace: Trace, kernel: Kernel, reader: Reader, nodes: Mapping[str, Any]) -> None:
        self._trace = trace
        self._kernel = kernel
        self._reader = reader
        self._nodes = nodes  # grows while nodes are added
        self._created = {
            (str(obj["kind"]), str((obj.get("metadata") or {}).get("name")))
            for step in trace.steps
            for obj in created_objects(step)
        }
        self._start_us = 0
        self._running = False
        self.seen: dict[str, Seen] = {}
        self.told: dict[str, Told] = {}
        self.answers: list[Answer] = []

    def begin(self) -> None:
        """The present moment is the start."""
        self._start_us = self._kernel.now
        self._running = True
        for kind, observation in self._trace.observe.items():
            if kind == "Event":
                self._reader.observe(EVENTS, self._heard)
            else:
                self._reader.observe(KINDS[kind], self._watcher(kind, observation))

    def stop(self) -> None:
        """Nothing that comes now counts."""
        self._running = False

    def answered(self, step: str, text: str) -> None:
        """A step was done, or refused."""
        self.answers.append(Answer(self._moment(), step, text))

    def _moment(self) -> int:
        return self._kernel.now - self._start_us

    def _watcher(self, kind: str, observation: Observation) -> Any:
        def changed(change: Change, obj: Object, _old: Object | None) -> None:
            if not self._running or not self._concerns(kind, obj):
                return
            seen = self.seen.get(uid_of(obj))
            if seen is None:
                seen = self.seen[uid_of(obj)] = _first(kind, obj)
            state = None if change == "DELETED" else project(kind, obj, observation)
            if not seen.states or seen.states[-1][1] != state:
                seen.states.append((self._moment(), state))

        return changed

    def _concerns(self, kind: str, obj: Object) -> bool:
        namespace = namespace_of(obj)
        if namespace is not None:
            return namespace == self._trace.namespace
        if kind == "Node":
            return name_of(obj) in self._nodes
        claimed = lookup(obj, "spec.claimRef.namespace")
        return claimed == self._trace.namespace or (kind, name_of(obj)) in self._created

    def _heard(self, change: Change, event: Object, _old: Object | None) -> None:
        if not self._running or change == "DELETED" or lookup(event, "source.component") in _FOREIGN:
            return
        subject = event.get("involvedObject") or {}
        of_node = "Node" in self._trace.observe and subject.get("kind") == "Node" and subject.get("name") in self._nodes
        if namespace_of(event) != self._trace.namespace and not of_node:
            return
        told = self.told.get(uid_of(event))
        if told is None:
            told = self.told[uid_of(event)] = Told(
                subject=(str(subject.get("kind")), str(subject.get("name")), str(subject.get("uid"))),
                kind=str(event.get("type")),
                reason=str(event.get("reason")),
                message=str(event.get("message") or ""),
                component=str(event.get("reportingComponent") or lookup(event, "source.component") or ""),
            )
        count = int(lookup(event, "series.count") or event.get("count") or 1)
        told.moments += [self._moment()] * (count - len(told.moments))


def _first(kind: str, obj: Object) -> Seen:
    owner = controller_of(obj)
    annotations = obj["metadata"].get("annotations") or {}
    generated = bool(obj["metadata"].get("generateName")) or (owner is not None and kind in _NAMED_BY_CONTROLLER)
    if owner is not None and owner["kind"] == "StatefulSet" and kind == "Pod":
        generated = False  # web-0 has a generateName, too, but is not named by chance
    return Seen(
        kind=kind,
        name=name_of(obj),
        uid=uid_of(obj),
        owner=None if owner is None else (str(owner["kind"]), str(owner["name"]), str(owner["uid"])),
        generated=generated or (kind == "PersistentVolume" and name_of(obj).startswith("pvc-")),
        index=labels_of(obj).get(_INDEX) or annotations.get(_INDEX),
    )
