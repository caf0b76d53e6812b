"""The HTTP face of the cluster: TLS on a loopback port, a bearer token, its own thread with its own event loop.

A request is authorised here, read (`routes`, `calls`) and served by `verbs`; what is no resource (discovery, health, version, OpenAPI) is a table.
Whatever is raised becomes a Status here and nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import secrets
import threading
from pathlib import Path
from typing import Any

import yaml
from aiohttp import web

from harness.clock import Kernel
from harness.cluster.api.answers import answer_error, answer_value
from harness.cluster.api.bodies import decode
from harness.cluster.api.calls import read_call
from harness.cluster.api.discovery.places import SELF_SUBJECT_ACCESS_REVIEWS
from harness.cluster.api.documents import OPEN, Documents
from harness.cluster.api.logs import LogPath
from harness.cluster.api.routes import Route, parse_route
from harness.cluster.api.tls import Credentials, make_credentials
from harness.cluster.api.verbs import Verbs
from harness.cluster.api.watches import Hub
from harness.cluster.store import Store
from harness.cluster.store.types import message_of
from harness.kube.errors import ApiError, MethodNotAllowed, Unauthorized

_BODY_BYTES_MAX = 3 * 1024 * 1024
_log = logging.getLogger(__name__)


class RequestEntityTooLarge(ApiError):
    """A body beyond the limit."""

    code, reason = 413, "RequestEntityTooLarge"


class ApiServer:
    """Serves one store. `log_path` says where a container's log is; `version` is the cluster's, e.g. `v1.36.0`."""

    def __init__(self, kernel: Kernel, store: Store, *, version: str, log_path: LogPath) -> None:
        self._kernel = kernel
        self._store = store
        self._version = version
        self._log_path = log_path
        self._credentials: Credentials = make_credentials()
        self.token = secrets.token_urlsafe(32)
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._hub = Hub(self._loop)
        self._verbs = Verbs(kernel, store, self._hub, log_path)
        self._runner: web.ServerRunner | None = None
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
        self._kernel.call(lambda: self._store.listen(self._hub.publish))
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
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(body, sort_keys=False))
        return path

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _open(self) -> None:
        server = web.Server(self._handle, request_factory=_request, handler_cancellation=True, access_log=None)
        self._runner = web.ServerRunner(server, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._credentials.server_context())
        await site.start()
        self.port = self._runner.addresses[0][1]
        self._documents = Documents(self._version, f"127.0.0.1:{self.port}")

    async def _shut(self) -> None:
        self._hub.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            self._authorise(request)
            return await self._serve(request)
        except ApiError as error:
            return answer_error(error)
        except web.HTTPRequestEntityTooLarge:
            return answer_error(RequestEntityTooLarge(f"Request entity too large: limit is {_BODY_BYTES_MAX}"))
        except ConnectionError:
            raise
        except Exception:  # noqa: BLE001 - a bug: it is logged, and the client gets a Status
            _log.exception("%s %s failed", request.method, request.path)
            return answer_error(
                ApiError(f"Internal error occurred: {request.method} {request.path} failed, see the log of the harness")
            )

    def _authorise(self, request: web.BaseRequest) -> None:
        if request.path in OPEN:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self.token.encode()):
            raise Unauthorized("Unauthorized")

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        route = parse_route(request.rel_url.raw_path)
        if route is None:
            return self._elsewhere(request)
        if (route.group, route.plural) == (SELF_SUBJECT_ACCESS_REVIEWS.group, SELF_SUBJECT_ACCESS_REVIEWS.plural):
            return await _review(request, route)
        return await self._verbs.serve(read_call(self._store.registry, request, route))

    def _elsewhere(self, request: web.BaseRequest) -> web.Response:
        """The places that are no resources."""
        accept = request.headers.get("Accept", "")
        found = self._documents.find(self._store.registry, request.method, request.path, request.query_string, accept)
        return web.Response(body=found.body, status=found.code, headers={"Content-Type": found.content_type})


def _request(*args: Any) -> web.BaseRequest:
    message, payload, protocol, writer, task = args
    return web.BaseRequest(
        message, payload, protocol, writer, task, asyncio.get_running_loop(), client_max_size=_BODY_BYTES_MAX
    )


async def _review(request: web.BaseRequest, route: Route) -> web.Response:
    """SelfSubjectAccessReview: whoever has the token may do everything."""
    if request.method != "POST" or route.name:
        raise MethodNotAllowed("the server does not allow this method on the requested resource", details={})
    review = decode(
        await request.read(),
        request.headers.get("Content-Type", ""),
        SELF_SUBJECT_ACCESS_REVIEWS.kind,
        message_of(SELF_SUBJECT_ACCESS_REVIEWS),
    )
    body = {
        "kind": SELF_SUBJECT_ACCESS_REVIEWS.kind,
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEWS.api_version,
        "metadata": {},
    }
    return answer_value({**body, "spec": review.get("spec") or {}, "status": {"allowed": True}}, status=201)
