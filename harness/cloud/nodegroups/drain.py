"""Cordon and drain as EKS does it: mark the node unschedulable, evict its pods, wait until they are gone or the time is
up.

Pods of the node itself (mirror pods) and pods that have ended stay. Where PodDisruptionBudgets count, an eviction
that one holds back is tried again every 5 s; desired-size reductions and spot interruptions ignore them and delete
(eks.yaml, `drain`). Waiting costs no timer tick but those retries: pod changes wake it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.clock import SECOND, Kernel
from harness.kube.client import Change, Reader, Writer
from harness.kube.errors import ApiError, NotFound
from harness.kube.objects import Object, is_deleting, name_of, namespace_of
from harness.kube.resources import NODES, PODS

_RETRY_US = 5 * SECOND
_MIRROR = "kubernetes.io/config.mirror"


@dataclass
class _Drain:
    node: str
    respects_budgets: bool
    done: Callable[[], None]
    limited: bool = False  # a time was set after which it ends
    finished: bool = False
    retry_us: int = field(default=-1)


class Drainer:
    """Runs drains, any number at once. All methods belong to the kernel's thread."""

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._drains: dict[str, _Drain] = {}
        reader.observe(PODS, self._pod_changed)

    def cordon(self, node: str) -> None:
        """Mark the node unschedulable; harmless when it is gone."""
        found = self._reader.get(NODES, None, node)
        if found is not None and not found["spec"].get("unschedulable"):
            self._writer.patch(NODES, None, node, {"spec": {"unschedulable": True}})

    def drain(
        self,
        node: str,
        *,
        respects_budgets: bool,
        timeout_s: int | None,
        done: Callable[[], None],
        cordons: bool = True,
    ) -> None:
        """Cordon and evict; `done` is called once, when no pod is left or after `timeout_s` (None: it goes on for ever).

        A node that drains already keeps its first drain and that one's time, if it has one; it then calls both.
        """
        if cordons:
            self.cordon(node)
        running = self._drains.get(node)
        if running is not None:
            first = running.done

            def both() -> None:
                first()
                done()

            running.done = both
            running.respects_budgets = running.respects_budgets and respects_budgets
            self._limit(running, timeout_s)
            self._step(running)
            return
        drain = _Drain(node, respects_budgets, done)
        self._drains[node] = drain
        self._limit(drain, timeout_s)
        self._step(drain)

    def _limit(self, drain: _Drain, timeout_s: int | None) -> None:
        if timeout_s is not None and not drain.limited:
            drain.limited = True
            self._kernel.after(timeout_s * SECOND, lambda: self._finish(drain))

    def pods_to_move(self, node: str) -> list[Object]:
        """The pods that a drain has to wait for."""
        return [pod for pod in self._reader.by_index(PODS, "node", node) if _is_to_move(pod)]

    def _pod_changed(self, _change: Change, pod: Object, _old: Object | None) -> None:
        drain = self._drains.get(str(pod["spec"].get("nodeName") or ""))
        if drain is not None:
            self._kernel.after(0, lambda: self._step(drain))

    def _step(self, drain: _Drain) -> None:
        if drain.finished:
            return
        left = self.pods_to_move(drain.node)
        if not left:
            self._finish(drain)
            return
        held_back = False
        for pod in left:
            if not is_deleting(pod):
                held_back = not self._remove(drain, pod) or held_back
        if held_back and drain.retry_us <= self._kernel.now:
            drain.retry_us = self._kernel.now + _RETRY_US
            self._kernel.at(drain.retry_us, lambda: self._step(drain))

    def _remove(self, drain: _Drain, pod: Object) -> bool:
        """Evict, or delete where budgets do not count; False when the eviction has to be tried again."""
        namespace, name = str(namespace_of(pod)), name_of(pod)
        try:
            self._writer.evict(namespace, name)
        except NotFound:
            return True
        except ApiError:  # 429 of a budget, 500 of several budgets
            if drain.respects_budgets:
                return False
            self._writer.delete(PODS, namespace, name)
        return True

    def _finish(self, drain: _Drain) -> None:
        if drain.finished:
            return
        drain.finished = True
        del self._drains[drain.node]
        drain.done()


def _is_to_move(pod: Object) -> bool:
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        return False
    metadata = pod["metadata"]
    if _MIRROR in (metadata.get("annotations") or {}):
        return False
    return all(owner.get("kind") != "DaemonSet" for owner in metadata.get("ownerReferences") or ())
