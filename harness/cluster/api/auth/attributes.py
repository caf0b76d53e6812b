"""What a request wants to do, as authorizers see it (apiserver `pkg/authorization/authorizer`), and how a refusal reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.cluster.api.auth.users import User
from harness.kube.errors import Forbidden


@dataclass(frozen=True)
class Attributes:
    """A verb on a resource, or (with a path) on a place that is none."""

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def is_resource(self) -> bool:
        """Whether it is about a resource."""
        return not self.path

    @property
    def full_resource(self) -> str:
        """`pods/log`"""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True)
class Decision:
    """What an authorizer says, and why."""

    allowed: bool
    reason: str = ""


def refusal(attributes: Attributes, reason: str = "") -> Forbidden:
    """The 403 of a request (apiserver `handlers/responsewriters/errors.go`)."""
    who = f'User "{attributes.user.name}"'
    why = f": {reason}" if reason else ""
    if not attributes.is_resource:
        return Forbidden(f'forbidden: {who} cannot {attributes.verb} path "{attributes.path}"{why}', details={})
    place = f'in the namespace "{attributes.namespace}"' if attributes.namespace else "at the cluster scope"
    what = f'resource "{attributes.full_resource}" in API group "{attributes.group}"'
    details: Mapping[str, Any] = {"name": attributes.name, "group": attributes.group, "kind": attributes.resource}
    subject = f"{attributes.resource}.{attributes.group}" if attributes.group else attributes.resource
    named = f'{subject} "{attributes.name}"' if attributes.name else subject
    return Forbidden(
        f"{named} is forbidden: {who} cannot {attributes.verb} {what} {place}{why}",
        details={key: value for key, value in details.items() if value},
    )
