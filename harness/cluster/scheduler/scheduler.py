"""The scheduler: takes pods without a node one at a time, in the queue's order, and binds each to the best node or says why it cannot.

It keeps its picture of the cluster (`cache`) and its queue up to date from every change, lets changes wake refused pods that they could help
(`changes`, the plugins' hints), and runs one cycle (`cycle`) a reconcile, so that other controllers of the same moment get their turn in between. A pod
that no node takes may preempt others (`plugins/default_preemption`). Writes are a binding, what volumes need (`binding`), the condition PodScheduled
with the nominated node, and events, with the texts of kube-scheduler 1.34. Draws (ties among the best nodes and among the best victims) come from the
seeded stream "scheduler".

Not here: extenders, further profiles, ResourceClaims. Pods of other schedulers are left alone; once they are on a node they count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clock import Kernel, Seeds
from harness.cluster.scheduler import binding, changes
from harness.cluster.scheduler.cache import Cluster
from harness.cluster.scheduler.cycle import Cycle, NodeExplanation
from harness.cluster.scheduler.framework import ClusterEvent, Diagnosis, Filter, PluginError
from harness.cluster.scheduler.nominations import Nominations
from harness.cluster.scheduler.plugins import default_preemption as preemption
from harness.cluster.scheduler.plugins.volume_binding import bindings, claims_of_pod
from harness.cluster.scheduler.podinfo import PodInfo, later, pod_info
from harness.cluster.scheduler.profile import default_profile
from harness.cluster.scheduler.queue import Group, Queued, QueueSettings, SchedulingQueue
from harness.cluster.scheduler.reports import SCHEDULER_NAME, Reports
from harness.cluster.scheduler.selectors import DefaultSelectors
from harness.cluster.scheduler.texts import GATED, NO_NODES, fit_error
from harness.cluster.scheduler.volumes import Volumes
from harness.kube.client import Change, Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import ApiError
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, key_of, labels_of, name_of
from harness.kube.resources import (
    BUILT_IN,
    CSI_DRIVERS,
    CSI_NODES,
    CSI_STORAGE_CAPACITIES,
    NAMESPACES,
    NODES,
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    POD_DISRUPTION_BUDGETS,
    PODS,
    REPLICA_SETS,
    REPLICATION_CONTROLLERS,
    SERVICES,
    STATEFUL_SETS,
    STORAGE_CLASSES,
    VOLUME_ATTACHMENTS,
    Resource,
)
from harness.kube.version import KubernetesVersion

_KEY = "schedule"
_TERMINAL = frozenset({"Succeeded", "Failed"})
_STORAGE = (
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    STORAGE_CLASSES,
    CSI_NODES,
    CSI_DRIVERS,
    CSI_STORAGE_CAPACITIES,
    VOLUME_ATTACHMENTS,
)
_SELECTING = (SERVICES, REPLICA_SETS, STATEFUL_SETS, REPLICATION_CONTROLLERS)
_CHANGES: Mapping[Change, str] = {"ADDED": "Add", "MODIFIED": "Update", "DELETED": "Delete"}
_NOMINATES_FOR_BINDING = KubernetesVersion(1, 35)  # NominatedNodeNameForExpectation


class Scheduler:
    """kube-scheduler with its default profile. `version` keys what differs between 1.34 and later."""

    name = "scheduler"

    def __init__(
        self,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        seeds: Seeds,
        queue_settings: QueueSettings | None = None,
        version: KubernetesVersion | None = None,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.in_series(SCHEDULER_NAME)
        self._reports = Reports(kernel, reader, writer, self._events)
        self._draws = seeds.stream("scheduler")
        self._version = version or KubernetesVersion(1, 36)
        self._cluster = Cluster()
        self._nominations = Nominations()
        self._queue = SchedulingQueue(queue_settings, kernel.start_us)
        self._gated_since: dict[str, int] = {}
        self._waiting: dict[str, binding.Waiting] = {}  # by pod key; their pods take room on their nodes already
        served = frozenset(resource.group_resource for resource in BUILT_IN)
        self._volumes = Volumes(reader, BUILT_IN)
        self._selectors = DefaultSelectors(reader, served)
        self._profile = default_profile(self._volumes, self._selectors)
        self._cycle = Cycle(self._profile, self._cluster, self._nominations)
        self._listeners: dict[str, list[Filter]] = {}
        for plugin in self._profile.filters:
            for label in plugin.events:
                self._listeners.setdefault(label, []).append(plugin)
        self._wide = frozenset(plugin.name for plugin in self._profile.wide_filters)
        self._failed: dict[str, tuple[tuple[int, ...], Diagnosis]] = {}  # by class, valid for one picture
        self._observe(served)

    def watches(self) -> Sequence[Watch]:
        """Everything that may put a pod into the queue or wake one; all changes wake the one key."""
        kinds = [kind for kind in (PODS, NODES, *_STORAGE) if kind in BUILT_IN]
        return [Watch(kind, self._wakes) for kind in kinds]

    def reconcile(self, key: str) -> int | None:  # noqa: ARG002 - there is one key
        """Look after claims that are being bound, then try the next pod."""
        now = self._kernel.now
        for waiting in list(self._waiting.values()):
            if waiting.next_look_us(now) == now or waiting.ends_us <= now:
                self._look_at(waiting)
        queued = self._queue.pop(now)
        if queued is not None:
            self._attempt(queued)
        moments = [self._next_look_us(waiting) - now for waiting in self._waiting.values()]
        upcoming = self._queue.next_us(now)
        return min([*moments, *(() if upcoming is None else (upcoming,))], default=None)

    def explain(self, pod: Object) -> Mapping[str, NodeExplanation]:
        """For every node what refuses the pod now, or how each plugin scores the node. Raises PluginError."""
        return self._cycle.explain(pod_info(pod))

    # What is watched

    def _observe(self, served: frozenset[str]) -> None:
        def observe(resource: Resource, observer: Any) -> None:
            if resource.group_resource in served:
                self._reader.observe(resource, observer)

        observe(NAMESPACES, self._namespace_changed)
        observe(NODES, self._node_changed)
        for resource in _SELECTING:
            observe(resource, self._selecting_changed)
        for resource in _STORAGE:
            observe(resource, self._storage_changed)
        observe(PODS, self._pod_changed)

    def _wakes(self, _obj: Object) -> Iterable[str]:
        return (_KEY,) if len(self._queue) or self._waiting else ()

    def _namespace_changed(self, change: Change, namespace: Object, old: Object | None) -> None:
        if change == "MODIFIED" and old is not None and labels_of(old) == labels_of(namespace):
            return
        self._cluster.set_namespace(name_of(namespace), None if change == "DELETED" else labels_of(namespace))

    def _selecting_changed(self, change: Change, obj: Object, old: Object | None) -> None:
        if change == "MODIFIED" and old is not None and old["spec"].get("selector") == obj["spec"].get("selector"):
            return
        self._selectors.forget()
        self._cycle.generation += 1

    def _node_changed(self, change: Change, node: Object, old: Object | None) -> None:
        if change == "DELETED":
            self._happened("Node/Delete", node, None)
            self._cluster.remove_node(name_of(node))
        elif change == "ADDED" or old is None:
            self._cluster.set_node(node)
            self._happened("Node/Add", None, node)
        else:
            if changes.node_offers_differ(old, node):
                self._cluster.set_node(node)
            for label in changes.node_changes(old, node):
                self._happened(label, old, node)

    def _storage_changed(self, change: Change, obj: Object, old: Object | None) -> None:
        self._cycle.generation += 1
        label = f"{obj['kind']}/{_CHANGES[change]}"
        if change == "DELETED":
            self._happened(label, obj, None)
        else:
            self._happened(label, old, obj)

    def _pod_changed(self, change: Change, pod: Object, old: Object | None) -> None:
        key = key_of(pod)
        if change == "DELETED" or (pod.get("status") or {}).get("phase") in _TERMINAL:
            self._gone(key, pod if change == "DELETED" or old is None else old)
        elif pod["spec"].get("nodeName"):
            self._on_node(key, pod, old)
        elif pod["spec"].get("schedulerName", SCHEDULER_NAME) == SCHEDULER_NAME:
            self._without_node(key, pod, old)

    # Pods

    def _gone(self, key: str, last: Object) -> None:
        waiting = self._waiting.pop(key, None)
        self._gated_since.pop(key, None)
        was_queued = key in self._queue
        self._queue.remove(key)
        was_nominated = self._nominations.node_of(key)
        self._nominations.remove(key)
        if self._cluster.remove_pod(key) is not None or waiting is not None:
            self._happened("Pod/Delete", last, None)
        elif was_queued and was_nominated:
            self._room_freed(last)

    def _on_node(self, key: str, pod: Object, old: Object | None) -> None:
        where = self._cluster.node_of(key)
        if where is not None and old is not None and key not in self._waiting and not changes.matters(old, pod):
            return
        is_new = old is None or not old["spec"].get("nodeName")
        known = self._queue.get(key) if where is None else where.pods[key]
        self._waiting.pop(key, None)
        self._queue.remove(key)
        self._nominations.remove(key)
        self._cluster.set_pod(later(known, pod), str(pod["spec"]["nodeName"]))
        if is_new:
            if old is not None and (old.get("status") or {}).get("nominatedNodeName"):
                self._room_freed(old)  # it is among the nominated no more
            self._happened("Pod/Add", None, pod)
            return
        for label in changes.pod_changes(old or pod, pod):
            if label != "Pod/UpdatePodToleration":  # helps only the pod itself
                self._happened(label, old, pod)

    def _without_node(self, key: str, pod: Object, old: Object | None) -> None:
        if key in self._waiting:
            return
        if is_deleting(pod):
            self._queue.remove(key)
            self._nominations.remove(key)
        elif pod["spec"].get("schedulingGates"):
            self._gated_since.setdefault(key, self._kernel.now)
            self._queue.remove(key)
            self._reports.condition(pod, "SchedulingGated", GATED, gated=True)
        elif key not in self._queue:
            info = pod_info(pod)
            self._queue.add(info, self._gated_since.pop(key, self._kernel.now))
            self._nominations.add(info, info.nominated_node)
        elif old is not None and changes.matters(old, pod):
            info = pod_info(pod)
            refused_by = self._queue.refused_by(key)
            self._queue.update(info)
            events = [ClusterEvent(label, old, pod) for label in changes.pod_changes(old, pod)]
            if any(
                plugin.name in refused_by and plugin.helps(info, event, self._cluster)
                for event in events
                for plugin in self._listeners.get(event.label, ())
            ):
                self._queue.wake_one(key, self._kernel.now)
            self._renominate(info, old)

    def _renominate(self, pod: PodInfo, old: Object) -> None:
        """The nomination in the pod's status changed: follow it, and let those wait no longer who respected it."""
        before = str((old.get("status") or {}).get("nominatedNodeName") or "")
        if before == pod.nominated_node:
            return
        self._nominations.add(pod, pod.nominated_node)
        if before:
            self._room_freed(old)

    def _room_freed(self, pod: Object) -> None:
        """A nominated pod needs its node no more: pods of no higher priority may try (upstream's AssignedPodDelete with a pre-check)."""
        priority = int(pod["spec"].get("priority") or 0)
        event = ClusterEvent("Pod/Delete", pod, None)
        listeners = {plugin.name: plugin for plugin in self._listeners["Pod/Delete"]}

        def could_help(waiting: PodInfo) -> bool:
            if waiting.priority > priority:
                return False
            plugins = [listeners[name] for name in self._queue.refused_by(waiting.key) if name in listeners]
            return any(plugin.helps(waiting, event, self._cluster) for plugin in plugins)

        self._queue.wake_where(could_help, self._kernel.now)

    def _happened(self, label: str, old: Object | None, new: Object | None) -> None:
        """Wake the refused pods that this could help; pods of one class with the same refusal get one answer."""
        listeners = self._listeners.get(label)
        if not listeners:
            return
        event = ClusterEvent(label, old, new)

        def helps(group: Group) -> bool:
            pod = next(iter(group.members.values())).pod
            return any(
                plugin.helps(pod, event, self._cluster) for plugin in listeners if plugin.name in group.refused_by
            )

        self._queue.wake([plugin.name for plugin in listeners], helps, self._kernel.now)

    # One attempt

    def _attempt(self, queued: Queued) -> None:
        pod = queued.pod
        try:
            outcome = self._place(pod)
        except PluginError as error:
            self._fail(queued, str(error))
            return
        if isinstance(outcome, Diagnosis):
            self._refuse(queued, outcome)
        else:
            self._reserve(queued, outcome)

    def _place(self, pod: PodInfo) -> str | Diagnosis:
        if pod.nominated_node:
            return self._cycle.place(pod, self._draws.choice)
        picture = (self._cluster.generation, self._cycle.generation, self._nominations.generation)
        kind = f"{pod.priority}{self._cycle.class_of(pod)}"
        known = self._failed.get(kind)
        if known is not None and known[0] == picture:
            return known[1]
        outcome = self._cycle.place(pod, self._draws.choice)
        if isinstance(outcome, Diagnosis):
            if self._failed and next(iter(self._failed.values()))[0] != picture:
                self._failed.clear()
            self._failed[kind] = (picture, outcome)
        return outcome

    def _reserve(self, queued: Queued, node: str) -> None:
        """Bind at once, or after the claims that waited for this pod have been bound."""
        pod = queued.pod
        self._nominations.remove(pod.key)
        if pod.claims:
            info = self._cluster.get(node)
            claims = claims_of_pod(pod, self._volumes)
            if claims.waiting and info is not None:
                self._bind_volumes(
                    binding.Waiting(queued, node, self._kernel.now, bindings(claims, info, self._volumes))
                )
                return
        self._bind(queued, node)

    def _bind(self, queued: Queued, node: str) -> None:
        pod = queued.pod.pod
        try:
            self._writer.bind(queued.pod.namespace, name_of(pod), node)
        except ApiError as error:
            self._fail(queued, f"binding rejected: {error.message}")
            return
        self._events.event(pod, "Normal", "Scheduled", "Binding", f"Successfully assigned {key_of(pod)} to {node}")

    def _bind_volumes(self, waiting: binding.Waiting) -> None:
        pod = waiting.queued.pod
        self._waiting[pod.key] = waiting
        self._cluster.set_pod(pod, waiting.node)
        if self._version >= _NOMINATES_FOR_BINDING:
            self._reports.status(pod.pod, {"nominatedNodeName": waiting.node})
        try:
            binding.ask_for_volumes(waiting.bindings, waiting.node, self._writer)
        except ApiError as error:
            self._give_up(waiting, error.message)

    def _next_look_us(self, waiting: binding.Waiting) -> int:
        """The next look that could find something: at the next second after a change, else when the patience ends."""
        if waiting.since_us == self._kernel.now or self._is_settled(waiting):
            return waiting.next_look_us(self._kernel.now)
        return waiting.ends_us

    def _is_settled(self, waiting: binding.Waiting) -> bool:
        try:
            return binding.are_bound(waiting, self._reader.get(NODES, None, waiting.node), self._volumes)
        except binding.BindingFailed:
            return True

    def _look_at(self, waiting: binding.Waiting) -> None:
        try:
            done = binding.are_bound(waiting, self._reader.get(NODES, None, waiting.node), self._volumes)
        except binding.BindingFailed as failure:
            self._give_up(waiting, str(failure))
            return
        if done:
            del self._waiting[waiting.queued.pod.key]
            self._bind(waiting.queued, waiting.node)
        elif waiting.ends_us <= self._kernel.now:
            self._give_up(waiting, "binding volumes: context deadline exceeded")

    def _give_up(self, waiting: binding.Waiting, why: str) -> None:
        key = waiting.queued.pod.key
        self._waiting.pop(key, None)
        self._cluster.remove_pod(key)
        why = f'running PreBind plugin "VolumeBinding": {why}'
        self._happened("Pod/Delete", waiting.queued.pod.pod, None)
        self._fail(waiting.queued, why)

    # Refusals

    def _refuse(self, queued: Queued, diagnosis: Diagnosis) -> None:
        pod = self._latest(queued)
        now = self._kernel.now
        if not diagnosis.nodes:
            self._queue.retry(queued, now)
            self._reports.unscheduled(pod.pod, "Unschedulable", NO_NODES, nominated="" if self._clears() else None)
            return
        outcome = preemption.Outcome(eligible=False)
        if not diagnosis.whole:
            outcome = preemption.preempt(
                pod,
                diagnosis,
                self._cluster,
                lambda: self._cycle.trial(pod),
                self._reader.list(POD_DISRUPTION_BUDGETS),
                self._draws.randrange,
                now,
            )
        candidate = outcome.candidate
        nominated = None if not outcome.eligible else "" if candidate is None else candidate.node
        kind = pod.whole_class if self._wide & set(diagnosis.plugins) else pod.local_class
        self._queue.refuse(queued, diagnosis.plugins, kind, now)
        self._nominations.add(pod, pod.nominated_node if nominated is None else nominated)
        message = fit_error(diagnosis, outcome)
        self._reports.unscheduled(pod.pod, "Unschedulable", message, nominated=nominated)
        if candidate is not None:
            self._preempt(pod, candidate)

    def _preempt(self, pod: PodInfo, candidate: preemption.Candidate) -> None:
        """Take back the promises made to pods of lower priority, then ask the victims to go."""
        for other in self._nominations.on(candidate.node):
            if other.priority < pod.priority:
                self._nominations.remove(other.key)
                self._reports.status(other.pod, {"nominatedNodeName": None})
        for victim in candidate.victims:
            self._reports.preempted(victim, pod, candidate.node)

    def _fail(self, queued: Queued, message: str) -> None:
        pod = self._latest(queued)
        if pod.key not in self._queue:
            return  # deleted meanwhile
        self._queue.retry(queued, self._kernel.now)
        self._nominations.add(pod, "" if self._clears() else pod.nominated_node)
        self._reports.unscheduled(pod.pod, "SchedulerError", message, nominated="" if self._clears() else None)

    def _latest(self, queued: Queued) -> PodInfo:
        """The pod as it is now: its status may have changed since it was queued."""
        current = self._reader.get(PODS, queued.pod.namespace, name_of(queued.pod.pod))
        if current is not None and current is not queued.pod.pod and not current["spec"].get("nodeName"):
            queued.pod = pod_info(current)
        return queued.pod

    def _clears(self) -> bool:
        """Up to 1.34 a failure takes back the nomination."""
        return self._version < _NOMINATES_FOR_BINDING
