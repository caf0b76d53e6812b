"""Pods that preemption has promised a node, by node (upstream's `backend/queue/nominator.go`).

Filters look at a node as if the pods of equal or higher priority that are nominated to it were there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.cluster.scheduler.podinfo import PodInfo


class Nominations:
    """Who is nominated where."""

    def __init__(self) -> None:
        self._pods: dict[str, dict[str, PodInfo]] = {}  # node -> pod key -> pod
        self._node: dict[str, str] = {}
        self.generation = 0

    def add(self, pod: PodInfo, node: str) -> None:
        """The pod is nominated to `node`; empty: to none."""
        self.remove(pod.key)
        if node:
            self._pods.setdefault(node, {})[pod.key] = pod
            self._node[pod.key] = node
            self.generation += 1

    def remove(self, key: str) -> None:
        """The pod has a node, has gone, or is nominated no more."""
        node = self._node.pop(key, None)
        if node is None:
            return
        del self._pods[node][key]
        if not self._pods[node]:
            del self._pods[node]
        self.generation += 1

    def node_of(self, key: str) -> str:
        """Where the pod is nominated to, or empty."""
        return self._node.get(key, "")

    def on(self, node: str) -> Sequence[PodInfo]:
        """The pods nominated to a node, the earliest first."""
        return tuple(self._pods.get(node, {}).values())

    def nodes(self) -> Iterable[str]:
        """The nodes that somebody is nominated to."""
        return tuple(self._pods)
