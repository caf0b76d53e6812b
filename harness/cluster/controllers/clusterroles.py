"""Cluster roles that are gathered from others by their labels: `aggregationRule` (`pkg/controller/clusterroleaggregation`, 1.34)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.kube.client import Reader
from harness.kube.controllers import Watch
from harness.kube.objects import Object, name_of, thaw
from harness.kube.resources import CLUSTER_ROLES
from harness.kube.selectors import from_object

MANAGER = "clusterrole-aggregation-controller"
Apply = Callable[[str, Sequence[dict[str, Any]]], object]
"""Server-side apply, in the name of MANAGER and by force: a role's name and the rules that it shall have."""
_ALL = "all"


class ClusterRoleAggregationController:
    """Reconciles all gathering roles together: each may gather every other, so whatever changes concerns all, upstream as well."""

    name = MANAGER

    def __init__(self, reader: Reader, apply: Apply) -> None:
        self._reader = reader
        self._apply = apply

    def watches(self) -> Sequence[Watch]:
        """Cluster roles."""
        return [Watch(CLUSTER_ROLES, lambda _role: (_ALL,))]

    def reconcile(self, key: str) -> int | None:  # noqa: ARG002 - there is one
        """Every role with an aggregation rule; one that gathers a role which gathers is found again by that one's change."""
        roles = self._reader.list(CLUSTER_ROLES)
        for role in roles:
            if role.get("aggregationRule") is not None:
                rules = gathered(role, roles)
                if rules != list(role.get("rules") or ()):
                    self._apply(name_of(role), thaw(rules))
        return None


def gathered(role: Object, roles: Iterable[Object]) -> list[Any]:
    """The rules of all other roles that one of the selectors takes, in the order of selectors and names, each once. `roles` are ordered by name."""
    others = [other for other in roles if name_of(other) != name_of(role)]
    rules: list[Any] = []
    for text in role["aggregationRule"].get("clusterRoleSelectors") or ():
        selector = from_object(text)
        for other in others:
            if selector is not None and selector.matches(other["metadata"].get("labels") or {}):
                rules.extend(rule for rule in other.get("rules") or () if rule not in rules)
    return rules
