"""Field selectors: `metadata.name=x,status.phase!=Running` (apimachinery `fields`, the fields that each type declares)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.kube.errors import BadRequest
from harness.kube.objects import Object
from harness.kube.resources import EVENTS, JOBS, NAMESPACES, NODES, PODS, REPLICA_SETS, SECRETS, Resource

_PART = re.compile(r"(?:\\.?|[^,\\])+", re.DOTALL)  # between commas that no backslash escapes
_SIGN = re.compile("!=|==|=")
_ESCAPED = re.compile(r"\\.?|=", re.DOTALL)
_ESCAPABLE = frozenset({"\\", ",", "="})
_GENERIC = ("metadata.name", "metadata.namespace")
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: Mapping[str, tuple[str, ...]] = {
    PODS.group_resource: (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    EVENTS.group_resource: (
        *(f"involvedObject.{field}" for field in _INVOLVED),
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    NODES.group_resource: ("spec.unschedulable",),
    NAMESPACES.group_resource: ("status.phase", "name"),
    SECRETS.group_resource: ("type",),
    JOBS.group_resource: ("status.successful",),
    REPLICA_SETS.group_resource: ("status.replicas",),
}


@dataclass(frozen=True)
class FieldSelector:
    """Terms that all have to hold; without any it matches everything."""

    terms: tuple[tuple[str, bool, str], ...] = ()

    def matches(self, obj: Object) -> bool:
        """Whether every field has (or has not) its value."""
        return all((_value(obj, path) == value) is wanted for path, wanted, value in self.terms)

    def exact(self, path: str) -> str | None:
        """The value that a field has to have, if the selector says so."""
        return next((value for field, wanted, value in self.terms if field == path and wanted), None)


def parse_fields(resource: Resource, text: str) -> FieldSelector:
    """Read a field selector (apimachinery `fields/selector.go`). Raises BadRequest, also for a field that the type does not declare."""
    terms = tuple(_term(part, text) for part in _PART.findall(text))
    declared = _FIELDS.get(resource.group_resource, ())
    for path, _, _ in terms:
        if path not in _GENERIC and path not in declared:
            raise BadRequest(_unknown(path, bool(declared)))
    return FieldSelector(terms)


def _term(part: str, text: str) -> tuple[str, bool, str]:
    match = _SIGN.search(part)
    if match is None:
        raise BadRequest(f"invalid selector: '{text}'; can't understand '{part}'")
    value = part[match.end() :]
    for escaped in _ESCAPED.findall(value):
        if escaped == "=":
            raise BadRequest(f"invalid field selector: unescaped character in value: {ord(escaped)}")
        if escaped[1:] not in _ESCAPABLE:
            raise BadRequest(f"invalid field selector: invalid escape sequence: {escaped}")
    return part[: match.start()], match.group() != "!=", _ESCAPED.sub(lambda found: found.group()[1:], value)


def _unknown(path: str, declares: bool) -> str:
    if declares:
        return f"field label not supported: {path}"
    return f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def _value(obj: Object, path: str) -> str:
    if path == "source":
        source = (obj.get("source") or {}).get("component")
        return str(source or obj.get("reportingComponent") or "")
    if path == "status.successful":
        path = "status.succeeded"
    value: Any = obj
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if value is None:
        return {"spec.unschedulable": "false", "spec.hostNetwork": "false"}.get(path, "")
    return ("true" if value else "false") if isinstance(value, bool) else str(value)
