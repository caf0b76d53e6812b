"""PodTopologySpread: pods that a selector picks are spread over the values of a topology label, as a must (filter) or as a wish (score).

Follows `podtopologyspread/{common,filtering,scoring}.go` (1.34): counts run over all nodes that the inclusion policies admit (nodeAffinityPolicy Honor and
nodeTaintsPolicy Ignore unless set), terminating pods do not count, `matchLabelKeys` narrows the selector to the pod's own values. Pods
without constraints of their own get the system defaults as wishes (hostname maxSkew 3, zone maxSkew 5) if a Service or their ReplicaSet selects them, so
Job pods do not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.cluster.scheduler.arrays import np
from harness.cluster.scheduler.cache import NO_DOMAIN, ZONE_LABEL, Cluster, Domains, NodeInfo
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
from harness.cluster.scheduler.plugins.node_affinity import node_matches
from harness.cluster.scheduler.plugins.taint_toleration import HARD, untolerated
from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.objects import Object, labels_of, namespace_of
from harness.kube.selectors import Requirement, Selector, from_object

if TYPE_CHECKING:
    import numpy.typing as npt

REASON = "node(s) didn't match pod topology spread constraints"
REASON_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"
HOSTNAME = "kubernetes.io/hostname"
IGNORED = -1  # raw points of a node that lacks a constraint's label

DefaultSelector = Callable[[PodInfo], Selector | None]
"""The selector of the Services and the ReplicaSet or StatefulSet that a pod belongs to; None for a pod that belongs to none."""


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
        """The pods on one node that count; an empty selector counts none."""
        selector = self.selector
        if selector is None or not selector.requirements:
            return 0
        return sum(
            other.namespace == namespace and not other.is_terminating and selector.matches(other.labels)
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


def _has_all(labels: Mapping[str, str], constraints: list[Constraint]) -> bool:
    return all(constraint.key in labels for constraint in constraints)


class _Counts:
    """For one constraint, by slot: the pods that count, and whether the node takes part."""

    def __init__(self, constraint: Constraint, slots: int) -> None:
        self.constraint = constraint
        self.pods: Whole = np.zeros(slots, dtype=np.int64)
        self.included: Flags = np.zeros(slots, dtype=np.bool_)

    def put(self, slot: int, pod: PodInfo, node: NodeInfo | None, *, takes_part: bool) -> None:
        self.pods[slot] = 0 if node is None else self.constraint.count_on(node, pod.namespace)
        self.included[slot] = node is not None and takes_part and self.constraint.includes(pod, node)

    def by_domain(self, domains: Domains) -> tuple[Whole, Whole]:
        """The pods of each value of the label, and the nodes of each value, among the nodes that take part."""
        counted = self.included & (domains.ids != NO_DOMAIN)
        ids = domains.ids[counted]
        pods = np.bincount(ids, weights=self.pods[counted], minlength=domains.count).astype(np.int64)
        return pods, np.bincount(ids, minlength=domains.count)


class _Skew(FilterState):
    """The filter's counts by domain, and the smallest of each constraint."""

    def __init__(self, pod: PodInfo, cluster: Cluster, constraints: list[Constraint]) -> None:
        self._pod = pod
        self._cluster = cluster
        self._constraints = constraints
        self._counts = [_Counts(constraint, len(cluster.generations)) for constraint in constraints]
        self._own = [int(constraint.selects(pod.labels)) for constraint in constraints]
        self._found: list[tuple[Domains, Whole, int]] = []

    def put(self, slot: int, node: NodeInfo | None) -> None:
        """Count the node's pods anew; a node that lacks one of the labels takes no part in any count."""
        takes_part = node is not None and _has_all(node.labels, self._constraints)
        for counts in self._counts:
            counts.put(slot, self._pod, node if takes_part else None, takes_part=takes_part)

    def begin(self) -> None:
        """Sum up by domain."""
        self._found = []
        for counts in self._counts:
            domains = self._cluster.domains(counts.constraint.key)
            pods, nodes = counts.by_domain(domains)
            present = nodes > 0
            few = int(present.sum()) < counts.constraint.domains_min
            smallest = 0 if few else int(pods[present].min(initial=np.iinfo(np.int64).max))
            self._found.append((domains, pods, smallest))

    def passing(self) -> Flags | None:
        """Whether the skew stays small enough."""
        flags: Flags = np.ones(len(self._cluster.generations), dtype=np.bool_)
        for constraint, own, (domains, pods, smallest) in zip(self._constraints, self._own, self._found, strict=True):
            allowed = np.zeros(domains.count + 1, dtype=np.bool_)  # the last one stands for NO_DOMAIN
            allowed[:-1] = pods + own - smallest <= constraint.max_skew
            flags &= allowed[domains.ids]
        return flags

    def check(self, node: NodeInfo) -> tuple[Refusal, ...]:
        """The same for one node, with the reason."""
        for constraint, own, (domains, pods, smallest) in zip(self._constraints, self._own, self._found, strict=True):
            value = node.labels.get(constraint.key)
            if value is None:
                return (Refusal(REASON_LABEL),)
            if int(pods[domains.number[value]]) + own - smallest > constraint.max_skew:
                return (Refusal(REASON, resolvable=True),)
        return FITS


class _Crowd(Rater):
    """The score's counts."""

    def __init__(self, pod: PodInfo, cluster: Cluster, constraints: list[Constraint], *, needs_all: bool) -> None:
        self._pod = pod
        self._cluster = cluster
        self._constraints = constraints
        self._needs_all = needs_all
        self._counts = [_Counts(constraint, len(cluster.generations)) for constraint in constraints]

    def put(self, slot: int, node: NodeInfo | None) -> None:
        """Count the node's pods anew."""
        takes_part = node is not None and (not self._needs_all or _has_all(node.labels, self._constraints))
        for counts in self._counts:
            counts.put(slot, self._pod, node, takes_part=takes_part)

    def rate(self, slots: Whole) -> Whole | None:
        """The number of matching pods near a node, weighted by how many values the label has; fewer are better."""
        all_ids = [self._cluster.domains(constraint.key).ids[slots] for constraint in self._constraints]
        considered: Flags = np.ones(len(slots), dtype=np.bool_)
        if self._needs_all:
            for ids in all_ids:
                considered &= ids != NO_DOMAIN
        points: npt.NDArray[np.float64] = np.zeros(len(slots), dtype=np.float64)
        for counts, ids in zip(self._counts, all_ids, strict=True):
            constraint = counts.constraint
            has_label = ids != NO_DOMAIN
            if constraint.key == HOSTNAME:
                size = int(considered.sum())
                near = counts.pods[slots]
            else:
                size = len(np.unique(ids[considered]))  # nodes without the label count as one value more
                pods, _ = counts.by_domain(self._cluster.domains(constraint.key))
                near = np.append(pods, 0)[ids]
            weight = math.log(size + 2)
            points += np.where(has_label, near * weight + float(constraint.max_skew - 1), 0.0)
        rounded = np.floor(points + 0.5).astype(np.int64)
        return np.where(considered, rounded, IGNORED)


class PodTopologySpread(WideFilter, WideScore):
    """Filter and score."""

    name = "PodTopologySpread"
    events = frozenset(
        {
            "Pod/Add",
            "Pod/UpdatePodLabel",
            "Pod/UpdatePodToleration",
            "Pod/Delete",
            "Node/Add",
            "Node/Delete",
            "Node/UpdateNodeLabel",
            "Node/UpdateNodeTaint",
        }
    )

    def __init__(self, default_selector: DefaultSelector) -> None:
        self._default_selector = default_selector

    def state(self, pod: PodInfo, cluster: Cluster) -> FilterState | None:
        """Only constraints that say DoNotSchedule; the defaults are wishes."""
        constraints = [constraint for constraint in own_constraints(pod) if constraint.hard]
        return _Skew(pod, cluster, constraints) if constraints else None

    def rater(self, pod: PodInfo, cluster: Cluster) -> Rater | None:
        """Constraints that say ScheduleAnyway, else the system's defaults for a pod that a Service or a set selects."""
        if pod.spec.get("topologySpreadConstraints"):
            wishes = [constraint for constraint in own_constraints(pod) if not constraint.hard]
            return _Crowd(pod, cluster, wishes, needs_all=True) if wishes else None
        selector = self._default_selector(pod)
        if selector is None:
            return None
        return _Crowd(pod, cluster, default_constraints(selector), needs_all=False)

    def normalise(self, points: Whole) -> Whole:
        """The fewest become 100; nodes that lack a label get 0."""
        rated = points[points != IGNORED]
        if not len(rated):
            return np.zeros_like(points)
        smallest, largest = int(rated.min()), int(rated.max())
        if largest == 0:
            return np.where(points == IGNORED, 0, MAX_NODE_SCORE)
        return np.where(points == IGNORED, 0, MAX_NODE_SCORE * (largest + smallest - points) // largest)

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A pod that counts comes, goes or changes whether it counts; a node comes, goes or changes in a label of a constraint or in its taints."""
        constraints = [constraint for constraint in own_constraints(pod) if constraint.hard]
        if event.label == "Pod/UpdatePodToleration":
            return any(constraint.honours_taints for constraint in constraints)
        if event.label.startswith("Node/"):
            return _node_helps(constraints, event)
        pods = [other for other in (event.old, event.new) if other is not None]
        if any(namespace_of(other) != pod.namespace for other in pods):
            return False
        if len(pods) == 1:
            return any(constraint.selects(labels_of(pods[0])) for constraint in constraints)
        old, new = (labels_of(other) for other in pods)
        return any(constraint.selects(old) != constraint.selects(new) for constraint in constraints)


def _node_helps(constraints: list[Constraint], event: ClusterEvent) -> bool:
    matched = [_has_all(labels_of(node), constraints) for node in (event.old, event.new) if node is not None]
    if len(matched) == 1 or event.old is None or event.new is None:
        return matched[0]
    if matched[0] != matched[1]:
        return True
    old, new = labels_of(event.old), labels_of(event.new)
    moved = any(old.get(constraint.key) != new.get(constraint.key) for constraint in constraints)
    return matched[1] and (moved or _taints(event.old) != _taints(event.new))


def _taints(node: Object) -> Any:
    return (node.get("spec") or {}).get("taints") or ()
