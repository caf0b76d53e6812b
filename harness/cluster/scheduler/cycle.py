"""One scheduling cycle: which nodes can take a pod, which of them is best, and why not when none can.

What plugins answered is kept per pod class (`answers`), so a cycle costs the nodes that changed since a pod of that class was looked at, and some sums
over arrays. How many feasible nodes are enough follows upstream's `numFeasibleNodesToFind`: all up to 100, then about half, falling to 5 %, never fewer
than 100; the search goes on round robin where the last one stopped.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from harness.cluster.scheduler.answers import Local, Wide
from harness.cluster.scheduler.arrays import np
from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import Diagnosis, Profile, Refusal, Whole
from harness.cluster.scheduler.nominations import Nominations
from harness.cluster.scheduler.podinfo import PodInfo

MIN_FEASIBLE_NODES = 100
MIN_PERCENTAGE = 5
_CLASSES_KEPT = 256

_Answer = tuple[tuple[Refusal, ...], str]


def feasible_nodes_enough(nodes: int) -> int:
    """percentageOfNodesToScore at its default (0, adaptive)."""
    if nodes < MIN_FEASIBLE_NODES:
        return nodes
    percentage = max(50 - nodes // 125, MIN_PERCENTAGE)
    return max(nodes * percentage // 100, MIN_FEASIBLE_NODES)


@dataclass(frozen=True)
class NodeExplanation:
    """What became of one node for one pod: its refusals, or its weighted score a plugin (and the points before normalising and weighing)."""

    refusals: tuple[Refusal, ...] = ()
    plugin: str = ""
    scores: Mapping[str, int] = field(default_factory=dict)
    raw: Mapping[str, int] = field(default_factory=dict)

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


class _Names(Sequence[str]):
    """The names of the nodes in some slots, looked up when asked for: of a thousand that are equally good one is drawn."""

    def __init__(self, cluster: Cluster, slots: Whole) -> None:
        self._cluster = cluster
        self._slots = slots

    def __len__(self) -> int:
        return len(self._slots)

    @overload
    def __getitem__(self, position: int) -> str: ...

    @overload
    def __getitem__(self, position: slice) -> Sequence[str]: ...

    def __getitem__(self, position: int | slice) -> str | Sequence[str]:
        if isinstance(position, slice):
            return _Names(self._cluster, self._slots[position])
        return self._cluster.at(int(self._slots[position])).name


class Cycle:
    """Runs cycles over one cluster picture. `caching=False` asks every plugin every time (what tests compare with)."""

    def __init__(
        self,
        profile: Profile,
        cluster: Cluster,
        nominations: Nominations | None = None,
        *,
        caching: bool = True,
    ) -> None:
        self._profile = profile
        self._cluster = cluster
        self._nominations = nominations or Nominations()
        self._caching = caching
        self._locals: OrderedDict[str, Local] = OrderedDict()
        self._wides: OrderedDict[tuple[object, ...], Wide] = OrderedDict()
        self._start = 0
        self.generation = 0  # of everything outside of the cluster picture that plugins look at: volumes, Services

    def place(self, pod: PodInfo, choose: Callable[[Sequence[str]], str]) -> str | Diagnosis:
        """The node for the pod; `choose` decides among the best. Raises PluginError."""
        count = len(self._cluster.nodes())
        admitted = self._admit(pod)
        if admitted.refusal:
            return Diagnosis(count, whole=admitted.refusal, plugins=(admitted.refused_by,))
        local, wide = self._answers(pod)
        promised = self._cluster.get(pod.nominated_node) if pod.nominated_node else None
        if promised is not None and not self._verdict(pod, promised, local, wide)[0]:
            return promised.name
        order = self._searched(admitted)
        feasible = self._search(pod, order, local, wide)
        if not len(feasible):
            return self._diagnose(pod, admitted, local, wide)
        if len(feasible) == 1:
            return self._cluster.at(int(feasible[0])).name
        totals: Whole = np.zeros(len(feasible), dtype=np.int64)
        for _, _, weighted in self._scores(pod, feasible, local, wide):
            totals += weighted
        best = feasible[totals == totals.max()]
        return self._cluster.at(int(best[0])).name if len(best) == 1 else choose(_Names(self._cluster, best))

    def explain(self, pod: PodInfo) -> dict[str, NodeExplanation]:
        """For every node what refuses it, or what each score gives it. Raises PluginError."""
        nodes = self._cluster.nodes()
        admitted = self._admit(pod)
        if admitted.refusal:
            whole = NodeExplanation((Refusal(admitted.refusal),), admitted.refused_by)
            return {node.name: whole for node in nodes}
        local, wide = self._answers(pod)
        verdicts = self._verdicts(pod, admitted, local, wide)
        answer = {name: NodeExplanation(*verdict) for name, verdict in verdicts.items()}
        feasible = np.array([node.slot for node in nodes if not verdicts[node.name][0]], dtype=np.int64)
        if len(feasible):
            table = self._scores(pod, feasible, local, wide)
            for position, slot in enumerate(feasible.tolist()):
                answer[self._cluster.at(slot).name] = NodeExplanation(
                    scores={name: int(weighted[position]) for name, _, weighted in table},
                    raw={name: int(raw[position]) for name, raw, _ in table},
                )
        return answer

    def trial(self, pod: PodInfo) -> Callable[[NodeInfo], tuple[Refusal, ...]]:
        """The test of changed copies of nodes, with nominations, as preemption needs it."""
        local, wide = self._answers(pod)
        return lambda node: self._verdict(pod, node, local, wide)[0]

    def is_plain(self, pod: PodInfo) -> bool:
        """Whether only the pod's local class matters to it: no terms, constraints, Services or volumes have to do with it."""
        return not (
            self._cluster.affine_pods
            or pod.has_affinity
            or pod.spec.get("topologySpreadConstraints")
            or pod.has_restricted_volumes
            or self._profile.belongs(pod)
        )

    def class_of(self, pod: PodInfo) -> str:
        """Pods with the same answers now."""
        return pod.local_class if self.is_plain(pod) else pod.whole_class

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

    def _answers(self, pod: PodInfo) -> tuple[Local, Wide]:
        local = self._local(pod)
        local.update()
        wide = self._wide(pod)
        wide.update()
        return local, wide

    def _local(self, pod: PodInfo) -> Local:
        if not self._caching:
            return Local(pod, self._profile, self._cluster)
        slots = len(self._cluster.generations)
        found = self._locals.get(pod.local_class)
        if found is None or len(found.fits) != slots:
            found = self._locals[pod.local_class] = Local(pod, self._profile, self._cluster)
        self._locals.move_to_end(pod.local_class)
        if len(self._locals) > _CLASSES_KEPT:
            self._locals.popitem(last=False)
        return found

    def _wide(self, pod: PodInfo) -> Wide:
        if not self._caching:
            return Wide(pod, self._profile, self._cluster)
        cluster = self._cluster
        key = (
            self.class_of(pod),
            self.generation,
            cluster.namespaces_generation,
            bool(cluster.affine_pods),
            len(cluster.generations),
        )
        found = self._wides.get(key)
        if found is None:
            found = self._wides[key] = Wide(pod, self._profile, self._cluster)
        self._wides.move_to_end(key)
        if len(self._wides) > _CLASSES_KEPT:
            self._wides.popitem(last=False)
        return found

    def _searched(self, admitted: _Admitted) -> Whole:
        """The slots to look at, from where the last search stopped."""
        order = self._cluster.order()
        if admitted.nodes is not None:
            named = [node.slot for node in self._cluster.nodes() if node.name in admitted.nodes]
            order = np.array(named, dtype=np.int64)
        start = self._start % len(order) if len(order) else 0
        return np.concatenate([order[start:], order[:start]]) if start else order

    def _search(self, pod: PodInfo, order: Whole, local: Local, wide: Wide) -> Whole:
        """The first feasible slots, as many as are enough."""
        enough = feasible_nodes_enough(len(order))
        fits = local.fits
        one_by_one = []
        for _, state in wide.filters:
            passing = state.passing()
            if passing is None:
                one_by_one.append(state)
            else:
                fits = fits & passing
        promised = [node for name in self._nominations.nodes() if (node := self._cluster.get(name)) is not None]
        if promised:
            fits = fits.copy()
            for node in promised:
                fits[node.slot] = not self._verdict(pod, node, local, wide)[0]
        positions = np.flatnonzero(fits[order])
        if one_by_one:
            positions = self._asked(positions, order, wide, enough)
        positions = positions[:enough]
        looked_at = int(positions[-1]) + 1 if len(positions) == enough and enough else len(order)
        total = len(self._cluster.nodes())
        self._start = (self._start + looked_at) % total if total else 0
        return order[positions]

    def _asked(self, positions: Whole, order: Whole, wide: Wide, enough: int) -> Whole:
        found: list[int] = []
        for position in positions.tolist():
            if not wide.test(self._cluster.at(int(order[position])))[0]:
                found.append(position)
                if len(found) == enough:
                    break
        return np.array(found, dtype=np.int64)

    def _verdict(self, pod: PodInfo, node: NodeInfo, local: Local, wide: Wide) -> _Answer:
        """What all filters say of one node, with those nominated to it and without."""
        nominated = [
            other
            for other in self._nominations.on(node.name)
            if other.priority >= pod.priority and other.key != pod.key
        ]
        if nominated:
            crowded = node.copy()
            for other in nominated:
                if other.key not in crowded.pods:
                    crowded.add(other)
            answer = self._test(crowded, local, wide)
            if answer[0]:
                return answer
        return self._test(node, local, wide)

    def _test(self, node: NodeInfo, local: Local, wide: Wide) -> _Answer:
        answer = local.test(node)
        if answer[0] or wide.is_empty:
            return answer
        original = self._cluster.get(node.name)
        if node is original or original is None:
            return wide.test(node)
        wide.put(node)
        answer = wide.test(node)
        wide.put(original)
        return answer

    def _verdicts(self, pod: PodInfo, admitted: _Admitted, local: Local, wide: Wide) -> dict[str, _Answer]:
        by = " ".join(sorted(admitted.limited_by))
        excluded: _Answer = ((Refusal(f"node(s) didn't satisfy plugin(s) [{by}]"),), by)
        promised = frozenset(self._nominations.nodes())
        found: dict[str, _Answer] = {}
        for node in self._cluster.nodes():
            if admitted.nodes is not None and node.name not in admitted.nodes:
                found[node.name] = excluded
            elif node.name in promised:
                found[node.name] = self._verdict(pod, node, local, wide)
            elif not local.fits[node.slot]:
                found[node.name] = local.refusals[node.slot]
            else:
                found[node.name] = wide.test(node)
        return found

    def _diagnose(self, pod: PodInfo, admitted: _Admitted, local: Local, wide: Wide) -> Diagnosis:
        verdicts = self._verdicts(pod, admitted, local, wide)
        plugins = dict.fromkeys(admitted.limited_by)
        refusals = {}
        for name, (reasons, plugin) in verdicts.items():
            refusals[name] = reasons
            if plugin and (admitted.nodes is None or name in admitted.nodes):
                plugins[plugin] = None
        return Diagnosis(len(verdicts), refusals, plugins=tuple(plugins))

    def _scores(self, pod: PodInfo, feasible: Whole, local: Local, wide: Wide) -> list[tuple[str, Whole, Whole]]:
        """Raw points and weighted, normalised points of the feasible nodes, by plugin."""
        table = []
        for plugin, weight in self._profile.local_scores:
            if plugin.name in local.raw:
                raw = local.raw[plugin.name][feasible]
                table.append((plugin.name, raw, plugin.normalise(raw) * weight))
        raters = dict(wide.ratings(pod, self._profile))
        for score, weight in self._profile.wide_scores:
            rater = raters.get(score.name)
            points = None if rater is None else rater.rate(feasible)
            if points is not None:
                table.append((score.name, points, score.normalise(points) * weight))
        return table
