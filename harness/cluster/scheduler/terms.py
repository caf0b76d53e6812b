"""Terms of pod affinity and anti-affinity, read: which pods a term means, and the topology key that says what counts as near.

Follows kubernetes `pkg/scheduler/framework/types.go` (newAffinityTerm, 1.34). The API server merges matchLabelKeys and mismatchLabelKeys into the selector;
reading them here as well changes nothing then, and serves objects that have not passed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.kube.selectors import Requirement, Selector, from_object


@dataclass(frozen=True)
class Term:
    """One affinity term of a pod. `namespace_selector` is None when only the named namespaces are meant."""

    topology_key: str
    namespaces: frozenset[str]
    selector: Selector | None
    namespace_selector: Selector | None

    def means(self, namespace: str, labels: Mapping[str, str], namespace_labels: Mapping[str, str] | None) -> bool:
        """Whether the term means a pod with these labels in this namespace (whose labels are None when it does not exist)."""
        if self.selector is None:
            return False
        if namespace not in self.namespaces and not self._reaches(namespace_labels):
            return False
        return self.selector.matches(labels)

    def _reaches(self, namespace_labels: Mapping[str, str] | None) -> bool:
        if self.namespace_selector is None:
            return False
        if not self.namespace_selector.requirements:
            return True
        return namespace_labels is not None and self.namespace_selector.matches(namespace_labels)


@dataclass(frozen=True)
class Weighted:
    """A preferred term and its weight, 1..100."""

    term: Term
    weight: int


def term_of(entry: Mapping[str, Any], namespace: str, labels: Mapping[str, str]) -> Term:
    """The term of a pod in `namespace` with these labels."""
    namespaces, namespace_selector = entry.get("namespaces") or (), entry.get("namespaceSelector")
    selector = from_object(entry.get("labelSelector"))
    if selector is not None:
        own = [Requirement(key, "In", (labels[key],)) for key in entry.get("matchLabelKeys") or () if key in labels]
        own += [
            Requirement(key, "NotIn", (labels[key],)) for key in entry.get("mismatchLabelKeys") or () if key in labels
        ]
        if own:
            selector = Selector((*selector.requirements, *own))
    return Term(
        topology_key=str(entry["topologyKey"]),
        namespaces=frozenset((namespace,) if not namespaces and namespace_selector is None else namespaces),
        selector=selector,
        namespace_selector=from_object(namespace_selector),
    )


def terms_of(affinity: Mapping[str, Any], namespace: str, labels: Mapping[str, str]) -> tuple[Term, ...]:
    """The required terms of a podAffinity or podAntiAffinity."""
    entries = affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    return tuple(term_of(entry, namespace, labels) for entry in entries)


def weighted_terms_of(affinity: Mapping[str, Any], namespace: str, labels: Mapping[str, str]) -> tuple[Weighted, ...]:
    """The preferred terms of a podAffinity or podAntiAffinity."""
    return tuple(
        Weighted(term_of(entry["podAffinityTerm"], namespace, labels), int(entry["weight"]))
        for entry in affinity.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
    )
