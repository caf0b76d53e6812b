"""What the API serves beside resources: discovery, OpenAPI, version, health and the keys of service-account tokens.

Documents are values; who sends them is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from harness.cluster.api import openapi
from harness.cluster.api.discovery import AGGREGATED, catalogue
from harness.cluster.api.negotiation import NotAcceptable
from harness.cluster.store import Registry
from harness.kube.errors import MethodNotAllowed, NotFound

_GO_VERSION, _PLATFORM = "go1.25", "linux/amd64"
_JSON, _TEXT = "application/json", "text/plain; charset=utf-8"
_METHOD = "the server does not allow this method on the requested resource"
_HEALTH = ("/healthz", "/livez", "/readyz")
_CHECKS = ("ping", "log", "etcd")
OPEN = frozenset({*_HEALTH, "/version"})
"""Paths that are answered without credentials."""


@dataclass(frozen=True)
class Document:
    """A whole answer."""

    body: bytes
    content_type: str = _JSON
    code: int = 200


@dataclass(frozen=True)
class Documents:
    """What one server says of itself. `metrics`: whether a metrics-server is there; `keys`: further documents by their path."""

    version: str
    address: str
    metrics: Callable[[], bool] = lambda: False
    keys: Mapping[str, Document] = field(default_factory=dict)

    def find(self, registry: Registry, method: str, path: str, query: str, accept: str) -> Document:
        """The document at a path. Raises NotFound, MethodNotAllowed, NotAcceptable."""
        place = path.rstrip("/") or "/"
        found = self._plain(registry, place, query, accept) or self._matched(registry, place)
        if found is None:
            raise NotFound("the server could not find the requested resource", details={})
        if method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(_METHOD, details={})
        return found

    def _plain(self, registry: Registry, path: str, query: str, accept: str) -> Document | None:
        listed = catalogue(registry, self.metrics())
        aggregated = _wants_aggregated(accept)
        if path in {"/api", "/apis"} and aggregated:
            return Document(orjson.dumps(listed.aggregated(core=path == "/api")), AGGREGATED)
        if path.startswith(_HEALTH):
            return _health(path, query)
        if path == "/openapi/v2":
            return _swagger(registry, accept, metrics=self.metrics())
        values: Mapping[str, Callable[[], Any]] = {
            "/": lambda: {"paths": sorted([*listed.paths(), *OPEN, "/openapi/v2", "/openapi/v3", *self.keys])},
            "/version": lambda: version_info(self.version),
            "/api": lambda: listed.api_versions(self.address),
            "/apis": listed.group_list,
        }
        if path in values:
            return Document(orjson.dumps(values[path]()))
        if path == "/openapi/v3":
            return Document(openapi.index(registry, self.metrics()))
        return self.keys.get(path)

    def _matched(self, registry: Registry, path: str) -> Document | None:
        listed = catalogue(registry, self.metrics())
        value: Any = None
        if match := re.fullmatch(r"/apis/([^/]+)", path):
            value = listed.group(match[1])
        elif match := re.fullmatch(r"/(?:api|apis/([^/]+))/([^/]+)", path):
            value = listed.resource_list(match[1] or "", match[2])
        elif match := re.fullmatch(r"/openapi/v3/(?:api|apis/([^/]+))/([^/]+)", path):
            body = openapi.document(registry, self.metrics(), match[1] or "", match[2])
            return None if body is None else Document(body)
        return None if value is None else Document(orjson.dumps(value))


def version_info(git_version: str) -> dict[str, str]:
    """/version"""
    major, minor = git_version.removeprefix("v").split(".")[:2]
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": git_version,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": _GO_VERSION,
        "compiler": "gc",
        "platform": _PLATFORM,
    }


def _swagger(registry: Registry, accept: str, *, metrics: bool) -> Document:
    """OpenAPI v2 in the form that is asked for."""
    if openapi.MEDIA_TYPE in accept:
        return Document(openapi.swagger_wire(registry, metrics), openapi.CONTENT_TYPE)
    if accept and "json" not in accept and "*/*" not in accept:
        text = f"only the following media types are accepted: application/json, {openapi.MEDIA_TYPE}"
        raise NotAcceptable(text, details={})
    return Document(openapi.swagger_json(registry, metrics))


def _health(path: str, query: str) -> Document | None:
    name, _, check = path.removeprefix("/").partition("/")
    if f"/{name}" not in _HEALTH or (check and check not in _CHECKS):
        return None
    if "verbose" in query.split("&") and not check:
        lines = [*(f"[+]{entry} ok" for entry in _CHECKS), f"{name} check passed", ""]
        return Document("\n".join(lines).encode(), _TEXT)
    return Document(b"ok", _TEXT)


def _wants_aggregated(accept: str) -> bool:
    return any(
        "as=APIGroupDiscoveryList" in part and "v=v2;" in f"{part};" for part in accept.replace(" ", "").split(",")
    )
