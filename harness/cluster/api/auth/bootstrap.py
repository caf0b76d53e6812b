"""The roles and bindings that a new cluster with RBAC has, as a real one shows them (fixtures/facts/kubernetes-rbac.json.xz)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fixtures.facts import packed
from harness.kube.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Resource

_ORDER = (CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, ROLES, ROLE_BINDINGS)


def policy() -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Objects in the order of their creation; their namespaces are those that a new cluster has."""
    objects = packed("kubernetes-rbac")["objects"]
    for resource in _ORDER:
        for obj in objects[resource.plural]:
            yield resource, obj
