"""The taint-eviction controller: deletes pods that do not tolerate a NoExecute taint of their node, at once or when their toleration runs out.

Follows `pkg/controller/tainteviction` (1.34). The clock of `tolerationSeconds` starts when the pod is first seen with the taints, and goes on when they change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.clock import SECOND, Kernel, format_time
from harness.cluster.controllers.disruption import mark_disrupted
from harness.cluster.scheduler.plugins.taint_toleration import tolerates
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of, split_key, uid_of
from harness.kube.resources import NODES, PODS

_NOW, _NEVER = 0, None


def no_execute(node: Object) -> list[Mapping[str, Any]]:
    """The node's NoExecute taints."""
    return [taint for taint in (node.get("spec") or {}).get("taints") or () if taint.get("effect") == "NoExecute"]


def tolerated_for_us(taints: Sequence[Mapping[str, Any]], tolerations: Sequence[Mapping[str, Any]]) -> int | None:
    """How long a pod may stay with these taints: 0 not at all, None for ever, else the shortest of the tolerations that it needs.

    Of several tolerations of one taint the first counts, as in upstream's GetMatchingTolerations.
    """
    used = []
    for taint in taints:
        first = next((toleration for toleration in tolerations if tolerates(toleration, taint)), None)
        if first is None:
            return _NOW
        used.append(first)
    limits = [max(int(entry["tolerationSeconds"]), 0) for entry in used if entry.get("tolerationSeconds") is not None]
    return min(limits) * SECOND if limits else _NEVER


class TaintEvictionController:
    """Reconciles pods."""

    name = "taint-eviction-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(self.name)
        self._since_us: dict[str, int] = {}  # by pod uid: since when it has lived with NoExecute taints

    def watches(self) -> Sequence[Watch]:
        """Pods, and the pods of nodes with such taints."""
        return [Watch(PODS, self._endangered), Watch(NODES, self._pods_of)]

    def reconcile(self, key: str) -> int | None:
        """One pod."""
        pod = self._reader.get(PODS, *split_key(key))
        if pod is None or is_deleting(pod):
            return None
        node = self._reader.get(NODES, None, str(pod["spec"].get("nodeName") or ""))
        taints = no_execute(node) if node is not None else []
        if not taints:
            if self._since_us.pop(uid_of(pod), None) is not None:
                self._say(pod, f"Cancelling deletion of Pod {key}")
            return None
        allowed_us = tolerated_for_us(taints, pod["spec"].get("tolerations") or ())
        if allowed_us is _NEVER:
            self._since_us.pop(uid_of(pod), None)
            return None
        since_us = self._since_us.setdefault(uid_of(pod), self._kernel.now)
        left_us = since_us + allowed_us - self._kernel.now
        if left_us > 0:
            return left_us
        self._evict(pod)
        return None

    def _evict(self, pod: Object) -> None:
        self._since_us.pop(uid_of(pod), None)
        self._say(pod, f"Marking for deletion Pod {key_of(pod)}")
        now = format_time(self._kernel.now)
        mark_disrupted(
            self._writer, pod, "DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint", now
        )
        self._writer.delete(PODS, namespace_of(pod), name_of(pod), uid=uid_of(pod))

    def _say(self, pod: Object, message: str) -> None:
        self._events.event(pod, "Normal", "TaintManagerEviction", message)

    def _endangered(self, pod: Object) -> Iterable[str]:
        node = self._reader.get(NODES, None, str(pod["spec"].get("nodeName") or ""))
        if node is not None and no_execute(node):
            return (key_of(pod),)
        self._since_us.pop(uid_of(pod), None)
        return ()

    def _pods_of(self, node: Object) -> Iterable[str]:
        if not no_execute(node):
            return ()
        return [key_of(pod) for pod in self._reader.by_index(PODS, "node", name_of(node))]
