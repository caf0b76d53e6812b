"""The HTTP face of the cluster: TLS on a loopback port, a bearer token, its own thread with its own event loop.

A request is authorised here, read (`routes`, `calls`) and served by `verbs`; what is no resource (discovery, health, version, OpenAPI) is a table.
Whatever is raised becomes a Status here and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import sys
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import uvloop

from harness.clock import Kernel
from harness.cluster.api import virtual
from harness.cluster.api.answers import answer_error, answer_value
from harness.cluster.api.auth import (
    ADMIN,
    GUARDED,
    Attributes,
    Authorization,
    Gate,
    Reviews,
    ServiceAccountTokens,
    Signer,
    User,
    policy,
    require_held,
)
from harness.cluster.api.bodies import decode
from harness.cluster.api.bridge import Bridge
from harness.cluster.api.calls import Call, read_call
from harness.cluster.api.documents import OPEN, Document, Documents
from harness.cluster.api.finishing import finished, is_unfinished
from harness.cluster.api.http import HttpServer, Request, Response
from harness.cluster.api.hub import Hub
from harness.cluster.api.logs import LogPath
from harness.cluster.api.routes import Route, parse_route, verb
from harness.cluster.api.streaming import PodStreams
from harness.cluster.api.tls import Credentials, make_credentials
from harness.cluster.api.verbs import Answer, Verbs
from harness.cluster.store import Store
from harness.cluster.store.types import message_of
from harness.kube.errors import ApiError, MethodNotAllowed
from harness.kube.hooks import PodExec, PodPorts
from harness.kube.resources import NAMESPACES, Resource

_BODY_BYTES_MAX = 3 * 1024 * 1024
_SWITCH_S = 0.001  # the longest that the HTTP thread waits for a busy kernel's to let go of the interpreter (5 ms cost half of the pods a second)
_PATIENCE_S = 0.5  # of the wall, for clients to take what was written when the server closes
_log = logging.getLogger(__name__)


class RequestEntityTooLarge(ApiError):
    """A body beyond the limit."""

    code, reason = 413, "RequestEntityTooLarge"


class ApiServer:
    """Serves one store. `log_path` says where a container's log is; `version` is the cluster's, e.g. `v1.36.0`.

    With `authorization="RBAC"` the bootstrap roles exist and everybody but the admin (who is in system:masters) may do what roles and bindings allow;
    by default whoever has a token may do everything. `metrics` gives the metrics-server, None while there is none;
    `ports` finds the processes behind port-forward, `executor` runs what exec may run.
    """

    def __init__(
        self,
        kernel: Kernel,
        store: Store,
        *,
        version: str,
        log_path: LogPath,
        authorization: Authorization = "AlwaysAllow",
        metrics: Callable[[], virtual.ResourceMetrics | None] = lambda: None,
        ports: PodPorts | None = None,
        executor: PodExec | None = None,
    ) -> None:
        self._kernel = kernel
        self._store = store
        self._version = version
        self._log_path = log_path
        self._credentials: Credentials = make_credentials()
        self.token = secrets.token_urlsafe(32)
        self.port = 0
        self._loop = uvloop.new_event_loop()
        self._hub = Hub(self._loop, lambda: kernel.present)
        self._bridge = Bridge(kernel, self._loop)
        pods = PodStreams(store, self._bridge, ports, executor)
        self._verbs = Verbs(kernel, store, self._bridge, self._hub, log_path, pods)
        self._signer = Signer()
        self.tokens = tokens = ServiceAccountTokens(store, self._signer)
        self._gate = Gate(store, tokens, self.token, authorization)
        self._metrics = metrics
        self._virtual = virtual.Virtual(Reviews(self._gate, tokens, lambda: kernel.now), tokens, store.bind, metrics)
        too_large = answer_error(RequestEntityTooLarge(f"Request entity too large: limit is {_BODY_BYTES_MAX}"))
        self._http = HttpServer(
            self._handle, self._credentials.server_context(), body_bytes_max=_BODY_BYTES_MAX, too_large=too_large
        )
        self._thread = threading.Thread(target=self._run, name="kube-api", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def authority_pem(self) -> bytes:
        """The certificate that clients have to trust."""
        return self._credentials.authority_pem

    def start(self) -> ApiServer:
        """Listen; returns when it does."""
        sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_S))
        self._kernel.call(self._prepare)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()
        return self

    def close(self) -> None:
        """End every watch and stop listening. Harmless when called twice."""
        if not self._thread.is_alive():
            return
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def kubeconfig(self, path: Path) -> Path:
        """Write a kubeconfig for this server, readable by its owner only."""
        name = "embedded"
        certificate = base64.b64encode(self.authority_pem).decode()
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": name, "cluster": {"server": self.url, "certificate-authority-data": certificate}}],
            "users": [{"name": name, "user": {"token": self.token}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": "default"}}],
            "current-context": name,
        }
        from harness.cluster.api import yamlout  # not every server is asked for YAML: 10 ms

        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(yamlout.dump(body))
        return path

    def _prepare(self) -> None:
        """On the kernel's thread."""
        self._store.listen(self._hub.publish)
        if self._gate.mode == "RBAC":
            for resource, obj in policy():
                if self._store.get(resource, obj["metadata"].get("namespace"), obj["metadata"]["name"]) is None:
                    self._store.create(resource, obj)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _open(self) -> None:
        self.port = await self._http.open()
        address = f"127.0.0.1:{self.port}"
        keys = {
            "/openid/v1/jwks": Document(orjson.dumps(self._signer.key_set()), "application/jwk-set+json"),
            "/.well-known/openid-configuration": Document(orjson.dumps(self._signer.configuration(address))),
        }
        self._documents = Documents(self._version, address, lambda: self._metrics() is not None, keys)

    async def _shut(self) -> None:
        self._hub.close()
        await self._http.close(patience_s=_PATIENCE_S)

    def _handle(self, request: Request) -> Answer:
        """Answer at once where nothing has to be waited for."""
        try:
            answer = self._serve(request)
        except Exception as error:  # noqa: BLE001 - told apart there
            answer = _refusal(request, error)
        if isinstance(answer, Response):
            return self._finish(request, answer) if is_unfinished(request, answer) else answer
        return self._await(request, answer)

    async def _await(self, request: Request, coming: Coroutine[Any, Any, Response | None]) -> Response | None:
        try:
            answer = await coming
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - told apart there
            answer = _refusal(request, error)
        return answer if answer is None else await self._finish(request, answer)

    async def _finish(self, request: Request, answer: Response) -> Response:
        if is_unfinished(request, answer):
            return await asyncio.get_running_loop().run_in_executor(None, finished, request, answer)
        return answer

    def _serve(self, request: Request) -> Answer:
        route = parse_route(request.raw_path)
        if self._gate.is_plainly_admin(request.headers):
            return self._answer(request, route, ADMIN)
        if route is None and request.path in OPEN and not request.header("authorization"):
            return self._elsewhere(request)
        return self._admitted(request, route)

    async def _admitted(self, request: Request, route: Route | None) -> Response | None:
        """A request of somebody else than the admin, whose tokens, roles and bindings are in the store."""

        def admit() -> User:
            user = self._gate.user(request.headers)
            self._gate.require(attributes_of(user, request, route))
            return user

        answer = self._answer(request, route, await self._bridge(admit))
        return answer if answer is None or isinstance(answer, Response) else await answer

    def _answer(self, request: Request, route: Route | None, user: User) -> Answer:
        if route is None:
            return self._elsewhere(request)
        resource = virtual.place(route)
        if resource is not None:
            return self._virtually(request, route, resource, user)
        call = read_call(self._store.registry, request, route)
        if call.served.resource in GUARDED and self._gate.is_guarded(user):
            return self._guarded(call, user)
        return self._verbs.serve(call)

    async def _virtually(self, request: Request, route: Route, resource: Resource, user: User) -> Response:
        """What is worked out and not stored."""
        if request.method in {"GET", "HEAD"}:
            table = "as=Table" in request.header("accept")
            read = partial(self._virtual.read, resource, route, request.query, table=table)
            return answer_value(await self._bridge(read))
        if request.method != "POST":
            raise MethodNotAllowed("the server does not allow this method on the requested resource", details={})
        body = decode(request.body, request.header("content-type"), resource.kind, message_of(resource))
        create = partial(self._virtual.create, resource, route, user, body)
        return answer_value(await self._bridge(create), status=201)

    async def _guarded(self, call: Call, user: User) -> Response | None:
        """Roles and bindings are written by those who hold what they grant."""
        resource, namespace = call.served.resource, call.route.namespace
        if call.verb in {"create", "update", "patch"}:
            new = await self._verbs.wanted(call)

            def check() -> None:
                old = self._store.get(resource, namespace, str(new["metadata"].get("name") or ""))
                require_held(self._gate.rbac, user, resource, new, old)

            await self._bridge(check)
        answer = self._verbs.serve(call)
        return answer if answer is None or isinstance(answer, Response) else await answer

    def _elsewhere(self, request: Request) -> Response:
        """The places that are no resources."""
        accept = request.header("accept")
        found = self._documents.find(self._store.registry, request.method, request.path, request.query_text, accept)
        return Response(found.body, status=found.code, content_type=found.content_type)


def _refusal(request: Request, error: Exception) -> Response:
    """What is answered instead. An error that is none of the API's is a bug: it is logged, and the client gets a Status."""
    if isinstance(error, ApiError):
        return answer_error(error)
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return answer_error(
        ApiError(f"Internal error occurred: {request.method} {request.path} failed, see the log of the harness")
    )


def attributes_of(user: User, request: Request, route: Route | None) -> Attributes:
    """What a request wants, for the authorizer."""
    if route is None:
        return Attributes(user, request.method.lower(), path=request.path)
    namespace = route.namespace or (route.name if (route.group, route.plural) == ("", NAMESPACES.plural) else "")
    place = (route.group, route.version, route.plural, route.subresource)
    return Attributes(user, verb(request.method, route, request.query), *place, namespace, route.name)
