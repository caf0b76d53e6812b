"""What plugins said about all nodes for one class of pods, kept over cycles and brought up to date from the nodes that changed.

`Local` holds the answers of local plugins, `Wide` the states of wide ones. Both know up to which generation of the cluster they have seen.
"""

from __future__ import annotations

from harness.cluster.scheduler.arrays import np
from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    Check,
    FilterState,
    Flags,
    Points,
    Profile,
    Rater,
    Refusal,
    Whole,
)
from harness.cluster.scheduler.podinfo import PodInfo


class Local:
    """Answers of the local filters and scores, by slot."""

    def __init__(self, pod: PodInfo, profile: Profile, cluster: Cluster) -> None:
        self._cluster = cluster
        self._checks: list[tuple[str, Check]] = [
            (plugin.name, check) for plugin in profile.local_filters if (check := plugin.check(pod)) is not None
        ]
        self._points: list[tuple[str, Points]] = [
            (plugin.name, points) for plugin, _ in profile.local_scores if (points := plugin.points(pod)) is not None
        ]
        self._seen = -1
        slots = len(cluster.generations)
        self.fits: Flags = np.zeros(slots, dtype=np.bool_)
        self.refusals: list[tuple[tuple[Refusal, ...], str]] = [((), "")] * slots
        self.raw: dict[str, Whole] = {name: np.zeros(slots, dtype=np.int64) for name, _ in self._points}

    def update(self) -> None:
        """Ask again for the nodes that changed."""
        cluster = self._cluster
        if self._seen == cluster.generation:
            return
        slots = len(cluster.slots)
        for slot in np.flatnonzero(cluster.generations[:slots] > self._seen).tolist():
            node = cluster.slots[slot]
            if node is None or node.node is None:
                self.fits[slot] = False
                continue
            answer = self.test(node)
            self.refusals[slot] = answer
            self.fits[slot] = not answer[0]
            if not answer[0]:
                for name, points in self._points:
                    self.raw[name][slot] = points(node)
        self._seen = cluster.generation

    def test(self, node: NodeInfo) -> tuple[tuple[Refusal, ...], str]:
        """The first filter that refuses the node, with its reasons."""
        for name, check in self._checks:
            refusals = check(node)
            if refusals:
                return refusals, name
        return (), ""


class Wide:
    """States of the wide filters and scores."""

    def __init__(self, pod: PodInfo, profile: Profile, cluster: Cluster) -> None:
        self._cluster = cluster
        self.filters: list[tuple[str, FilterState]] = [
            (plugin.name, state) for plugin in profile.wide_filters if (state := plugin.state(pod, cluster)) is not None
        ]
        self._filters_seen = -1
        self.raters: list[tuple[str, Rater]] | None = None
        self._raters_seen = -1

    @property
    def is_empty(self) -> bool:
        """Whether no wide filter has a say."""
        return not self.filters

    def update(self) -> None:
        """Tell the filters' states of the nodes that changed."""
        if self.filters and self._filters_seen != self._cluster.generation:
            self._tell([state for _, state in self.filters], self._filters_seen)
            self._filters_seen = self._cluster.generation
            for _, state in self.filters:
                state.begin()

    def ratings(self, pod: PodInfo, profile: Profile) -> list[tuple[str, Rater]]:
        """The scores' states, up to date; made when they are first needed, as most pods that are refused never are."""
        if self.raters is None:
            self.raters = [
                (plugin.name, rater)
                for plugin, _ in profile.wide_scores
                if (rater := plugin.rater(pod, self._cluster)) is not None
            ]
        if self._raters_seen != self._cluster.generation:
            self._tell([rater for _, rater in self.raters], self._raters_seen)
            self._raters_seen = self._cluster.generation
        return self.raters

    def put(self, node: NodeInfo) -> None:
        """Let the filters see this state of a node, to try something or to go back."""
        for _, state in self.filters:
            state.put(node.slot, node)
        for _, state in self.filters:
            state.begin()

    def test(self, node: NodeInfo) -> tuple[tuple[Refusal, ...], str]:
        """The first filter that refuses the node, with its reasons."""
        for name, state in self.filters:
            refusals = state.check(node)
            if refusals:
                return refusals, name
        return (), ""

    def _tell(self, states: list[FilterState] | list[Rater], seen: int) -> None:
        cluster = self._cluster
        for slot in np.flatnonzero(cluster.generations[: len(cluster.slots)] > seen).tolist():
            node = cluster.slots[slot]
            present = node if node is not None and node.node is not None else None
            for state in states:
                state.put(slot, present)
