"""The way in: from a request's headers to a user, through impersonation, to a decision.

Authentication is by the token of the one who started the cluster or by a service account's; nobody's credentials are those of system:anonymous where RBAC
decides, and refused where everything is allowed (as kube-apiserver, which switches anonymous requests off beside AlwaysAllow). Client certificates are not
asked for. What touches the store belongs to the kernel's thread.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Literal
from urllib.parse import unquote

from harness.cluster.api.auth.attributes import Attributes, Decision, refusal
from harness.cluster.api.auth.rbac import RULE_ALL, Rbac
from harness.cluster.api.auth.rules import Rule
from harness.cluster.api.auth.tokens import ServiceAccountTokens, Unaccepted
from harness.cluster.api.auth.users import (
    ADMIN,
    ANONYMOUS,
    MASTERS,
    User,
    authenticated,
    service_account,
    split_service_account,
)
from harness.kube.client import Reader
from harness.kube.errors import ApiError, Unauthorized

Authorization = Literal["AlwaysAllow", "RBAC"]
_PREFIX = "impersonate-"
_USER, _GROUP, _UID, _EXTRA = "impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-"


class Gate:
    """Decides who asks and whether they may."""

    def __init__(self, reader: Reader, tokens: ServiceAccountTokens, admin_token: str, mode: Authorization) -> None:
        self._tokens = tokens
        self._admin_token = admin_token.encode()
        self.mode: Authorization = mode
        self.rbac = Rbac(reader)

    def is_admin(self, token: str) -> bool:
        """Whether this is the token of the one who started the cluster."""
        return hmac.compare_digest(token.encode(), self._admin_token)

    def is_plainly_admin(self, headers: Mapping[str, str]) -> bool:
        """Whether the admin asks and acts as nobody else: the usual case, which needs no look at the store. Any thread."""
        acting = any(name.startswith(_PREFIX) for name in headers)
        return not acting and self.is_admin(_bearer(headers.get("authorization", "")))

    def is_guarded(self, user: User) -> bool:
        """Whether what a user grants has to be checked."""
        return self.mode == "RBAC" and MASTERS not in user.groups

    def user(self, headers: Mapping[str, str]) -> User:
        """Who asks, or whom they act as; headers by their names in lower case. Raises Unauthorized, Forbidden."""
        asking = self._authenticated(headers.get("authorization", ""))
        wanted = {name: value for name, value in headers.items() if name.startswith(_PREFIX)}
        return self._impersonated(asking, wanted) if wanted else asking

    def authorize(self, attributes: Attributes) -> Decision:
        """Whether a request may be served."""
        if self.mode == "AlwaysAllow":
            return Decision(True)
        return self.rbac.authorize(attributes)

    def require(self, attributes: Attributes) -> None:
        """Raises Forbidden unless the request may be served."""
        decision = self.authorize(attributes)
        if not decision.allowed:
            raise refusal(attributes, decision.reason)

    def rules(self, user: User, namespace: str) -> tuple[list[Rule], str]:
        """What a user may do in a namespace."""
        return (list(RULE_ALL), "") if self.mode == "AlwaysAllow" else self.rbac.rules(user, namespace)

    def _authenticated(self, authorization: str) -> User:
        token = _bearer(authorization)
        if token and self.is_admin(token):
            return ADMIN
        if not token:
            if self.mode == "RBAC":
                return ANONYMOUS
            raise Unauthorized("Unauthorized")
        try:
            return authenticated(self._tokens.accept(token)[0])
        except Unaccepted as error:
            raise Unauthorized("Unauthorized") from error

    def _impersonated(self, asking: User, headers: Mapping[str, str]) -> User:
        """The user whom somebody acts as, if they may act as each part of it (apiserver `filters/impersonation.go`)."""
        name, groups, uid = headers.get(_USER, ""), _several(headers.get(_GROUP, "")), headers.get(_UID, "")
        extra = {
            unquote(key.removeprefix(_EXTRA)): _several(value)
            for key, value in headers.items()
            if key.startswith(_EXTRA)
        }
        if not name:
            raise ApiError(
                "Internal error occurred: requested groups, a uid or extra fields without impersonating a user"
            )
        account = split_service_account(name)
        if account is None:
            self._require(asking, "users", name)
        else:
            self._require(asking, "serviceaccounts", account[1], namespace=account[0])
        for group in groups:
            self._require(asking, "groups", group)
        for key, values in extra.items():
            for value in values:
                self._require(asking, "userextras", value, group="authentication.k8s.io", subresource=key)
        if uid:
            self._require(asking, "uids", uid, group="authentication.k8s.io")
        if not groups and account is not None:
            groups = service_account(*account).groups
        if name == ANONYMOUS.name:
            return User(name, groups or ANONYMOUS.groups, uid, extra)
        return authenticated(User(name, groups, uid, extra))

    def _require(
        self, asking: User, resource: str, name: str, *, group: str = "", namespace: str = "", subresource: str = ""
    ) -> None:
        version = "v1" if group else ""
        self.require(Attributes(asking, "impersonate", group, version, resource, subresource, namespace, name))


def _several(value: str) -> tuple[str, ...]:
    """The values of a header that was sent several times."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
