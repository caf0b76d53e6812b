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
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop
import yaml

from harness.clock import Kernel
from harness.cluster.api.answers import answer_error, answer_value
from harness.cluster.api.bodies import decode
from harness.cluster.api.bridge import Bridge
from harness.cluster.api.calls import read_call
from harness.cluster.api.compression import compressed, is_worth_it
from harness.cluster.api.discovery.places import SELF_SUBJECT_ACCESS_REVIEWS
from harness.cluster.api.documents import OPEN, Documents
from harness.cluster.api.http import HttpServer, Request, Response
from harness.cluster.api.hub import Hub
from harness.cluster.api.logs import LogPath
from harness.cluster.api.routes import Route, parse_route
from harness.cluster.api.tls import Credentials, make_credentials
from harness.cluster.api.verbs import Answer, Verbs
from harness.cluster.store import Store
from harness.cluster.store.types import message_of
from harness.kube.errors import ApiError, MethodNotAllowed, Unauthorized

_BODY_BYTES_MAX = 3 * 1024 * 1024
_PATIENCE_S = 1.0  # of the wall, for clients to take what was written when the server closes
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
        self._loop = uvloop.new_event_loop()
        self._hub = Hub(self._loop, lambda: kernel.present)
        self._verbs = Verbs(kernel, store, Bridge(kernel, self._loop), self._hub, log_path)
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
        self.port = await self._http.open()
        self._documents = Documents(self._version, f"127.0.0.1:{self.port}")

    async def _shut(self) -> None:
        self._hub.close()
        await self._http.close(patience_s=_PATIENCE_S)

    def _handle(self, request: Request) -> Answer:
        """Answer at once where nothing has to be waited for."""
        try:
            self._authorise(request)
            answer = self._serve(request)
        except Exception as error:  # noqa: BLE001 - told apart there
            return _refusal(request, error)
        if isinstance(answer, Response):
            return self._finish(request, answer) if is_worth_it(request, answer) else answer
        return self._await(request, answer)

    async def _await(self, request: Request, coming: Coroutine[Any, Any, Response | None]) -> Response | None:
        try:
            answer = await coming
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - told apart there
            return _refusal(request, error)
        return answer if answer is None else await self._finish(request, answer)

    async def _finish(self, request: Request, answer: Response) -> Response:
        """Large answers are compressed on a thread of their own, if the client takes that."""
        if is_worth_it(request, answer):
            return await asyncio.get_running_loop().run_in_executor(None, compressed, answer)
        return answer

    def _authorise(self, request: Request) -> None:
        if request.path in OPEN:
            return
        scheme, _, token = request.header("authorization").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(token.strip().encode(), self.token.encode()):
            raise Unauthorized("Unauthorized")

    def _serve(self, request: Request) -> Answer:
        route = parse_route(request.raw_path)
        if route is None:
            return self._elsewhere(request)
        if (route.group, route.plural) == (SELF_SUBJECT_ACCESS_REVIEWS.group, SELF_SUBJECT_ACCESS_REVIEWS.plural):
            return _review(request, route)
        return self._verbs.serve(read_call(self._store.registry, request, route))

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


def _review(request: Request, route: Route) -> Response:
    """SelfSubjectAccessReview: whoever has the token may do everything."""
    if request.method != "POST" or route.name:
        raise MethodNotAllowed("the server does not allow this method on the requested resource", details={})
    review = decode(
        request.body,
        request.header("content-type"),
        SELF_SUBJECT_ACCESS_REVIEWS.kind,
        message_of(SELF_SUBJECT_ACCESS_REVIEWS),
    )
    body = {
        "kind": SELF_SUBJECT_ACCESS_REVIEWS.kind,
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEWS.api_version,
        "metadata": {},
    }
    return answer_value({**body, "spec": review.get("spec") or {}, "status": {"allowed": True}}, status=201)
