"""What a request asks for: the path and method of the Kubernetes API read as a value (apiserver `endpoints/request/requestinfo.go`)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote

from harness.kube.errors import BadRequest

_NUMBER = re.compile(r"[+-]?[0-9]+")
_NOT_SEGMENTS = frozenset({".", ".."})
_SUBRESOURCES_OF_NAMESPACES = frozenset({"status", "finalize"})


@dataclass(frozen=True)
class Route:
    """A place in the API: a collection (no name), an object, or a subresource of it."""

    group: str
    version: str
    plural: str
    namespace: str | None = None
    name: str = ""
    subresource: str = ""
    watch: bool = False  # by the deprecated paths /api/v1/watch/...


def parse_route(path: str) -> Route | None:
    """The place that `path` names; None when it is none (discovery, health, nonsense)."""
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == "api" and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    watch = rest[0] == "watch"
    rest = rest[watch:]
    if not rest or not all(rest) or any(part in _NOT_SEGMENTS or "/" in part for part in rest):
        return None
    namespace = None
    if rest[0] == "namespaces" and len(rest) > 2 and not _is_namespace_itself(group, rest):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > 3:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    if watch and subresource:
        return None
    return Route(group, version, plural, namespace, name, subresource, watch)


def _is_namespace_itself(group: str, rest: list[str]) -> bool:
    return not group and len(rest) == 3 and rest[2] in _SUBRESOURCES_OF_NAMESPACES


def is_true(query: Mapping[str, str], key: str) -> bool:
    """Whether a query parameter is switched on: any value but 0 and false does (apimachinery `Convert_Slice_string_To_bool`)."""
    value = query.get(key)
    return value is not None and value != "0" and value.lower() != "false"


def number(query: Mapping[str, str], key: str) -> int:
    """A query parameter that is a whole number, 0 when it is missing. Raises BadRequest."""
    text = query.get(key) or "0"
    if not _NUMBER.fullmatch(text):
        raise BadRequest(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def verb(method: str, route: Route, query: Mapping[str, str]) -> str:
    """The verb, as authorisation and discovery call it; empty when the method has none here."""
    if method == "GET":
        if route.watch:
            return "watch"
        if route.name:
            return "get"
        return "watch" if is_true(query, "watch") else "list"
    if route.watch:
        return ""
    verbs = {"PUT": "update", "PATCH": "patch", "DELETE": "delete"} if route.name else {"DELETE": "deletecollection"}
    return "create" if method == "POST" else verbs.get(method, "")
