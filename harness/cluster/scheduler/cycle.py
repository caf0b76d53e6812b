"""One scheduling cycle: which nodes can take a pod, which of them is best, and why not when none can.

Answers of local plugins are kept by (pod class, node generation), so a cycle asks again only for nodes that changed since a pod of that class was looked
at. How many feasible nodes are enough follows upstream's `numFeasibleNodesToFind`: all up to 100, then about half, falling to 5 %, never fewer than 100; the
search goes on round robin where the last one stopped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import Diagnosis, Points, Profile, Refusal, Score
from harness.cluster.scheduler.podinfo import PodInfo

MIN_FEASIBLE_NODES = 100
MIN_PERCENTAGE = 5
_CLASSES_KEPT = 256


def feasible_nodes_enough(nodes: int) -> int:
    """percentageOfNodesToScore at its default (0, adaptive)."""
    if nodes < MIN_FEASIBLE_NODES:
        return nodes
    percentage = max(50 - nodes // 125, MIN_PERCENTAGE)
    return max(nodes * percentage // 100, MIN_FEASIBLE_NODES)


@dataclass
class _Known:
    """What local plugins said about one node, valid for one generation of it."""

    generation: int
    refusals: tuple[Refusal, ...] = ()
    refused_by: str = ""
    points: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeExplanation:
    """What became of one node for one pod: its refusals, or its weighted score a plugin."""

    refusals: tuple[Refusal, ...] = ()
    plugin: str = ""
    scores: Mapping[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """The sum that decides."""
        return sum(self.scores.values())


@dataclass(frozen=True)
class _Admitted:
    """What the filters said before looking at nodes."""

    nodes: frozenset[str] | None = None
    limited_by: tuple[str, ...] = ()
    refusal: str = ""
    refused_by: str = ""


_Test = Callable[[NodeInfo], tuple[tuple[Refusal, ...], str]]


class Cycle:
    """Runs cycles over one cluster picture. `caching=False` asks every plugin every time (what tests compare with)."""

    def __init__(self, profile: Profile, cluster: Cluster, *, caching: bool = True) -> None:
        self._profile = profile
        self._cluster = cluster
        self._caching = caching
        self._known: OrderedDict[str, dict[str, _Known]] = OrderedDict()
        self._start = 0

    def place(self, pod: PodInfo, choose: Callable[[Sequence[str]], str]) -> str | Diagnosis:
        """The node for the pod; `choose` decides among the best."""
        nodes = self._cluster.nodes()
        admitted = self._admit(pod)
        if admitted.refusal:
            return Diagnosis(len(nodes), whole=admitted.refusal, plugins=(admitted.refused_by,))
        feasible, refused = self._search(pod, admitted, feasible_nodes_enough(len(nodes)))
        if not feasible:
            plugins = tuple(dict.fromkeys(plugin for _, plugin in refused.values()))
            return Diagnosis(len(nodes), {name: refusals for name, (refusals, _) in refused.items()}, plugins=plugins)
        if len(feasible) == 1:
            return feasible[0].name
        totals = [sum(scores.values()) for scores in self._scores(pod, feasible)]
        highest = max(totals)
        best = [node.name for node, total in zip(feasible, totals, strict=True) if total == highest]
        return best[0] if len(best) == 1 else choose(best)

    def explain(self, pod: PodInfo) -> dict[str, NodeExplanation]:
        """For every node what refuses it, or what each score gives it."""
        nodes = self._cluster.nodes()
        admitted = self._admit(pod)
        if admitted.refusal:
            whole = NodeExplanation((Refusal(admitted.refusal),), admitted.refused_by)
            return {node.name: whole for node in nodes}
        start, self._start = self._start, 0
        feasible, refused = self._search(pod, admitted, len(nodes))
        self._start = start
        answer = {name: NodeExplanation(refusals, plugin) for name, (refusals, plugin) in refused.items()}
        for node, scores in zip(feasible, self._scores(pod, feasible), strict=True):
            answer[node.name] = NodeExplanation(scores=scores)
        return {node.name: answer[node.name] for node in nodes}

    def _admit(self, pod: PodInfo) -> _Admitted:
        admitted = _Admitted()
        for plugin in self._profile.filters:
            verdict = plugin.admit(pod, self._cluster)
            if verdict is None:
                continue
            if verdict.refusal:
                return _Admitted(refusal=verdict.refusal, refused_by=plugin.name)
            if verdict.nodes is not None:
                nodes = verdict.nodes if admitted.nodes is None else verdict.nodes & admitted.nodes
                admitted = _Admitted(nodes, (*admitted.limited_by, plugin.name))
        return admitted

    def _search(
        self, pod: PodInfo, admitted: _Admitted, enough: int
    ) -> tuple[list[NodeInfo], dict[str, tuple[tuple[Refusal, ...], str]]]:
        """The first `enough` feasible nodes, and who refused each of the others that were looked at."""
        nodes = self._cluster.nodes()
        refused: dict[str, tuple[tuple[Refusal, ...], str]] = {}
        if admitted.nodes is not None:
            by = " ".join(admitted.limited_by)
            excluded = (Refusal(f"node(s) didn't satisfy plugin(s) [{by}]"),)
            refused = {node.name: (excluded, by) for node in nodes if node.name not in admitted.nodes}
            nodes = [node for node in nodes if node.name in admitted.nodes]
        feasible: list[NodeInfo] = []
        if not nodes:
            return feasible, refused
        test = self._test(pod)
        start = self._start % len(nodes)
        looked_at = 0
        for turn in range(len(nodes)):
            node = nodes[(start + turn) % len(nodes)]
            looked_at += 1
            refusals, plugin = test(node)
            if refusals:
                refused[node.name] = (refusals, plugin)
                continue
            feasible.append(node)
            if len(feasible) == enough:
                break
        self._start = (start + looked_at) % len(nodes)
        return feasible, refused

    def _test(self, pod: PodInfo) -> _Test:
        """The test of one node by all filters, in order, up to the first that refuses.

        Local filters that stand behind others are asked with the first ones: which filter refuses first stays the profile's order only among filters of one
        kind, so profiles list local filters before the rest, as upstream's order does.
        """
        checks = [
            (plugin.name, plugin.local, check)
            for plugin in self._profile.filters
            if (check := plugin.check(pod, self._cluster)) is not None
        ]
        local = [(name, check) for name, is_local, check in checks if is_local]
        rest = [(name, check) for name, is_local, check in checks if not is_local]
        known = self._known_of(pod)

        def test(node: NodeInfo) -> tuple[tuple[Refusal, ...], str]:
            entry = known.get(node.name)
            if entry is None or entry.generation != node.generation:
                entry = known[node.name] = _Known(node.generation)
                for name, check in local:
                    entry.refusals = check(node)
                    if entry.refusals:
                        entry.refused_by = name
                        break
            if entry.refusals:
                return entry.refusals, entry.refused_by
            for name, check in rest:
                refusals = check(node)
                if refusals:
                    return refusals, name
            return (), ""

        return test

    def _scores(self, pod: PodInfo, feasible: Sequence[NodeInfo]) -> list[dict[str, int]]:
        """The weighted, normalised points of each feasible node, by plugin."""
        table: list[dict[str, int]] = [{} for _ in feasible]
        known = self._known_of(pod)
        for plugin, weight in self._profile.scores:
            points = plugin.rate(pod, self._cluster, feasible)
            if points is None:
                continue
            raw = [self._raw(plugin, points, node, known) for node in feasible]
            for row, normalised in zip(table, plugin.normalise(raw), strict=True):
                row[plugin.name] = normalised * weight
        return table

    @staticmethod
    def _raw(plugin: Score, points: Points, node: NodeInfo, known: dict[str, _Known]) -> int:
        entry = known.get(node.name)
        if not plugin.local or entry is None or entry.generation != node.generation:
            return points(node)
        if plugin.name not in entry.points:
            entry.points[plugin.name] = points(node)
        return entry.points[plugin.name]

    def _known_of(self, pod: PodInfo) -> dict[str, _Known]:
        if not self._caching:
            return {}
        known = self._known.get(pod.local_class)
        if known is None:
            known = self._known[pod.local_class] = {}
            if len(self._known) > _CLASSES_KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(pod.local_class)
        return known
