"""Nobody grants what they do not have: the check of roles and bindings before they are written (`pkg/registry/rbac/*/policybased`, `escalation_check.go`).

Members of system:masters pass; so does who may `escalate` the role or `bind` the role that a binding names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.api.auth.attributes import Attributes
from harness.cluster.api.auth.rbac import RULE_ALL, Rbac
from harness.cluster.api.auth.rules import Rule, compact, uncovered
from harness.cluster.api.auth.users import MASTERS, User
from harness.kube.errors import Forbidden, NotFound
from harness.kube.objects import Object
from harness.kube.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Resource

GUARDED = frozenset({ROLES, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS})
_GROUP = "rbac.authorization.k8s.io"
_AGGREGATION = "must have cluster-admin privileges to use the aggregationRule"


def require_held(rbac: Rbac, user: User, resource: Resource, new: Mapping[str, Any], old: Object | None) -> None:
    """Raises Forbidden (or NotFound, of the role that a binding names) unless the user holds what `new` grants. On the kernel's thread."""
    if MASTERS in user.groups or (old is not None and _same(resource, new, old)):
        return
    namespace = str(new["metadata"].get("namespace") or "")
    if resource in {ROLES, CLUSTER_ROLES}:
        _require_role(rbac, user, resource, new, namespace)
    else:
        _require_binding(rbac, user, resource, new, namespace)


def _same(resource: Resource, new: Mapping[str, Any], old: Object) -> bool:
    parts = ("rules", "aggregationRule") if resource in {ROLES, CLUSTER_ROLES} else ("roleRef", "subjects")
    return all((new.get(part) or None) == (old.get(part) or None) for part in parts)


def _require_role(rbac: Rbac, user: User, resource: Resource, new: Mapping[str, Any], namespace: str) -> None:
    name = str(new["metadata"].get("name", ""))
    if _may(rbac, user, "escalate", resource.plural, name, namespace):
        return
    _require(rbac, user, resource, name, namespace, new.get("rules") or ())
    if new.get("aggregationRule") is not None:
        owned, _ = rbac.rules(user, namespace)
        if uncovered(owned, RULE_ALL):
            raise _forbidden(resource, name, _AGGREGATION)


def _require_binding(rbac: Rbac, user: User, resource: Resource, new: Mapping[str, Any], namespace: str) -> None:
    name, reference = str(new["metadata"].get("name", "")), new["roleRef"]
    plural = CLUSTER_ROLES.plural if reference.get("kind") == "ClusterRole" else ROLES.plural
    if _may(rbac, user, "bind", plural, str(reference.get("name", "")), namespace):
        return
    rules = rbac.role_rules(reference, namespace)
    if rules is None:
        raise NotFound.of(resource, str(reference.get("name", "")))
    _require(rbac, user, resource, name, namespace, rules)


def _require(rbac: Rbac, user: User, resource: Resource, name: str, namespace: str, rules: Sequence[Rule]) -> None:
    owned, problem = rbac.rules(user, namespace)
    missing = uncovered(owned, rules)
    if not missing:
        return
    groups = " ".join(f'"{group}"' for group in user.groups)
    lines = "\n".join(sorted(compact(rule) for rule in _merged(missing)))
    text = (
        f'user "{user.name}" (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{lines}'
    )
    raise _forbidden(resource, name, f"{text}; resolution errors: [{problem}]" if problem else text)


def _merged(parts: Sequence[Rule]) -> list[Rule]:
    """Single rules with the verbs of those that differ in nothing else put together (`CompactRules`)."""
    merged: dict[tuple[str, ...], dict[str, Any]] = {}
    for part in parts:
        if "nonResourceURLs" in part:
            key = ("", part["nonResourceURLs"][0], part["verbs"][0])
        else:
            key = (part["apiGroups"][0], part["resources"][0], *part.get("resourceNames", ()), "resource")
        found = merged.setdefault(key, {**part, "verbs": []})
        found["verbs"] = list(dict.fromkeys([*found["verbs"], *part["verbs"]]))
    return list(merged.values())


def _may(rbac: Rbac, user: User, verb: str, plural: str, name: str, namespace: str) -> bool:
    wanted = Attributes(user, verb, _GROUP, "v1", plural, namespace=namespace, name=name)
    return rbac.authorize(wanted).allowed


def _forbidden(resource: Resource, name: str, why: str) -> Forbidden:
    details = {"name": name, "group": resource.group, "kind": resource.plural}
    return Forbidden(f'{resource.group_resource} "{name}" is forbidden: {why}', details=details)
