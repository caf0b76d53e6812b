"""The scheduler: takes pods without a node one at a time, in the queue's order, and binds each to the best node or says why it cannot.

It keeps its picture of the cluster (`cache`) and its queue up to date from every change, lets changes wake refused pods that they could help, and runs one
cycle (`cycle`) a reconcile, so that other controllers of the same moment get their turn in between. Writes are a binding, the condition PodScheduled and the
events Scheduled and FailedScheduling, with the texts of kube-scheduler 1.34. Ties among the best nodes are drawn from the seeded stream "scheduler".

Preemption is a later issue: no pod is removed for another, whatever its priority; the refusal's text says what upstream prints when preemption finds no
victims. Extenders, further profiles and scheduling of pods of other schedulers are not here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.clock import Kernel, Seeds, format_time
from harness.cluster.scheduler.cache import Cluster
from harness.cluster.scheduler.cycle import Cycle, NodeExplanation
from harness.cluster.scheduler.framework import ClusterEvent, Diagnosis
from harness.cluster.scheduler.podinfo import PodInfo, pod_info
from harness.cluster.scheduler.profile import default_profile
from harness.cluster.scheduler.queue import Queued, QueueSettings, SchedulingQueue
from harness.cluster.scheduler.texts import GATED, fit_error
from harness.cluster.scheduler.volumes import SELECTED_NODE, ClaimLookup
from harness.kube.client import Change, Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import ApiError
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    condition,
    controller_of,
    is_deleting,
    key_of,
    labels_of,
    name_of,
    with_condition,
)
from harness.kube.resources import (
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    PODS,
    REPLICA_SETS,
    SERVICES,
)
from harness.kube.selectors import Selector, from_labels, from_object

SCHEDULER_NAME = "default-scheduler"
_KEY = "schedule"
_TERMINAL = frozenset({"Succeeded", "Failed"})


class Scheduler:
    """kube-scheduler with its default profile."""

    name = "scheduler"

    def __init__(
        self,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        seeds: Seeds,
        queue_settings: QueueSettings | None = None,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(SCHEDULER_NAME)
        self._draws = seeds.stream("scheduler")
        self._cluster = Cluster()
        self._queue = SchedulingQueue(queue_settings)
        self._volumes = ClaimLookup(reader)
        self._profile = default_profile(self._volumes, self._default_selector)
        self._cycle = Cycle(self._profile, self._cluster)
        self._volumes_generation = 0
        self._failed: dict[
            str, tuple[tuple[int, int], Diagnosis]
        ] = {}  # by pod class, valid for one picture of the cluster
        reader.observe(NODES, self._node_changed)
        reader.observe(PODS, self._pod_changed)
        reader.observe(PERSISTENT_VOLUME_CLAIMS, self._volume_changed)
        reader.observe(PERSISTENT_VOLUMES, self._volume_changed)

    def watches(self) -> Sequence[Watch]:
        """Everything that may put a pod into the queue or wake one; all changes wake the one key."""
        return [Watch(kind, self._wakes) for kind in (PODS, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES)]

    def reconcile(self, key: str) -> int | None:  # noqa: ARG002 - there is one key
        """Try the next pod."""
        queued = self._queue.pop(self._kernel.now)
        if queued is not None:
            self._attempt(queued)
        return self._queue.next_us(self._kernel.now)

    def explain(self, pod: Object) -> Mapping[str, NodeExplanation]:
        """For every node what refuses the pod now, or how each plugin scores the node."""
        return self._cycle.explain(pod_info(pod))

    def _wakes(self, _obj: Object) -> Iterable[str]:
        return (_KEY,) if len(self._queue) else ()

    def _attempt(self, queued: Queued) -> None:
        pod = queued.pod
        outcome = self._place(pod)
        if isinstance(outcome, Diagnosis):
            self._refuse(queued, outcome)
        elif not self._select_node_for_claims(queued, outcome):
            self._bind(queued, outcome)

    def _place(self, pod: PodInfo) -> str | Diagnosis:
        picture = (self._cluster.generation, self._volumes_generation)
        known = self._failed.get(pod.whole_class)
        if known is not None and known[0] == picture:
            return known[1]
        outcome = self._cycle.place(pod, self._draws.choice)
        if isinstance(outcome, Diagnosis):
            self._failed = {name: entry for name, entry in self._failed.items() if entry[0] == picture}
            self._failed[pod.whole_class] = (picture, outcome)
        return outcome

    def _bind(self, queued: Queued, node: str) -> None:
        pod = queued.pod.pod
        try:
            self._writer.bind(queued.pod.namespace, name_of(pod), node)
        except ApiError as error:
            self._queue.retry(queued, self._kernel.now)
            self._say_unscheduled(pod, "SchedulerError", f"binding rejected: {error.message}")
            return
        self._events.event(pod, "Normal", "Scheduled", f"Successfully assigned {key_of(pod)} to {node}")

    def _select_node_for_claims(self, queued: Queued, node: str) -> bool:
        """Tell the volume controller where claims that waited for their first consumer are wanted; True when there are any: the pod waits for them."""
        namespace = queued.pod.namespace
        waiting = [
            name
            for name in queued.pod.claims
            if (state := self._volumes.claim(namespace, name)) is not None and state.volume is None
        ]
        if waiting:
            self._queue.refuse(queued, ("VolumeBinding",), self._kernel.now)
        for name in waiting:
            selected = {"metadata": {"annotations": {SELECTED_NODE: node}}}
            self._writer.patch(PERSISTENT_VOLUME_CLAIMS, namespace, name, selected)
        return bool(waiting)

    def _refuse(self, queued: Queued, diagnosis: Diagnosis) -> None:
        self._queue.refuse(queued, diagnosis.plugins, self._kernel.now)
        self._say_unscheduled(queued.pod.pod, "Unschedulable", fit_error(diagnosis, queued.pod))

    def _say_unscheduled(self, pod: Object, reason: str, message: str) -> None:
        self._events.event(pod, "Warning", "FailedScheduling", message)
        self._write_condition(pod, reason, message)

    def _write_condition(self, pod: Object, reason: str, message: str) -> None:
        current = self._reader.get(PODS, pod["metadata"]["namespace"], name_of(pod))
        if current is None:
            return  # deleted between the attempt and the answer
        before = condition(current, "PodScheduled") or {}
        if (before.get("status"), before.get("reason"), before.get("message")) == ("False", reason, message):
            return
        wanted = {
            "type": "PodScheduled",
            "status": "False",
            "reason": reason,
            "message": message,
            "lastProbeTime": None,
            "observedGeneration": current["metadata"].get("generation", 1),
        }
        conditions = (current.get("status") or {}).get("conditions") or ()
        status = {"conditions": with_condition(conditions, wanted, format_time(self._kernel.now))}
        self._writer.patch(PODS, pod["metadata"]["namespace"], name_of(pod), {"status": status}, subresource="status")

    def _happened(self, event: ClusterEvent) -> None:
        """Wake the refused pods that `event` could help; pods of one class with the same refusal get one answer."""
        answers: dict[tuple[str, tuple[str, ...]], bool] = {}

        def helps(queued: Queued) -> bool:
            question = (queued.pod.whole_class, queued.refused_by)
            if question not in answers:
                answers[question] = self._helps(queued, event)
            return answers[question]

        self._queue.wake(helps, self._kernel.now)

    def _helps(self, queued: Queued, event: ClusterEvent) -> bool:
        if not queued.refused_by:
            return True  # there was no node at all to refuse it
        refused_by = [plugin for plugin in self._profile.filters if plugin.name in queued.refused_by]
        return any(plugin.helps(queued.pod, event, self._cluster) for plugin in refused_by)

    def _node_changed(self, change: Change, node: Object, old: Object | None) -> None:
        if change == "DELETED":
            self._cluster.remove_node(name_of(node))
        elif change == "ADDED":
            self._happened(ClusterEvent("NodeAdd", node=self._cluster.set_node(node)))
        elif old is None or _offers(node) != _offers(old):
            self._happened(ClusterEvent("NodeUpdate", node=self._cluster.set_node(node)))

    def _volume_changed(self, _change: Change, _obj: Object, _old: Object | None) -> None:
        self._volumes_generation += 1
        self._happened(ClusterEvent("VolumeChange"))

    def _pod_changed(self, change: Change, pod: Object, old: Object | None) -> None:
        if change == "MODIFIED" and old is not None and _asks(pod) == _asks(old):
            return
        key = key_of(pod)
        if change == "DELETED" or (pod.get("status") or {}).get("phase") in _TERMINAL:
            self._queue.remove(key)
            removed = self._cluster.remove_pod(key)
            if removed is not None:
                self._happened(ClusterEvent("AssignedPodDelete", pod=removed))
        elif pod["spec"].get("nodeName"):
            self._queue.remove(key)
            self._assigned(pod_info(pod))
        elif pod["spec"].get("schedulerName", SCHEDULER_NAME) == SCHEDULER_NAME:
            self._unassigned(pod)

    def _assigned(self, pod: PodInfo) -> None:
        before = self._cluster.node_of(pod.key)
        self._cluster.set_pod(pod, str(pod.spec["nodeName"]))
        if before is not None:
            # Its labels, its size or its life changed: for those who wait this can be as good as its end.
            self._happened(ClusterEvent("AssignedPodDelete", pod=pod))
        self._happened(ClusterEvent("AssignedPodAdd", pod=pod))

    def _unassigned(self, pod: Object) -> None:
        key = key_of(pod)
        if is_deleting(pod):
            self._queue.remove(key)
        elif pod["spec"].get("schedulingGates"):
            self._queue.remove(key)
            self._write_condition(pod, "SchedulingGated", GATED)
        elif key in self._queue:
            before, now = self._queue.get(key), pod_info(pod)
            self._queue.update(now)
            event = ClusterEvent("PodUpdate", pod=now, pod_before=before)
            if any(plugin.helps(now, event, self._cluster) for plugin in self._profile.filters):
                self._queue.wake_one(key, self._kernel.now)
        else:
            self._queue.add(pod_info(pod), self._kernel.now)

    def _default_selector(self, pod: PodInfo) -> Selector | None:
        """What selects the pod: its Services' selectors and its ReplicaSet's, together."""
        requirements = [
            requirement
            for service in self._reader.list(SERVICES, pod.namespace)
            if service["spec"].get("selector") and from_labels(service["spec"]["selector"]).matches(pod.labels)
            for requirement in from_labels(service["spec"]["selector"]).requirements
        ]
        owner = controller_of(pod.pod)
        if owner is not None and owner["kind"] == REPLICA_SETS.kind:
            replica_set = self._reader.get(REPLICA_SETS, pod.namespace, str(owner["name"]))
            selector = None if replica_set is None else from_object(replica_set["spec"].get("selector"))
            requirements += selector.requirements if selector is not None else ()
        return Selector(tuple(requirements)) if requirements else None


def _offers(node: Object) -> tuple[object, ...]:
    """What of a node matters here; heartbeats and conditions do not."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    return (
        labels_of(node),
        spec.get("taints") or (),
        bool(spec.get("unschedulable")),
        status.get("allocatable"),
        status.get("images") or (),
    )


def _asks(pod: Object) -> tuple[object, ...]:
    """What of a pod matters here; most status changes do not."""
    return (
        (pod.get("status") or {}).get("phase") in _TERMINAL,
        is_deleting(pod),
        pod["spec"],
        labels_of(pod),
    )
