"""Requests to one API server: keep-alive connections, JSON both ways, refusals as `harness.kube.errors`.

A request that found no server is tried again only where it is harmless (connecting, and reading for GET); everything else is the caller's decision,
as nobody here may sleep on the kernel's thread. Safe to use from several threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from harness.kube.errors import Transient
from harness.kube.remote.failures import error_of
from harness.kube.remote.kubeconfig import Access

_CONNECT_LIMIT_S = 10.0
_ANSWER_LIMIT_S = 60.0
_CONNECTIONS_MAX = 40  # a watch holds one for each type


class Unreachable(Transient):
    """No answer: whether the request took effect is unknown."""


class Stream:
    """The lines of a response that does not end by itself; `close` may be called from any thread."""

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self._response = response

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        try:
            for chunk in self._response.stream(1 << 16):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (line for line in lines if line)
        except (HTTPError, OSError) as error:
            raise Unreachable(f"a watch broke off: {error}") from error
        finally:
            self._response.close()

    def close(self) -> None:
        """End it; whoever reads it gets its end or Unreachable."""
        try:
            self._response.shutdown()
        except (ValueError, OSError, RuntimeError):
            self._response.close()  # it had ended already


class Transport:
    """Speaks to the server of `access`, as `agent`."""

    def __init__(self, access: Access, *, agent: str = "harness") -> None:
        self._access = access
        self._agent = agent
        options: dict[str, Any] = {}
        if access.server.startswith("https:"):
            options["ssl_context"] = access.tls()
            if access.insecure:
                options["cert_reqs"], options["assert_hostname"] = "CERT_NONE", False
            if access.server_name:
                options["server_hostname"] = options["assert_hostname"] = access.server_name
        self._pool = urllib3.PoolManager(maxsize=_CONNECTIONS_MAX, block=False, **options)

    def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """The answer's JSON. Raises ApiError: what the server refused, or Unreachable."""
        response = self._send(method, path, query, body, content_type, stream=False)
        answer = _decoded(response.data)
        if response.status >= 400:
            raise error_of(response.status, answer)
        if not isinstance(answer, dict):
            raise Unreachable(
                f"{method} {self._access.server}{path} was answered with no JSON object: is it an API server?"
            )
        return answer

    def text(self, path: str, query: Mapping[str, str] | None = None) -> str:
        """An answer that is no JSON: a log. Raises like `request`."""
        response = self._send("GET", path, query, None, "", stream=False)
        if response.status >= 400:
            raise error_of(response.status, _decoded(response.data))
        return response.data.decode(errors="replace")

    def stream(self, path: str, query: Mapping[str, str], *, silence_s: float) -> Stream:
        """Open a watch; it breaks off when nothing came for `silence_s` seconds. Raises like `request`."""
        response = self._send("GET", path, query, None, "", stream=True, read_s=silence_s)
        if response.status >= 400:
            raise error_of(response.status, _decoded(response.read()))
        return Stream(response)

    def close(self) -> None:
        """Drop the idle connections."""
        self._pool.clear()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: Any,
        content_type: str,
        *,
        stream: bool,
        read_s: float = _ANSWER_LIMIT_S,
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Accept": "application/json", "User-Agent": self._agent}
        if token := self._access.bearer():
            headers["Authorization"] = f"Bearer {token}"
        if body is not None:
            headers["Content-Type"] = content_type
        url = f"{self._access.server}{path}" + (f"?{urlencode(query)}" if query else "")
        retries = urllib3.Retry(
            3, connect=3, read=2 if method == "GET" else 0, redirect=0, status=0, other=0, backoff_factor=0.02
        )
        try:
            return self._pool.request(
                method,
                url,
                body=None if body is None else orjson.dumps(body),
                headers=headers,
                timeout=urllib3.Timeout(connect=_CONNECT_LIMIT_S, read=read_s),
                retries=retries,
                preload_content=not stream,
            )
        except HTTPError as error:
            raise Unreachable(
                f"{method} {self._access.server}{path}: no answer ({error}); is the cluster up?"
            ) from error


def _decoded(data: bytes) -> Any:
    try:
        return orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        return data.decode(errors="replace")
