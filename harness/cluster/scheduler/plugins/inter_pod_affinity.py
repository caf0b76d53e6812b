"""InterPodAffinity: required affinity and anti-affinity between pods.

Follows `interpodaffinity/filtering.go` (1.34): a node has to lie in a topology domain with a pod of each affinity term (the first pod of a group that matches
its own terms may start one), in none with a pod of an anti-affinity term, and in none where a pod that is there refuses the newcomer. The score of
preferred terms is not modelled: a pod that has only preferences is placed as if it had none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import FITS, Check, ClusterEvent, Filter, Refusal
from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.selectors import from_object

REASON_AFFINITY = "node(s) didn't match pod affinity rules"
REASON_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
REASON_EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"

_Pair = tuple[str, str]


def term_selects(term: Mapping[str, Any], owner: PodInfo, other: PodInfo) -> bool:
    """Whether a term of `owner` means the pod `other`. An empty namespaceSelector means all namespaces."""
    namespaces = tuple(term.get("namespaces") or ())
    everywhere = term.get("namespaceSelector") == {}
    if not everywhere and other.namespace not in (namespaces or (owner.namespace,)):
        return False
    selector = from_object(term.get("labelSelector"))
    return selector is not None and selector.matches(other.labels)


class InterPodAffinity(Filter):
    """Filter."""

    name = "InterPodAffinity"
    local = False

    def check(self, pod: PodInfo, cluster: Cluster) -> Check | None:
        """Refuse nodes whose domains hold the wrong pods, or lack the right ones."""
        forbidden_by_others = self._forbidden_by_others(pod, cluster)
        affinity, anti_affinity = pod.required_affinity, pod.required_anti_affinity
        if not forbidden_by_others and not affinity and not anti_affinity:
            return None
        near = self._near(pod, affinity, cluster, together=True)
        apart = self._near(pod, anti_affinity, cluster, together=False)
        first_of_group = bool(affinity) and not near and all(term_selects(term, pod, pod) for term in affinity)

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            pairs = {(key, value) for key, value in node.labels.items()}
            wanted = [(str(term["topologyKey"]), node.labels.get(str(term["topologyKey"]))) for term in affinity]
            if any(value is None for _, value in wanted):
                return (Refusal(REASON_AFFINITY),)
            if not first_of_group and any(not near[(key, value)] for key, value in wanted if value is not None):
                return (Refusal(REASON_AFFINITY),)
            if any(apart[pair] for pair in _pairs(anti_affinity, node)):
                return (Refusal(REASON_ANTI_AFFINITY, resolvable=True),)
            if pairs & forbidden_by_others:
                return (Refusal(REASON_EXISTING, resolvable=True),)
            return FITS

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A node comes or changes its labels, or a pod that a term means, or whose terms mean this pod, comes or goes."""
        if event.kind in {"NodeAdd", "NodeUpdate"}:
            return True
        if event.pod is None or event.kind not in {"AssignedPodAdd", "AssignedPodDelete"}:
            return False
        if event.kind == "AssignedPodAdd":
            return any(term_selects(term, pod, event.pod) for term in pod.required_affinity)
        refused_by_it = any(term_selects(term, event.pod, pod) for term in event.pod.required_anti_affinity)
        return refused_by_it or any(term_selects(term, pod, event.pod) for term in pod.required_anti_affinity)

    def _forbidden_by_others(self, pod: PodInfo, cluster: Cluster) -> set[_Pair]:
        pairs: set[_Pair] = set()
        for other in cluster.anti_affine.values():
            node = cluster.node_of(other.key)
            for term in other.required_anti_affinity if node is not None else ():
                if term_selects(term, other, pod):
                    pairs.update(_pairs((term,), node) if node is not None else ())
        return pairs

    def _near(
        self, pod: PodInfo, terms: Sequence[Mapping[str, Any]], cluster: Cluster, *, together: bool
    ) -> Counter[_Pair]:
        """Matching pods by domain: `together` counts pods that all terms mean, else those of any."""
        counts: Counter[_Pair] = Counter()
        for node in cluster.nodes() if terms else ():
            for other in node.pods.values():
                meant = [term for term in terms if term_selects(term, pod, other)]
                if together and len(meant) < len(terms):
                    continue
                counts.update(_pairs(meant, node))
        return counts


def _pairs(terms: Sequence[Mapping[str, Any]], node: NodeInfo) -> list[_Pair]:
    keys = [str(term["topologyKey"]) for term in terms]
    return [(key, node.labels[key]) for key in keys if key in node.labels]
