"""PodTopologySpread: pods that a selector picks are spread over the values of a topology label, as a must (filter) or as a wish (score).

Follows `podtopologyspread/{common,filtering,scoring}.go` (1.34): counts run over all nodes that the inclusion policies admit (nodeAffinityPolicy Honor and
nodeTaintsPolicy Ignore unless set), terminating pods do not count, `matchLabelKeys` narrows the selector to the pod's own values. Pods
without constraints of their own get the system defaults as wishes (hostname maxSkew 3, zone maxSkew 5) if a Service or their ReplicaSet selects them, so
Job pods do not.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.cluster.scheduler.cache import ZONE_LABEL, Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    MAX_NODE_SCORE,
    Check,
    ClusterEvent,
    Filter,
    Points,
    Refusal,
    Score,
)
from harness.cluster.scheduler.plugins.node_affinity import node_matches
from harness.cluster.scheduler.plugins.taint_toleration import HARD, untolerated
from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.selectors import Requirement, Selector, from_object

REASON = "node(s) didn't match pod topology spread constraints"
REASON_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"
HOSTNAME = "kubernetes.io/hostname"

DefaultSelector = Callable[[PodInfo], Selector | None]
"""The selector of the Services and the ReplicaSet that a pod belongs to; None for a pod that belongs to none."""


@dataclass(frozen=True)
class Constraint:
    """One topology spread constraint, read."""

    key: str
    max_skew: int
    selector: Selector | None
    hard: bool
    domains_min: int
    honours_affinity: bool
    honours_taints: bool

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether a pod with these labels counts; no selector picks nothing."""
        return self.selector is not None and self.selector.matches(labels)

    def includes(self, pod: PodInfo, node: NodeInfo) -> bool:
        """Whether a node takes part in the count."""
        if self.honours_affinity and not node_matches(pod.spec, node.labels, node.name):
            return False
        return not (self.honours_taints and untolerated(node.taints, pod.spec.get("tolerations") or (), HARD))

    def count_on(self, node: NodeInfo, namespace: str) -> int:
        """The pods on one node that count."""
        return sum(
            other.namespace == namespace and not other.is_terminating and self.selects(other.labels)
            for other in node.pods.values()
        )


def constraint_of(entry: Mapping[str, Any], pod: PodInfo) -> Constraint:
    """A constraint as the pod's spec says it."""
    selector = from_object(entry.get("labelSelector"))
    own = [key for key in entry.get("matchLabelKeys") or () if key in pod.labels]
    if selector is not None and own:
        narrowed = tuple(Requirement(key, "In", (pod.labels[key],)) for key in own)
        selector = Selector(selector.requirements + narrowed)
    return Constraint(
        key=str(entry["topologyKey"]),
        max_skew=int(entry["maxSkew"]),
        selector=selector,
        hard=entry.get("whenUnsatisfiable", "DoNotSchedule") == "DoNotSchedule",
        domains_min=int(entry.get("minDomains") or 1),
        honours_affinity=entry.get("nodeAffinityPolicy", "Honor") == "Honor",
        honours_taints=entry.get("nodeTaintsPolicy", "Ignore") == "Honor",
    )


def own_constraints(pod: PodInfo) -> list[Constraint]:
    """What the pod's spec asks for."""
    return [constraint_of(entry, pod) for entry in pod.spec.get("topologySpreadConstraints") or ()]


def default_constraints(selector: Selector) -> list[Constraint]:
    """The system defaults (component config `defaultingType: System`)."""
    return [Constraint(key, skew, selector, False, 1, True, False) for key, skew in ((HOSTNAME, 3), (ZONE_LABEL, 5))]


def spread_counts(constraint: Constraint, pod: PodInfo, nodes: Sequence[NodeInfo]) -> Counter[str]:
    """How many matching pods each value of the topology label has; a value without pods counts 0."""
    counts: Counter[str] = Counter()
    for node in nodes:
        if constraint.includes(pod, node):
            counts[node.labels[constraint.key]] += constraint.count_on(node, pod.namespace)
    return counts


class PodTopologySpread(Filter, Score):
    """Filter and score."""

    name = "PodTopologySpread"
    local = False

    def __init__(self, default_selector: DefaultSelector) -> None:
        self._default_selector = default_selector

    def check(self, pod: PodInfo, cluster: Cluster) -> Check | None:
        """Refuse nodes where the pod would make a skew too large."""
        constraints = [constraint for constraint in own_constraints(pod) if constraint.hard]
        if not constraints:
            return None
        keyed = [node for node in cluster.nodes() if all(entry.key in node.labels for entry in constraints)]
        counted = []
        for constraint in constraints:
            counts = spread_counts(constraint, pod, keyed)
            smallest = 0 if len(counts) < constraint.domains_min else min(counts.values(), default=0)
            counted.append((constraint, counts, smallest, int(constraint.selects(pod.labels))))

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            for constraint, counts, smallest, own in counted:
                value = node.labels.get(constraint.key)
                if value is None:
                    return (Refusal(REASON_LABEL),)
                if counts[value] + own - smallest > constraint.max_skew:
                    return (Refusal(REASON, resolvable=True),)
            return FITS

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A pod that counts comes or goes, or a node that has the labels."""
        constraints = [constraint for constraint in own_constraints(pod) if constraint.hard]
        if event.node is not None and event.kind in {"NodeAdd", "NodeUpdate"}:
            return all(constraint.key in event.node.labels for constraint in constraints)
        if event.pod is None or event.pod.namespace != pod.namespace:
            return False
        return any(constraint.selects(event.pod.labels) for constraint in constraints)

    def rate(self, pod: PodInfo, cluster: Cluster, feasible: Sequence[NodeInfo]) -> Points | None:
        """The number of matching pods near a node, weighted by how many values the label has; fewer are better."""
        own = own_constraints(pod)
        constraints = [constraint for constraint in own if not constraint.hard]
        needs_all = True
        if not own:
            selector = self._default_selector(pod)
            constraints = default_constraints(selector) if selector is not None else []
            needs_all = False
        if not constraints:
            return None
        ignored = {
            node.name for node in feasible if needs_all and any(entry.key not in node.labels for entry in constraints)
        }
        considered = [node for node in feasible if node.name not in ignored]
        parts = [self._part(constraint, pod, cluster, considered) for constraint in constraints]

        def points(node: NodeInfo) -> int:
            if node.name in ignored:
                return IGNORED
            return math.floor(sum(part(node) for part in parts) + 0.5)

        return points

    def _part(
        self, constraint: Constraint, pod: PodInfo, cluster: Cluster, considered: Sequence[NodeInfo]
    ) -> Callable[[NodeInfo], float]:
        if constraint.key == HOSTNAME:
            weight = math.log(len(considered) + 2)
            return lambda node: (
                constraint.count_on(node, pod.namespace) * weight + (constraint.max_skew - 1)
                if constraint.key in node.labels
                else 0.0
            )
        values = {node.labels[constraint.key] for node in considered if constraint.key in node.labels}
        weight = math.log(len(values) + 2)
        counts = spread_counts(
            constraint, pod, [node for node in cluster.nodes() if node.labels.get(constraint.key) in values]
        )
        return lambda node: (
            counts[node.labels[constraint.key]] * weight + (constraint.max_skew - 1)
            if constraint.key in node.labels
            else 0.0
        )

    def normalise(self, points: Sequence[int]) -> Sequence[int]:
        """The fewest become 100; nodes that lack a label get 0."""
        rated = [point for point in points if point != IGNORED]
        smallest, largest = min(rated, default=0), max(rated, default=0)
        return [
            0
            if point == IGNORED
            else MAX_NODE_SCORE
            if largest == 0
            else MAX_NODE_SCORE * (largest + smallest - point) // largest
            for point in points
        ]


IGNORED = -1  # raw points of a node that lacks a constraint's label
