"""The RBAC authorizer: which rules a user has in a namespace, by the bindings and roles in the store (`plugin/pkg/auth/authorizer/rbac`).

A member of system:masters may do everything, as the authorizer before RBAC says upstream. What touches the store belongs to the kernel's thread.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.cluster.api.auth.attributes import Attributes, Decision
from harness.cluster.api.auth.rules import Rule, allows
from harness.cluster.api.auth.users import MASTERS, User, split_service_account
from harness.kube.client import Reader
from harness.kube.objects import Object, name_of
from harness.kube.resources import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES

RULE_ALL: tuple[Rule, ...] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)


@dataclass(frozen=True)
class Grant:
    """One rule that a user has, and through which binding."""

    rule: Rule
    source: str


class Rbac:
    """Answers from the store."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def authorize(self, attributes: Attributes) -> Decision:
        """Whether a request may be served; the reason names the binding, or the roles that are missing."""
        if MASTERS in attributes.user.groups:
            return Decision(True)
        missing: list[str] = []
        for grant in self._grants(attributes.user, attributes.namespace, missing):
            if allows(grant.rule, attributes):
                return Decision(True, f"RBAC: allowed by {grant.source}")
        return Decision(False, f"RBAC: {_joined(missing)}" if missing else "")

    def rules(self, user: User, namespace: str) -> tuple[list[Rule], str]:
        """Every rule that a user has in a namespace (and of the cluster's), and what could not be found out."""
        if MASTERS in user.groups:
            return list(RULE_ALL), ""
        missing: list[str] = []
        found = [grant.rule for grant in self._grants(user, namespace, missing)]
        return found, _joined(missing)

    def role_rules(self, reference: Mapping[str, Any], namespace: str) -> list[Rule] | None:
        """The rules of a role that a binding names; None when it does not exist."""
        if reference.get("kind") == "ClusterRole":
            role = self._reader.get(CLUSTER_ROLES, None, str(reference.get("name", "")))
        else:
            role = self._reader.get(ROLES, namespace, str(reference.get("name", "")))
        return None if role is None else list(role.get("rules") or ())

    def _grants(self, user: User, namespace: str, missing: list[str]) -> Iterator[Grant]:
        for binding in self._reader.list(CLUSTER_ROLE_BINDINGS):
            yield from self._of_binding(binding, "ClusterRoleBinding", user, "", missing)
        if namespace:
            for binding in self._reader.list(ROLE_BINDINGS, namespace):
                yield from self._of_binding(binding, "RoleBinding", user, namespace, missing)

    def _of_binding(
        self, binding: Object, kind: str, user: User, namespace: str, missing: list[str]
    ) -> Iterator[Grant]:
        subject = next((entry for entry in binding.get("subjects") or () if _is(entry, user, namespace)), None)
        if subject is None:
            return
        reference = binding["roleRef"]
        rules = self.role_rules(reference, namespace)
        if rules is None:
            missing.append(f'{reference["kind"].lower()}.rbac.authorization.k8s.io "{reference["name"]}" not found')
            return
        name = f"{name_of(binding)}/{namespace}" if namespace else name_of(binding)
        source = f'{kind} "{name}" of {reference["kind"]} "{reference["name"]}" to {_words(subject, namespace)}'
        yield from (Grant(rule, source) for rule in rules)


def _is(subject: Mapping[str, Any], user: User, namespace: str) -> bool:
    kind = subject.get("kind")
    if kind == "User":
        return bool(subject.get("name") == user.name)
    if kind == "Group":
        return subject.get("name") in user.groups
    return split_service_account(user.name) == (subject.get("namespace") or namespace, subject.get("name"))


def _words(subject: Mapping[str, Any], namespace: str) -> str:
    if subject["kind"] == "ServiceAccount":
        return f'ServiceAccount "{subject["name"]}/{subject.get("namespace") or namespace}"'
    return f'{subject["kind"]} "{subject["name"]}"'


def _joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]" if texts else ""
