"""What exists in a new cluster: the system namespaces and the priority classes of the system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from harness.kube.objects import new_object
from harness.kube.resources import NAMESPACES, PRIORITY_CLASSES, Resource

_PRIORITIES = (
    (
        "system-cluster-critical",
        2_000_000_000,
        "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
    ),
    (
        "system-node-critical",
        2_000_001_000,
        "Used for system critical pods that must not be moved from their current node.",
    ),
)


def first_objects() -> Iterator[tuple[Resource, dict[str, Any]]]:
    """In the order of their creation."""
    for name in ("default", "kube-node-lease", "kube-public", "kube-system"):
        yield NAMESPACES, new_object(NAMESPACES, name)
    for name, value, description in _PRIORITIES:
        yield PRIORITY_CLASSES, new_object(PRIORITY_CLASSES, name, value=value, description=description)
