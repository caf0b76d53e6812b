"""The TTL controller: tells kubelets by an annotation of their node how long to cache Secrets and ConfigMaps (`pkg/controller/ttl`, 1.34).

The more nodes, the longer; between two steps there is a band in which nothing changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.objects import Object, is_deleting, name_of
from harness.kube.resources import NODES

ANNOTATION = "node.alpha.kubernetes.io/ttl"
_STEPS = ((0, 100, 0), (90, 500, 15), (450, 1000, 30), (900, 2000, 60), (1800, 10_000, 300), (9000, 1 << 31, 600))
"""(least nodes, most nodes, seconds)."""


class NodeTtlController:
    """Reconciles nodes."""

    name = "ttl-controller"

    def __init__(self, reader: Reader, writer: Writer) -> None:
        self._reader = reader
        self._writer = writer
        self._count: dict[str, None] = {}
        self._step = 0

    def watches(self) -> Sequence[Watch]:
        """Nodes."""
        return [Watch(NODES, self._counted)]

    def reconcile(self, key: str) -> int | None:
        """One node; upstream, too, writes a new value only when it meets the node again."""
        node = self._reader.get(NODES, None, key)
        wanted = str(_STEPS[self._step][2])
        if node is None or (node["metadata"].get("annotations") or {}).get(ANNOTATION) == wanted:
            return None
        self._writer.patch(NODES, None, key, {"metadata": {"annotations": {ANNOTATION: wanted}}})
        return None

    def _counted(self, node: Object) -> Iterable[str]:
        current = self._reader.get(NODES, None, name_of(node))
        if current is None:
            self._count.pop(name_of(node), None)
            if len(self._count) < _STEPS[self._step][0]:
                self._step -= 1
            return ()
        self._count[name_of(node)] = None
        if len(self._count) > _STEPS[self._step][1]:
            self._step += 1
        return () if is_deleting(node) else (name_of(node),)
