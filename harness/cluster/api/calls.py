"""One request, read: what it is about, and the form in which the answer is wanted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import web

from harness.clock import Kernel
from harness.cluster.api.discovery import subresources
from harness.cluster.api.routes import Route, verb
from harness.cluster.api.tables import Table
from harness.cluster.store import Registry, Served, Store, Stored
from harness.cluster.store.types import Message, message_of
from harness.kube.errors import ApiError, MethodNotAllowed, NotFound

T = TypeVar("T")
_TABLE = re.compile(r"as=Table;v=(v1|v1beta1);g=meta\.k8s\.io|as=Table;g=meta\.k8s\.io;v=(v1|v1beta1)")
_METHOD = "the server does not allow this method on the requested resource"


class NotAcceptable(ApiError):
    """No form of the answer that the client takes is served."""

    code, reason = 406, "NotAcceptable"


@dataclass(frozen=True)
class Call:
    """A request for a resource."""

    request: web.BaseRequest
    served: Served
    route: Route
    verb: str
    query: Mapping[str, str]

    @property
    def content_type(self) -> str:
        """Of the body."""
        return self.request.headers.get("Content-Type", "")

    @property
    def strict(self) -> bool:
        """Whether unknown fields are refused."""
        return self.query.get("fieldValidation") == "Strict"

    @property
    def message(self) -> Message | None:
        """The type of the body, when it is a built-in kind."""
        return None if self.served.custom else message_of(self.served.resource)

    def table(self) -> Table | None:
        """The table to print, when the client prefers one."""
        match = _TABLE.search(self.request.headers.get("Accept", "").partition(",")[0].replace(" ", ""))
        if match is None:
            return None
        version = match.group(1) or match.group(2)
        return Table(self.served, self.query.get("includeObject", "Metadata"), version)


async def on_kernel(kernel: Kernel, function: Callable[[], T]) -> T:
    """Run `function` on the kernel's thread, where the store may be touched."""
    return await asyncio.wrap_future(kernel.submit(function))


def existing(store: Store, call: Call) -> Stored:
    """On the kernel's thread: the object that the call names. Raises NotFound."""
    stored = store.stored(call.served.resource, call.route.namespace, call.route.name)
    if stored is None:
        raise NotFound.of(call.served.resource, call.route.name)
    return stored


def unknown_resource() -> NotFound:
    """No such place in the API."""
    return NotFound("the server could not find the requested resource", details={})


def read_call(registry: Registry, request: web.BaseRequest, route: Route) -> Call:
    """Find what a request is about. Raises NotFound, MethodNotAllowed, NotAcceptable."""
    served = registry.at(route.group, route.version, route.plural)
    if served is None:
        raise unknown_resource()
    resource, query = served.resource, request.query
    if (route.namespace is not None) is not resource.namespaced:
        reads_all = resource.namespaced and not route.name and request.method in {"GET", "HEAD"}
        if not resource.namespaced or route.name:
            raise unknown_resource()
        if not reads_all:
            raise MethodNotAllowed(_METHOD, details={})
    if route.subresource and route.subresource not in subresources(resource):
        raise unknown_resource()
    found = verb(request.method, route, query)
    if not found or (found == "create" and route.name and not route.subresource):
        raise MethodNotAllowed(_METHOD, details={})
    _require_json(request.headers.get("Accept", ""))
    return Call(request, served, route, found, query)


def _require_json(accept: str) -> None:
    if not accept or "json" in accept or "*/*" in accept or "text/plain" in accept or "application/*" in accept:
        return
    raise NotAcceptable("only the following media types are accepted: application/json", details={})
