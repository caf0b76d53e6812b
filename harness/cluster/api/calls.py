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
from harness.kube.errors import ApiError, Invalid, MethodNotAllowed, NotFound

T = TypeVar("T")
_MANAGER_BYTES_MAX = 128
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
    def manager(self) -> str:
        """The field manager: the one that the query names, or the client's program. Raises Invalid."""
        named = self.query.get("fieldManager", "")
        if named:
            if len(named.encode()) > _MANAGER_BYTES_MAX:
                raise _invalid_options("fieldManager", "FieldValueTooLong", "Too long: may not be more than 128 bytes")
            return named
        agent = self.request.headers.get("User-Agent", "").partition("/")[0]
        return "".join(filter(str.isprintable, agent)).encode()[:_MANAGER_BYTES_MAX].decode(errors="ignore")

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


def require_manager(call: Call) -> str:
    """The field manager of an apply, which has to be named. Raises Invalid."""
    if not call.query.get("fieldManager"):
        raise _invalid_options("fieldManager", "FieldValueRequired", "Required value: is required for apply patch")
    return call.manager


def refuse_force(call: Call) -> None:
    """`force` belongs to an apply. Raises Invalid."""
    if "force" in call.query:
        raise _invalid_options("force", "FieldValueForbidden", "Forbidden: may not be specified for non-apply patch")


def _invalid_options(field: str, reason: str, message: str) -> Invalid:
    details = {
        "group": "meta.k8s.io",
        "kind": "PatchOptions",
        "causes": [{"reason": reason, "message": message, "field": field}],
    }
    return Invalid(f'PatchOptions.meta.k8s.io "" is invalid: {field}: {message}', details=details)


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
