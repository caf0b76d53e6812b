"""A real API server as something to send requests to."""

from __future__ import annotations

import base64
import contextlib
import http.client
import secrets
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.harness.cluster.api.answers.runner import TIMEOUT_S, Send, await_


def connect(kubeconfig: Path) -> Send:
    """The server of a kubeconfig with a client certificate."""
    connection = _connection(kubeconfig)

    def ask(method: str, path: str, body: Any, content_type: str) -> tuple[int, bytes]:
        sent = None if body is None else orjson.dumps(body)
        connection.request(method, path, sent, {"Content-Type": content_type, "Accept": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()

    def send(method: str, path: str, body: Any, content_type: str) -> tuple[int, Any]:
        limit = time.monotonic() + TIMEOUT_S
        status, data = ask(method, path, body, content_type)
        while not data.startswith(b"{") and time.monotonic() < limit:  # a new definition is not served at once
            time.sleep(0.1)
            status, data = ask(method, path, body, content_type)
        return status, orjson.loads(data)

    return send


def telling(kubeconfig: Path) -> Callable[[str, str, str, str], tuple[int, list[str], Any]]:
    """The same server, asked with texts; it answers with its warnings, too."""
    connection = _connection(kubeconfig)

    def tell(method: str, path: str, body: str, content_type: str) -> tuple[int, list[str], Any]:
        connection.request(method, path, body, {"Content-Type": content_type, "Accept": "application/json"})
        response = connection.getresponse()
        return response.status, response.headers.get_all("Warning") or [], orjson.loads(response.read())

    return tell


def _connection(kubeconfig: Path) -> http.client.HTTPSConnection:
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
    private = kubeconfig.with_suffix(f".{secrets.token_hex(4)}")
    private.touch(mode=0o600)
    private.write_bytes(b"".join(base64.b64decode(user[f"client-{part}-data"]) for part in ("key", "certificate")))
    context.load_cert_chain(private)
    private.unlink()
    host = cluster["server"].removeprefix("https://")
    return http.client.HTTPSConnection(host, timeout=TIMEOUT_S, context=context)


@contextlib.contextmanager
def namespace(send: Send) -> Iterator[str]:
    """A new namespace with its service account."""
    name = f"diff-{secrets.token_hex(4)}"
    assert send("POST", "/api/v1/namespaces", {"metadata": {"name": name}}, "application/json")[0] == 201
    account = f"/api/v1/namespaces/{name}/serviceaccounts/default"
    await_(lambda: send("GET", account, None, "application/json")[0] == 200)
    yield name
    send("DELETE", f"/api/v1/namespaces/{name}", None, "application/json")
