"""How admission says no (apiserver `admission/errors.go`)."""

from __future__ import annotations

from typing import Any

from harness.kube.errors import Cause, Forbidden
from harness.kube.resources import Resource

Draft = dict[str, Any]

_DRAWN = 5  # characters of a drawn suffix


def forbidden(resource: Resource, name: str, why: str, causes: tuple[Cause, ...] = ()) -> Forbidden:
    """`pods "x" is forbidden: why`."""
    details: dict[str, Any] = {"name": name, "kind": resource.plural}
    if resource.group:
        details["group"] = resource.group
    if causes:
        details["causes"] = [{"reason": c.reason, "message": c.message, "field": c.field} for c in causes]
    return Forbidden(f'{resource.group_resource} "{name}" is forbidden: {why}', details=details)


def name_in(draft: Draft) -> str:
    """The name of what is refused."""
    return str(draft["metadata"].get("name", ""))


def name_asked_for(draft: Draft) -> str:
    """The name that what mutates sees upstream, where it comes before the drawing of a name: `generateName` itself."""
    name, base = name_in(draft), str(draft["metadata"].get("generateName") or "")
    drawn = base and name.startswith(base) and len(name) == len(base) + _DRAWN
    return base if drawn else name
