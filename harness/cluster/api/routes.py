"""What a request asks for: the path and method of the Kubernetes API read as a value (apiserver `endpoints/request/requestinfo.go`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

_SUBRESOURCES_OF_NAMESPACES = frozenset({"status", "finalize"})
_TRUE = frozenset({"true", "1", "t", "T", "TRUE", "True"})


@dataclass(frozen=True)
class Route:
    """A place in the API: a collection (no name), an object, or a subresource of it."""

    group: str
    version: str
    plural: str
    namespace: str | None = None
    name: str = ""
    subresource: str = ""


def parse_route(path: str) -> Route | None:
    """The place that `path` names; None when it is none (discovery, health, nonsense)."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    if not all(rest):
        return None
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and not _is_namespace_itself(group, rest):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Route(group, version, plural, namespace, name, subresource)


def _is_namespace_itself(group: str, rest: list[str]) -> bool:
    return not group and len(rest) == 3 and rest[2] in _SUBRESOURCES_OF_NAMESPACES


def is_true(query: Mapping[str, str], key: str) -> bool:
    """Whether a query parameter is switched on."""
    return query.get(key, "") in _TRUE


def verb(method: str, route: Route, query: Mapping[str, str]) -> str:
    """The verb, as authorisation and discovery call it; empty when the method has none here."""
    if method in {"GET", "HEAD"}:
        if is_true(query, "watch"):
            return "watch"
        return "get" if route.name else "list"
    verbs = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"} if route.name else {"DELETE": "deletecollection"}
    return "create" if method == "POST" else verbs.get(method, "")
