"""Who asks: users, the groups they are in, and the names of service accounts as users (apiserver `pkg/authentication/user`, `serviceaccount`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MASTERS, AUTHENTICATED, UNAUTHENTICATED = "system:masters", "system:authenticated", "system:unauthenticated"
SERVICE_ACCOUNTS = "system:serviceaccounts"
_PREFIX = "system:serviceaccount:"


@dataclass(frozen=True)
class User:
    """A name with groups; `extra` is what the credentials say beside it."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def info(self) -> dict[str, Any]:
        """authentication.k8s.io/v1 UserInfo."""
        body: dict[str, Any] = {"username": self.name}
        if self.uid:
            body["uid"] = self.uid
        if self.groups:
            body["groups"] = list(self.groups)
        if self.extra:
            body["extra"] = {key: list(values) for key, values in sorted(self.extra.items())}
        return body


ADMIN = User("kubernetes-admin", (MASTERS, AUTHENTICATED))
ANONYMOUS = User("system:anonymous", (UNAUTHENTICATED,))


def service_account(
    namespace: str, name: str, uid: str = "", extra: Mapping[str, tuple[str, ...]] | None = None
) -> User:
    """A service account as a user."""
    groups = (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}")
    return User(f"{_PREFIX}{namespace}:{name}", groups, uid, extra or {})


def split_service_account(user: str) -> tuple[str, str] | None:
    """Namespace and name of a service account's user name; None for other users."""
    namespace, _, name = user.removeprefix(_PREFIX).partition(":")
    return (namespace, name) if user.startswith(_PREFIX) and namespace and name and ":" not in name else None


def authenticated(user: User) -> User:
    """With the group of everybody whose credentials were accepted, unless it is anonymous."""
    if AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return replace(user, groups=(*user.groups, AUTHENTICATED))
