"""InterPodAffinity: affinity and anti-affinity between pods, required and preferred.

Follows `interpodaffinity/{filtering,scoring}.go` (1.34). Filter: a node has to lie in a topology domain with a pod that all affinity terms mean (the
first pod of a group that matches its own terms may start one), in none with a pod of an anti-affinity term, and in none where a pod that is there
refuses the newcomer. Score: preferred terms of the pod, and those of the pods that are there (their required affinity with weight 1,
hardPodAffinityWeight), add up by domain.

What each node contributes is kept, so a change costs one node.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.cluster.scheduler.arrays import np
from harness.cluster.scheduler.cache import NO_DOMAIN, Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    MAX_NODE_SCORE,
    ClusterEvent,
    FilterState,
    Flags,
    Rater,
    Refusal,
    Whole,
    WideFilter,
    WideScore,
)
from harness.cluster.scheduler.podinfo import PodInfo
from harness.cluster.scheduler.terms import Term
from harness.kube.objects import Object, labels_of, namespace_of

REASON_AFFINITY = "node(s) didn't match pod affinity rules"
REASON_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
REASON_EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"
HARD_POD_AFFINITY_WEIGHT = 1

_Pair = tuple[str, str]


class _Sum:
    """Numbers by (topology key, value), the sum of what nodes contribute; a pair whose sum is 0 is not there."""

    def __init__(self) -> None:
        self.total: Counter[_Pair] = Counter()
        self._parts: dict[int, Counter[_Pair]] = {}

    def put(self, slot: int, part: Counter[_Pair]) -> None:
        old = self._parts.pop(slot, None)
        if old is not None:
            for pair, amount in old.items():
                self.total[pair] -= amount
                if not self.total[pair]:
                    del self.total[pair]
        if part:
            self._parts[slot] = part
            for pair, amount in part.items():
                self.total[pair] += amount
                if not self.total[pair]:
                    del self.total[pair]

    @property
    def contributors(self) -> int:
        return len(self._parts)


def means_all(terms: Iterable[Term], namespace: str, labels: Mapping[str, str], cluster: Cluster) -> bool:
    """Whether every term (and there is one) means this pod."""
    found = False
    for term in terms:
        found = True
        if not term.means(namespace, labels, cluster.namespaces.get(namespace)):
            return False
    return found


class _Near(FilterState):
    """The three counts of the filter: pods that refuse this one, pods it wants near, pods it wants apart."""

    def __init__(self, pod: PodInfo, cluster: Cluster) -> None:
        self._pod = pod
        self._cluster = cluster
        self._existing, self._together, self._apart = _Sum(), _Sum(), _Sum()
        self._starts_group = means_all(pod.required_affinity, pod.namespace, pod.labels, cluster)
        self._is_first = False

    def put(self, slot: int, node: NodeInfo | None) -> None:
        """Count the node's pods anew."""
        existing: Counter[_Pair] = Counter()
        together: Counter[_Pair] = Counter()
        apart: Counter[_Pair] = Counter()
        if node is not None:
            pod, namespaces = self._pod, self._cluster.namespaces
            own_namespace = namespaces.get(pod.namespace)
            for other in node.affine.values():
                for term in other.required_anti_affinity:
                    if term.topology_key in node.labels and term.means(pod.namespace, pod.labels, own_namespace):
                        existing[(term.topology_key, node.labels[term.topology_key])] += 1
            if pod.required_affinity or pod.required_anti_affinity:
                for other in node.pods.values():
                    if means_all(pod.required_affinity, other.namespace, other.labels, self._cluster):
                        together.update(_pairs(pod.required_affinity, node))
                    for term in pod.required_anti_affinity:
                        if term.topology_key in node.labels and term.means(
                            other.namespace, other.labels, namespaces.get(other.namespace)
                        ):
                            apart[(term.topology_key, node.labels[term.topology_key])] += 1
        self._existing.put(slot, existing)
        self._together.put(slot, together)
        self._apart.put(slot, apart)

    def begin(self) -> None:
        """Whether it may start its group: nobody is there yet that its terms mean."""
        self._is_first = self._starts_group and not self._together.total

    def passing(self) -> Flags | None:
        """All three rules, over all slots."""
        flags: Flags = np.ones(len(self._cluster.generations), dtype=np.bool_)
        for term in self._pod.required_affinity:
            domains = self._cluster.domains(term.topology_key)
            if self._is_first:
                flags &= domains.ids != NO_DOMAIN
                continue
            holds = np.zeros(domains.count + 1, dtype=np.bool_)  # the last one stands for NO_DOMAIN
            for value, number in domains.number.items():
                holds[number] = self._together.total[(term.topology_key, value)] > 0
            flags &= holds[domains.ids]
        wanted_apart = {term.topology_key for term in self._pod.required_anti_affinity}
        for key, value in (
            *(pair for pair in self._apart.total if pair[0] in wanted_apart),
            *self._existing.total,
        ):
            domains = self._cluster.domains(key)
            flags &= domains.ids != domains.number.get(value, NO_DOMAIN - 1)
        return flags

    def check(self, node: NodeInfo) -> tuple[Refusal, ...]:
        """The same for one node, with the reason."""
        for term in self._pod.required_affinity:
            value = node.labels.get(term.topology_key)
            if value is None or not (self._is_first or self._together.total[(term.topology_key, value)] > 0):
                return (Refusal(REASON_AFFINITY),)
        if self._apart.total and any(
            self._apart.total[pair] > 0 for pair in _pairs(self._pod.required_anti_affinity, node)
        ):
            return (Refusal(REASON_ANTI_AFFINITY, resolvable=True),)
        if any(node.labels.get(key) == value for key, value in self._existing.total):
            return (Refusal(REASON_EXISTING, resolvable=True),)
        return FITS


class _Liked(Rater):
    """The summed weights by domain."""

    def __init__(self, pod: PodInfo, cluster: Cluster) -> None:
        self._pod = pod
        self._cluster = cluster
        self._has_preferences = bool(pod.preferred_affinity or pod.preferred_anti_affinity)
        self._sum = _Sum()

    def put(self, slot: int, node: NodeInfo | None) -> None:
        """Weigh the node's pods anew."""
        part: Counter[_Pair] = Counter()
        if node is not None and node.labels:
            for other in (node.pods if self._has_preferences else node.affine).values():
                self._weigh(other, node, part)
        self._sum.put(slot, part)

    def rate(self, slots: Whole) -> Whole | None:
        """The sum over all topology keys of what the node's domain has."""
        if not self._sum.contributors:
            return None
        points = np.zeros(len(slots), dtype=np.int64)
        by_key: dict[str, list[tuple[str, int]]] = {}
        for (key, value), amount in self._sum.total.items():
            by_key.setdefault(key, []).append((value, amount))
        for key, entries in by_key.items():
            domains = self._cluster.domains(key)
            amounts = np.zeros(domains.count + 1, dtype=np.int64)  # the last one stands for NO_DOMAIN
            for value, amount in entries:
                if value in domains.number:
                    amounts[domains.number[value]] = amount
            points += amounts[domains.ids[slots]]
        return points

    def _weigh(self, other: PodInfo, node: NodeInfo, part: Counter[_Pair]) -> None:
        pod, namespaces = self._pod, self._cluster.namespaces
        there, here = namespaces.get(other.namespace), namespaces.get(pod.namespace)

        def count(term: Term, weight: int) -> None:
            value = node.labels.get(term.topology_key)
            if value is not None:
                part[(term.topology_key, value)] += weight

        for weighted in pod.preferred_affinity:
            if weighted.term.means(other.namespace, other.labels, there):
                count(weighted.term, weighted.weight)
        for weighted in pod.preferred_anti_affinity:
            if weighted.term.means(other.namespace, other.labels, there):
                count(weighted.term, -weighted.weight)
        for term in other.required_affinity:
            if term.means(pod.namespace, pod.labels, here):
                count(term, HARD_POD_AFFINITY_WEIGHT)
        for weighted in other.preferred_affinity:
            if weighted.term.means(pod.namespace, pod.labels, here):
                count(weighted.term, weighted.weight)
        for weighted in other.preferred_anti_affinity:
            if weighted.term.means(pod.namespace, pod.labels, here):
                count(weighted.term, -weighted.weight)


class InterPodAffinity(WideFilter, WideScore):
    """Filter and score."""

    name = "InterPodAffinity"
    events = frozenset(
        {"Pod/Add", "Pod/UpdatePodLabel", "Pod/Delete", "Node/Add", "Node/UpdateNodeLabel", "Node/UpdateNodeTaint"}
    )

    def state(self, pod: PodInfo, cluster: Cluster) -> FilterState | None:
        """Nothing to do when neither the pod nor anybody who is there has terms."""
        if not pod.required_affinity and not pod.required_anti_affinity and not cluster.affine_pods:
            return None
        return _Near(pod, cluster)

    def rater(self, pod: PodInfo, cluster: Cluster) -> Rater | None:
        """Likewise."""
        if not pod.preferred_affinity and not pod.preferred_anti_affinity and not cluster.affine_pods:
            return None
        return _Liked(pod, cluster)

    def normalise(self, points: Whole) -> Whole:
        """The lowest becomes 0, the highest 100."""
        lowest, highest = int(points.min(initial=0)), int(points.max(initial=0))
        if len(points):
            lowest, highest = int(points.min()), int(points.max())
        if highest == lowest:
            return np.zeros_like(points)
        return (MAX_NODE_SCORE * ((points - lowest) / (highest - lowest))).astype(np.int64)

    def helps(self, pod: PodInfo, event: ClusterEvent, cluster: Cluster) -> bool:
        """A node brings, or moves to, a domain of a term; a pod that all affinity terms mean comes, or one of the anti-affinity terms goes."""
        if event.label == "Node/UpdateNodeTaint":
            return True
        if event.label.startswith("Node/"):
            return self._node_helps(pod, event)
        old, new = event.old, event.new
        if any(other is not None and not other["spec"].get("nodeName") for other in (old, new)):
            return False
        together = pod.required_affinity
        if old is None:
            return new is not None and _means(together, new, cluster)
        if new is None:
            return _means(pod.required_anti_affinity, old, cluster)
        if not _means(together, old, cluster) and _means(together, new, cluster):
            return True
        apart = pod.required_anti_affinity
        return _means(apart, old, cluster) and not _means(apart, new, cluster)

    def _node_helps(self, pod: PodInfo, event: ClusterEvent) -> bool:
        if event.new is None:
            return False
        now = labels_of(event.new)
        if event.old is None:
            return bool(pod.required_anti_affinity) or any(term.topology_key in now for term in pod.required_affinity)
        was = labels_of(event.old)
        near = any(
            term.topology_key in now and was.get(term.topology_key) != now[term.topology_key]
            for term in pod.required_affinity
        )
        return near or any(
            term.topology_key in was and was[term.topology_key] != now.get(term.topology_key)
            for term in pod.required_anti_affinity
        )


def _means(terms: Iterable[Term], pod: Object, cluster: Cluster) -> bool:
    return means_all(terms, namespace_of(pod) or "default", labels_of(pod), cluster)


def _pairs(terms: Iterable[Term], node: NodeInfo) -> list[_Pair]:
    return [(term.topology_key, node.labels[term.topology_key]) for term in terms if term.topology_key in node.labels]
