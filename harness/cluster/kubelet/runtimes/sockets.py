"""Probes of a real process: an HTTP request or a connection to a port of this machine's loopback, in wall time.

While one is under way it is a party that computes, so time stands still. Follows kubernetes 1.34 `pkg/probe/http` and `pkg/probe/tcp`: a status from 200 to 399
is healthy; redirects are not followed. gRPC and exec probes are not run: they are answered with the reason.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from typing import Any

from harness.clock import Kernel
from harness.kube.hooks import ContainerStart, ProbeAnswer

_LOOPBACK = "127.0.0.1"


class SocketProbes:
    """Runs the probes of one runtime's processes."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._number = 0

    def probe(self, start: ContainerStart, probe: Mapping[str, Any], answered: Callable[[ProbeAnswer], None]) -> None:
        """Ask; the answer comes on the kernel's thread."""
        ask = _asker(start, probe)
        if isinstance(ask, str):
            answered(ProbeAnswer(healthy=False, message=ask))
            return
        self._number += 1
        party = f"{start.party}/probe-{self._number}"
        self._kernel.parties.enter(party, lambda: f"a probe of {start.container} is under way")

        def run() -> None:
            answer = ask()
            self._kernel.parties.leave(party, lambda: answered(answer))

        threading.Thread(target=run, name="probe", daemon=True).start()


def _asker(start: ContainerStart, probe: Mapping[str, Any]) -> Callable[[], ProbeAnswer] | str:
    """What asks, or why nothing can."""
    timeout_s = int(probe.get("timeoutSeconds") or 1)
    for field, ask in (("httpGet", _get), ("tcpSocket", _connect)):
        if field in probe:
            handler = probe[field]
            port = _port(start, handler["port"])
            if port is None:
                return f"port {handler['port']} not found"
            return lambda: ask(handler, port, timeout_s)
    kind = next((field for field in ("exec", "grpc") if field in probe), "unknown")
    return f"{kind} probes of a real process are not run here: use httpGet or tcpSocket"


def _port(start: ContainerStart, port: Any) -> int | None:
    if isinstance(port, int) or str(port).isdigit():
        return int(port)
    spec = next(entry for entry in start.pod["spec"]["containers"] if entry["name"] == start.container)
    named = (entry for entry in spec.get("ports") or () if entry.get("name") == port)
    return next((int(entry["containerPort"]) for entry in named), None)


def _get(handler: Mapping[str, Any], port: int, timeout_s: int) -> ProbeAnswer:
    headers = {str(entry["name"]): str(entry["value"]) for entry in handler.get("httpHeaders") or ()}
    path = "/" + str(handler.get("path") or "/").lstrip("/")
    scheme = str(handler.get("scheme") or "HTTP")
    if scheme == "HTTPS":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = (
            False,
            ssl.CERT_NONE,
        )  # as the kubelet: certificates are not verified
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            _LOOPBACK, port, timeout=timeout_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(_LOOPBACK, port, timeout=timeout_s)
    url = f"{scheme.lower()}://{_LOOPBACK}:{port}{path}"
    try:
        connection.request("GET", path, headers={"User-Agent": "kube-probe/1.34", **headers})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return ProbeAnswer(healthy=False, message=f'Get "{url}": {error}')
    finally:
        connection.close()
    if 200 <= status < 400:
        return ProbeAnswer(healthy=True, until_us=0)
    return ProbeAnswer(healthy=False, message=f"HTTP probe failed with statuscode: {status}")


def _connect(_handler: Mapping[str, Any], port: int, timeout_s: int) -> ProbeAnswer:
    try:
        socket.create_connection((_LOOPBACK, port), timeout=timeout_s).close()
    except OSError as error:
        return ProbeAnswer(healthy=False, message=f"dial tcp {_LOOPBACK}:{port}: {error}")
    return ProbeAnswer(healthy=True, until_us=0)
