"""The roles and bindings that a new cluster with RBAC has, as a real one shows them (fixtures/facts/kubernetes-rbac.json.xz)."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

import fixtures.facts
from harness.kube.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Resource

FACTS = Path(fixtures.facts.__file__).parent / "kubernetes-rbac.json.xz"
_ORDER = (CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS, ROLES, ROLE_BINDINGS)


def policy() -> Iterator[tuple[Resource, dict[str, Any]]]:
    """Objects in the order of their creation; their namespaces are those that a new cluster has."""
    objects = orjson.loads(lzma.decompress(FACTS.read_bytes()))["objects"]
    for resource in _ORDER:
        for obj in objects[resource.plural]:
            yield resource, obj
