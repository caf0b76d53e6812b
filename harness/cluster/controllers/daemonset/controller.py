"""The DaemonSet controller: a pod on every node that fits (`pkg/controller/daemon`, 1.34).

Each reconcile makes the history, then what nodes need, then (if that left nothing to do) a step of a rolling update, then the status. Failed pods are replaced
with a back-off a node, kept in memory as upstream: 1 s, doubled up to 15 minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clock import MILLISECOND, MINUTE, SECOND, Kernel
from harness.cluster.controllers.daemonset import keeping, rolling
from harness.cluster.controllers.daemonset.history import History
from harness.cluster.controllers.daemonset.placement import (
    REVISION,
    by_age,
    is_updated,
    limits_of,
    pod_template,
    runs_on,
    target_of,
)
from harness.cluster.controllers.pods import (
    PodControl,
    Retries,
    available_in_us,
    is_available,
    is_ready,
    is_terminal,
    namespace_goes_away,
    phase_of,
    pod_from_template,
)
from harness.cluster.controllers.refs import claim, index_orphans, keys_of_owners
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import ApiError
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    namespace_of,
    split_key,
    uid_of,
)
from harness.kube.resources import CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS
from harness.kube.version import KubernetesVersion

_AT_ONCE = 250  # BurstReplicas
_RETRY_FIRST_US, _RETRY_LAST_US = 5 * MILLISECOND, 1000 * SECOND
_BACKOFF_FIRST_US, _BACKOFF_LAST_US = SECOND, 15 * MINUTE
_COUNTS = (
    "currentNumberScheduled",
    "numberMisscheduled",
    "desiredNumberScheduled",
    "numberReady",
    "updatedNumberScheduled",
    "numberAvailable",
    "numberUnavailable",
)
_ALWAYS = frozenset(_COUNTS[:4])


class DaemonSetController:
    """Reconciles DaemonSets."""

    name = "daemonset-controller"

    def __init__(
        self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder, version: KubernetesVersion
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(self.name)
        self._pods = PodControl(writer, self._events)
        self._history = History(reader, writer, version)
        self._retries = Retries(_RETRY_FIRST_US, _RETRY_LAST_US)
        self._backoff: dict[tuple[str, int, str], tuple[int, int]] = {}  # delay, and when it began
        for resource in (PODS, CONTROLLER_REVISIONS):
            index_orphans(reader, resource)

    def watches(self) -> Sequence[Watch]:
        """DaemonSets, their pods, and nodes on which something would have to change."""
        return [
            Watch(DAEMON_SETS),
            Watch(PODS, keys_of_owners(self._reader, DAEMON_SETS)),
            Watch(NODES, self._concerned_by),
        ]

    def reconcile(self, key: str) -> int | None:
        """One step."""
        daemon_set = self._reader.get(DAEMON_SETS, *split_key(key))
        if daemon_set is None or is_deleting(daemon_set):
            return None
        if not (daemon_set["spec"].get("selector") or {}):
            words = "This daemon set is selecting all pods. A non-empty selector is required."
            self._events.event(daemon_set, "Warning", "SelectingAll", words)
            return None
        uid, now = uid_of(daemon_set), self._kernel.now
        if blocked_us := self._retries.left_us(uid, now):
            return blocked_us
        nodes = self._reader.list(NODES)
        pods = claim(self._reader, self._writer, PODS, daemon_set)
        current, old = self._history.construct(daemon_set, pods)
        digest = labels_of(current)[REVISION]
        retry_us: int | None = None
        waits: list[int] = []
        try:
            if not self._manage(daemon_set, nodes, pods, digest, waits):
                self._roll(daemon_set, nodes, pods, digest)
            self._retries.forget(uid)
        except ApiError as error:
            retry_us = self._retries.failed(uid, now)
            self._pods.refused(daemon_set, error.message)
        pods = claim(self._reader, self._writer, PODS, daemon_set)
        if retry_us is None:
            self._history.clean(daemon_set, old, pods)
        self._write_status(daemon_set, nodes, pods, digest)
        min_ready_s = _min_ready_s(daemon_set)
        waits += [delay for pod in pods if (delay := available_in_us(pod, min_ready_s, now))]
        return min((moment for moment in (retry_us, *waits) if moment), default=None)

    def _concerned_by(self, node: Object) -> Iterable[str]:
        own: dict[str, bool] = {}
        for pod in self._reader.by_index(PODS, "node", name_of(node)):
            owner = controller_of(pod)
            if owner is not None and owner["kind"] == DAEMON_SETS.kind:
                own[f"{namespace_of(pod)}/{owner['name']}"] = True
        for daemon_set in self._reader.list(DAEMON_SETS):
            should_run, may_stay = runs_on(daemon_set, node)
            scheduled = key_of(daemon_set) in own
            missed = int((daemon_set.get("status") or {}).get("numberMisscheduled") or 0)
            if (should_run and not scheduled) or (scheduled and (not may_stay or missed > 0)):
                yield key_of(daemon_set)

    def _manage(
        self, daemon_set: Object, nodes: Sequence[Object], pods: Sequence[Object], digest: str, waits: list[int]
    ) -> bool:
        """Create and delete what nodes need; whether there was anything to do. Raises ApiError."""
        by_node = _by_node(pods)
        surges = limits_of(daemon_set, 1)[0] > 0
        create: list[str] = []
        delete: list[Object] = []
        for node in nodes:
            name = name_of(node)
            verdict = keeping.judge(
                by_node.get(name, ()),
                *runs_on(daemon_set, node),
                surges,
                digest,
                self._available(daemon_set),
                lambda name=name: self._in_backoff(daemon_set, name, waits),  # type: ignore[misc]
            )
            for pod in verdict.ended:
                self._say_ended(daemon_set, pod, name)
            delete += verdict.delete
            create += [name] * verdict.create
        known = {name_of(node) for node in nodes}
        delete += [
            pod for name in by_node if name not in known for pod in by_node[name] if not pod["spec"].get("nodeName")
        ]
        self._sync(daemon_set, create, delete, digest)
        return bool(create or delete)

    def _roll(self, daemon_set: Object, nodes: Sequence[Object], pods: Sequence[Object], digest: str) -> None:
        if daemon_set["spec"]["updateStrategy"]["type"] != "RollingUpdate":
            return
        wanted = [name_of(node) for node in nodes if runs_on(daemon_set, node)[0]]
        todo = rolling.replace(daemon_set, _by_node(pods), wanted, digest, self._available(daemon_set))
        self._sync(daemon_set, todo.create_on, todo.delete, digest)

    def _sync(self, daemon_set: Object, create: Sequence[str], delete: Sequence[Object], digest: str) -> None:
        for node in create[:_AT_ONCE]:
            template = pod_template(daemon_set, node, digest)
            try:
                self._pods.create(daemon_set, pod_from_template(template, daemon_set, f"{name_of(daemon_set)}-"))
            except ApiError as error:
                if namespace_goes_away(error.details):
                    return
                raise
        for pod in delete[:_AT_ONCE]:
            self._pods.delete(daemon_set, pod)

    def _available(self, daemon_set: Object) -> Any:
        min_ready_s, now = _min_ready_s(daemon_set), self._kernel.now
        return lambda pod: is_available(pod, min_ready_s, now)

    def _in_backoff(self, daemon_set: Object, node: str, waits: list[int]) -> bool:
        """Whether a failed pod on this node was removed too short a while ago; if not, one is removed now."""
        generation = int((daemon_set.get("status") or {}).get("observedGeneration") or 0)
        identity, now = (uid_of(daemon_set), generation, node), self._kernel.now
        delay_us, since_us = self._backoff.get(identity, (0, 0))
        if now - since_us > 2 * _BACKOFF_LAST_US:
            delay_us = 0
        elif now - since_us < delay_us:
            waits.append(since_us + delay_us - now)
            return True
        self._backoff[identity] = (min(2 * delay_us, _BACKOFF_LAST_US) or _BACKOFF_FIRST_US, now)
        return False

    def _say_ended(self, daemon_set: Object, pod: Object, node: str) -> None:
        place = f"daemon pod {key_of(pod)} on node {node}, will try to"
        if phase_of(pod) == "Failed":
            self._events.event(daemon_set, "Warning", "FailedDaemonPod", f"Found failed {place} kill it")
        else:
            self._events.event(daemon_set, "Normal", "SucceededDaemonPod", f"Found succeeded {place} delete it")

    def _write_status(self, daemon_set: Object, nodes: Sequence[Object], pods: Sequence[Object], digest: str) -> None:
        by_node, available = _by_node(pods), self._available(daemon_set)
        counts = dict.fromkeys(_COUNTS, 0)
        for node in nodes:
            here = by_age(by_node.get(name_of(node), ()))
            if not runs_on(daemon_set, node)[0]:
                counts["numberMisscheduled"] += bool(here)
                continue
            counts["desiredNumberScheduled"] += 1
            if not here:
                continue
            counts["currentNumberScheduled"] += 1
            counts["numberReady"] += is_ready(here[0])
            counts["numberAvailable"] += available(here[0])
            counts["updatedNumberScheduled"] += is_updated(daemon_set, here[0], digest)
        counts["numberUnavailable"] = counts["desiredNumberScheduled"] - counts["numberAvailable"]
        before: Mapping[str, Any] = daemon_set.get("status") or {}
        generation = daemon_set["metadata"].get("generation", 1)
        if int(before.get("observedGeneration") or 0) >= generation and all(
            int(before.get(field) or 0) == count for field, count in counts.items()
        ):
            return
        status = {field: value for field, value in before.items() if field not in counts}
        status |= {field: count for field, count in counts.items() if count or field in _ALWAYS}
        status["observedGeneration"] = generation
        self._writer.replace(DAEMON_SETS, {**daemon_set, "status": status}, subresource="status")


def _min_ready_s(daemon_set: Object) -> int:
    return int(daemon_set["spec"].get("minReadySeconds") or 0)


def _by_node(pods: Sequence[Object]) -> dict[str, list[Object]]:
    """The pods by the node that they run on or are meant for; what has ended and is going does not count."""
    found: dict[str, list[Object]] = {}
    for pod in pods:
        target = target_of(pod)
        if target is not None and not (is_terminal(pod) and is_deleting(pod)):
            found.setdefault(target, []).append(pod)
    return found
