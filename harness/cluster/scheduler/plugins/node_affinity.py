"""NodeAffinity: nodeSelector and required node affinity decide, preferred node affinity counts.

Follows `pkg/scheduler/framework/plugins/nodeaffinity` and component-helpers `nodeaffinity` (1.34): the terms of a selector are alternatives, a term
without requirements matches nothing, and a pod whose terms all name nodes (`metadata.name In`, as a DaemonSet's) looks at these nodes only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    Check,
    ClusterEvent,
    LocalFilter,
    LocalScore,
    Points,
    Refusal,
    Verdict,
    Whole,
    normalise_by_max,
)
from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.objects import labels_of, name_of
from harness.kube.selectors import Requirement

REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_CONFLICT = "pod affinity terms conflict"


def _requirement(entry: Mapping[str, Any]) -> Requirement:
    return Requirement(str(entry["key"]), str(entry["operator"]), tuple(entry.get("values") or ()))


def term_matches(term: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    """Whether a node with these labels and this name fulfils one NodeSelectorTerm."""
    expressions, fields = term.get("matchExpressions") or (), term.get("matchFields") or ()
    if not expressions and not fields:
        return False
    return all(_requirement(entry).matches(labels) for entry in expressions) and all(
        _requirement(entry).matches({"metadata.name": name}) for entry in fields
    )


def selector_matches(selector: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    """Whether a node fulfils a NodeSelector: one of its terms is enough."""
    return any(term_matches(term, labels, name) for term in selector.get("nodeSelectorTerms") or ())


def _required(spec: Mapping[str, Any]) -> Mapping[str, Any] | None:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    required: Mapping[str, Any] | None = affinity.get("requiredDuringSchedulingIgnoredDuringExecution")
    return required


def _preferred(spec: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()


def node_matches(spec: Mapping[str, Any], labels: Mapping[str, str], name: str) -> bool:
    """Whether nodeSelector and required node affinity of a pod's spec allow the node."""
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = _required(spec)
    return required is None or selector_matches(required, labels, name)


class NodeAffinity(LocalFilter, LocalScore):
    """Filter and score."""

    name = "NodeAffinity"
    events = frozenset({"Node/Add", "Node/UpdateNodeLabel", "Node/UpdateNodeTaint"})

    def admit(self, pod: PodInfo, _cluster: Cluster) -> Verdict | None:
        """Only the named nodes, when every term names nodes."""
        terms = (_required(pod.spec) or {}).get("nodeSelectorTerms") or ()
        allowed: set[str] = set()
        for term in terms:
            named = [
                frozenset(entry.get("values") or ())
                for entry in term.get("matchFields") or ()
                if entry["key"] == "metadata.name" and entry["operator"] == "In"
            ]
            if not named:
                return None
            allowed |= frozenset.intersection(*named)
        if terms and not allowed:
            return Verdict(refusal=REASON_CONFLICT)
        return Verdict(nodes=frozenset(allowed)) if terms else None

    def check(self, pod: PodInfo) -> Check | None:
        """Refuse nodes that the pod's selector or required affinity excludes."""
        spec = pod.spec
        if not spec.get("nodeSelector") and _required(spec) is None:
            return None

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            return FITS if node_matches(spec, node.labels, node.name) else (Refusal(REASON),)

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A node that matches and did not before; any change of taints, as upstream registers it."""
        if event.label == "Node/UpdateNodeTaint" or event.new is None:
            return True
        was = event.old is not None and node_matches(pod.spec, labels_of(event.old), name_of(event.old))
        return not was and node_matches(pod.spec, labels_of(event.new), name_of(event.new))

    def points(self, pod: PodInfo) -> Points | None:
        """The summed weights of the preferences that a node fulfils; an empty preference counts for no node."""
        if not _preferred(pod.spec):
            return None
        preferred = [(int(entry["weight"]), entry["preference"]) for entry in _preferred(pod.spec)]
        return lambda node: sum(weight for weight, term in preferred if term_matches(term, node.labels, node.name))

    def normalise(self, points: Whole) -> Whole:
        """The more the better."""
        return normalise_by_max(points)
