"""A real control plane as a plain HTTPS peer: what its kubeconfig says, one request at a time. The oracle of the recorders and of the comparing tests."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from harness.kube.remote import read_kubeconfig

_TIMEOUT_S = 20
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@dataclass(frozen=True)
class Reply:
    """What came back."""

    code: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class RealServer:
    """The API server that a kubeconfig names; client certificates and tokens are understood."""

    def __init__(self, kubeconfig: Path) -> None:
        access = read_kubeconfig(kubeconfig)
        place = urlsplit(access.server)
        self._host, self._port = place.hostname or "", place.port or 443
        self._context = access.tls()
        self._headers = {"Authorization": f"Bearer {token}"} if (token := access.bearer()) else {}

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """One request; `body` is sent as JSON unless it is bytes; header names are written with underscores."""
        sent = dict(self._headers)
        if body is not None and not isinstance(body, bytes):
            body = orjson.dumps(body)
            sent["Content-Type"] = "application/json"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        connection = http.client.HTTPSConnection(self._host, self._port, timeout=_TIMEOUT_S, context=self._context)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Reply(answer.status, answer.read(), dict(answer.headers))
        finally:
            connection.close()

    def get(self, path: str, accept: str = "application/json") -> Any:
        """The JSON at a path; a failure raises ValueError."""
        reply = self.request("GET", path, Accept=accept)
        if reply.code != 200:
            raise ValueError(f"GET {path}: {reply.code} {reply.body[:300]!r}")
        return reply.json
