"""The pod garbage collector: removes pods whose node no longer exists, and the oldest ended pods when there are too many.

Follows `pkg/controller/podgc` (1.34), which looks every 20 s. An orphan is noticed at the first look, waits 40 s and goes at the look after: 40 to 60 s after
its node. The looks are computed, counted from when the controller was made, and only happen when they have something to find. Pods that are ending on a node
that is not ready and has the taint out-of-service are removed at the next look. Pods that are deleted before they had a node need no help here, as the store
lets them go at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.clock import Kernel, format_time
from harness.cluster.controllers.disruption import mark_disrupted
from harness.cluster.controllers.pods import is_terminal
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.kube.client import Change, Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, condition, is_deleting, is_true, key_of, name_of, namespace_of
from harness.kube.resources import NODES, PODS

_ORPHANS, _TERMINATED, _OUT_OF_SERVICE = "orphans", "terminated", "out-of-service"
_OUT_OF_SERVICE_TAINT = "node.kubernetes.io/out-of-service"


class PodGarbageCollector:
    """Three keys: the orphans, the ended pods, and those that end on a node that is out of service."""

    name = "pod-garbage-collector-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, settings: ControllerManagerSettings) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._settings = settings
        self._epoch_us = kernel.now
        self._ended: dict[str, None] = {}  # pods that have ended, so that their number costs nothing to know
        self._due_us: dict[str, int] = {}  # by missing node: the look at which its pods go
        reader.observe(PODS, self._count)

    def watches(self) -> Sequence[Watch]:
        """Pods and nodes."""
        return [Watch(PODS, self._of_pod), Watch(NODES, self._of_node)]

    def reconcile(self, key: str) -> int | None:
        """One look, or the time until the next that matters."""
        if key == _OUT_OF_SERVICE:
            return self._collect_out_of_service()
        return self._collect_orphans() if key == _ORPHANS else self._collect_terminated()

    def _count(self, change: Change, pod: Object, _old: Object | None) -> None:
        if change != "DELETED" and is_terminal(pod):
            self._ended[key_of(pod)] = None
        else:
            self._ended.pop(key_of(pod), None)

    def _of_pod(self, pod: Object) -> Iterable[str]:
        if len(self._ended) > self._settings.terminated_pod_gc_threshold:
            yield _TERMINATED
        name = pod["spec"].get("nodeName")
        node = self._reader.get(NODES, None, name) if name else None
        if name and node is None:
            yield _ORPHANS
        elif node is not None and is_deleting(pod) and is_out_of_service(node):
            yield _OUT_OF_SERVICE

    def _of_node(self, node: Object) -> Iterable[str]:
        missing = self._reader.get(NODES, None, name_of(node)) is None
        if missing or name_of(node) in self._due_us:
            yield _ORPHANS
        elif is_out_of_service(node):
            yield _OUT_OF_SERVICE

    def _next_look_us(self) -> int:
        """The first look at or after now."""
        period_us = self._settings.pod_gc_period_us
        return self._epoch_us + -(-(self._kernel.now - self._epoch_us) // period_us) * period_us

    def _collect_orphans(self) -> int | None:
        orphans: dict[str, list[Object]] = {}
        for pod in self._reader.list(PODS):
            node = pod["spec"].get("nodeName")
            if node and self._reader.get(NODES, None, node) is None:
                orphans.setdefault(node, []).append(pod)
        noticed_us = self._next_look_us()
        self._due_us = {
            node: self._due_us.get(node, noticed_us + self._settings.orphan_quarantine_us) for node in orphans
        }
        for node, pods in orphans.items():
            if self._due_us[node] <= self._kernel.now:
                for pod in pods:
                    self._remove(pod)
        later = [moment - self._kernel.now for moment in self._due_us.values() if moment > self._kernel.now]
        return min(later, default=None)

    def _collect_out_of_service(self) -> int | None:
        pods = [
            pod
            for node in self._reader.list(NODES)
            if is_out_of_service(node)
            for pod in self._reader.by_index(PODS, "node", name_of(node))
            if is_deleting(pod)
        ]
        look_us = self._next_look_us()
        if pods and look_us > self._kernel.now:
            return look_us - self._kernel.now
        for pod in pods:
            if not is_terminal(pod):
                change = {"status": {"phase": "Failed"}}
                self._writer.patch(PODS, namespace_of(pod), name_of(pod), change, subresource="status")
            self._writer.delete(PODS, namespace_of(pod), name_of(pod), grace_period_s=0)
        return None

    def _collect_terminated(self) -> int | None:
        surplus = len(self._ended) - self._settings.terminated_pod_gc_threshold
        if surplus <= 0:
            return None
        look_us = self._next_look_us()
        if look_us > self._kernel.now:
            return look_us - self._kernel.now
        ended = [pod for pod in self._reader.list(PODS) if is_terminal(pod)]
        ended.sort(key=lambda pod: (not _was_evicted(pod), pod["metadata"]["creationTimestamp"], name_of(pod)))
        for pod in ended[:surplus]:
            self._remove(pod)
        return None

    def _remove(self, pod: Object) -> None:
        if not is_terminal(pod):
            text = "PodGC: node no longer exists"
            mark_disrupted(self._writer, pod, "DeletionByPodGC", text, format_time(self._kernel.now), phase="Failed")
        self._writer.delete(PODS, namespace_of(pod), name_of(pod), grace_period_s=0)


def is_out_of_service(node: Object) -> bool:
    """Whether a person has said that the node is shut down for good, and it is not ready (NodeOutOfServiceVolumeDetach)."""
    taints = (node.get("spec") or {}).get("taints") or ()
    return not is_true(node, "Ready") and any(taint["key"] == _OUT_OF_SERVICE_TAINT for taint in taints)


def _was_evicted(pod: Object) -> bool:
    return (pod.get("status") or {}).get("reason") == "Evicted" or condition(pod, "DisruptionTarget") is not None
