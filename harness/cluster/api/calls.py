"""One request, read: what it is about, and the form in which the answer is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from harness.cluster.api.discovery import subresources
from harness.cluster.api.forms import Form, Whole, parse_form
from harness.cluster.api.http import Request
from harness.cluster.api.routes import Route, verb
from harness.cluster.store import Registry, Served, Store, Stored
from harness.cluster.store.fieldvalidation import MODES, FieldCheck, Mode
from harness.cluster.store.types import Message, message_of
from harness.kube.errors import Invalid, MethodNotAllowed, NotFound

_MANAGER_BYTES_MAX = 128
_OPTIONS: Mapping[str, str] = {"create": "CreateOptions", "update": "UpdateOptions", "patch": "PatchOptions"}
_METHOD = "the server does not allow this method on the requested resource"
_OTHER_CONTENT = frozenset({"log", "exec", "attach", "portforward", "proxy"})  # subresources that answer with no object


@dataclass(frozen=True)
class Call:
    """A request for a resource."""

    request: Request
    served: Served
    route: Route
    verb: str
    query: Mapping[str, str]
    form: Form
    check: FieldCheck

    @property
    def content_type(self) -> str:
        """Of the body."""
        return self.request.header("content-type")

    @property
    def manager(self) -> str:
        """The field manager: the one that the query names, or the client's program. Raises Invalid."""
        named = self.query.get("fieldManager", "")
        if named:
            if len(named.encode()) > _MANAGER_BYTES_MAX:
                raise _invalid_options("fieldManager", "FieldValueTooLong", "Too long: may not be more than 128 bytes")
            return named
        agent = self.request.header("user-agent").partition("/")[0]
        return "".join(filter(str.isprintable, agent)).encode()[:_MANAGER_BYTES_MAX].decode(errors="ignore")

    @property
    def message(self) -> Message | None:
        """The type of the body, when it is a built-in kind."""
        return None if self.served.custom else message_of(self.served.resource)


def existing(store: Store, call: Call) -> Stored:
    """The object that the call names, on any thread. Raises NotFound."""
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


def _invalid_options(field: str, reason: str, message: str, kind: str = "PatchOptions") -> Invalid:
    details = {
        "group": "meta.k8s.io",
        "kind": kind,
        "causes": [{"reason": reason, "message": message, "field": field}],
    }
    return Invalid(f'{kind}.meta.k8s.io "" is invalid: {field}: {message}', details=details)


def _field_check(query: Mapping[str, str], verb: str) -> FieldCheck:
    """How fields are checked; Warn unless the query says otherwise. Raises Invalid for a word that it does not know."""
    wanted = query.get("fieldValidation") or "Warn"
    if wanted not in MODES and verb in _OPTIONS:
        supported = ", ".join(f'"{mode}"' for mode in ("", *MODES))
        text = f'Unsupported value: "{wanted}": supported values: {supported}'
        raise _invalid_options("fieldValidation", "FieldValueNotSupported", text, _OPTIONS[verb])
    return FieldCheck(cast("Mode", wanted))


def unknown_resource() -> NotFound:
    """No such place in the API."""
    return NotFound("the server could not find the requested resource", details={})


def read_call(registry: Registry, request: Request, route: Route) -> Call:
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
    whole = route.subresource in _OTHER_CONTENT
    form = Whole(served) if whole else parse_form(request.header("accept"), served, query, found)
    return Call(request, served, route, found, query, form, _field_check(query, found))
