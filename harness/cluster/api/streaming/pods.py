"""From a request for pods/exec, attach or portforward to a conversation: which protocol, which pod, and whether it may be.

Exec runs nothing but what a process image declares as its entry point, which the runtime decides (`PodExec`); with no runtime that executes, and for attach,
the refusal says why and what to do instead. Answers before the upgrade are Status objects with upstream's codes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qs

from harness.cluster.api.bridge import Bridge
from harness.cluster.api.calls import Call, existing
from harness.cluster.api.http import Request, Response
from harness.cluster.api.streaming import portforward, remotecommand
from harness.cluster.api.streaming.portforward import NobodyListens
from harness.cluster.api.streaming.spdy import Spdy
from harness.cluster.api.streaming.websocket import Tunnel, WebSocket, accept_key, choose
from harness.cluster.store import Store
from harness.kube.errors import BadRequest, Forbidden
from harness.kube.hooks import ExecProcess, ExecRefused, ExecStart, PodExec, PodPorts
from harness.kube.objects import Object, name_of
from harness.kube.resources import PODS

_NO_ATTACH = "attach is not served by the embedded cluster, whose processes have no terminal: read what they write with `kubectl logs -f`"
_NO_EXEC = (
    "exec is not served here: a modelled container has no process, and on a process of this machine any other command than a declared entry "
    "point would be a shell on the host; look at it with `kubectl logs` and `kubectl describe`"
)


class PodStreams:
    """Serves the streaming subresources of pods. Without `ports` nothing listens; without `executor` every command is refused."""

    def __init__(self, store: Store, bridge: Bridge, ports: PodPorts | None, executor: PodExec | None) -> None:
        self._store = store
        self._bridge = bridge
        self._ports = ports
        self._executor = executor

    async def forward(self, call: Call) -> Response | None:
        """pods/portforward"""
        request, pod = call.request, self._running(call)
        find = self._find(pod)
        if _is_spdy(request):
            pipe = request.upgrade("SPDY/3.1", {"X-Stream-Protocol-Version": portforward.SPDY_PROTOCOL})
            await portforward.forward_streams(Spdy(pipe), find)
            return None
        served = (portforward.TUNNEL_PROTOCOL, *portforward.CHANNEL_PROTOCOLS)
        protocol, headers = _handshake(request, served)
        ports = _ports(request) if protocol != portforward.TUNNEL_PROTOCOL else ()
        socket = WebSocket(request.upgrade("websocket", headers))
        if protocol == portforward.TUNNEL_PROTOCOL:
            await portforward.forward_streams(Spdy(Tunnel(socket)), find)
        else:
            await portforward.forward_channels(socket, ports, find)
        await _farewell(socket)
        return None

    async def exec(self, call: Call) -> Response | None:
        """pods/exec"""
        request, pod = call.request, self._running(call)
        query = parse_qs(request.query_text, keep_blank_values=True)
        argv = tuple(query.get("command", ()))
        if not argv:
            raise BadRequest("you must specify at least one command for the container")
        start = ExecStart(
            pod, _container(pod, call.query), argv, _is_on(call.query, "stdin"), _is_on(call.query, "tty")
        )
        if self._executor is None:
            raise _refused(pod, _NO_EXEC)
        output = remotecommand.Output(asyncio.get_running_loop())
        if _is_spdy(request):
            protocol = choose(request.header("x-stream-protocol-version"), remotecommand.SPDY_PROTOCOLS)
            if not protocol:
                raise BadRequest("unable to upgrade: this server speaks v4.channel.k8s.io over SPDY")
            process = await self._start(self._executor, start, output)
            session = Spdy(request.upgrade("SPDY/3.1", {"X-Stream-Protocol-Version": protocol}))
            channels = remotecommand.StreamChannels(session, _wanted(call.query))
            try:
                await remotecommand.serve(channels, process, output)
            finally:
                channels.stop()
            return None
        _, headers = _handshake(request, remotecommand.PROTOCOLS)
        process = await self._start(self._executor, start, output)
        socket = WebSocket(request.upgrade("websocket", headers))
        await remotecommand.serve(socket, process, output)
        return None

    async def attach(self, call: Call) -> Response | None:
        """pods/attach"""
        raise _refused(self._running(call), _NO_ATTACH)

    async def _start(self, executor: PodExec, start: ExecStart, output: remotecommand.Output) -> ExecProcess:
        try:
            return await self._bridge(lambda: executor.start(start, output.write, output.ended))
        except ExecRefused as error:
            raise _refused(start.pod, str(error)) from error

    def _running(self, call: Call) -> Object:
        pod = existing(self._store, call).obj
        if not (pod.get("spec") or {}).get("nodeName"):
            raise BadRequest(f"pod {name_of(pod)} does not have a host assigned")
        phase = (pod.get("status") or {}).get("phase")
        if phase != "Running":
            raise BadRequest(f"unable to upgrade connection: pod {name_of(pod)} is not running: its phase is {phase}")
        return pod

    def _find(self, pod: Object) -> Callable[[int], Awaitable[tuple[str, int]]]:
        async def find(port: int) -> tuple[str, int]:
            ports = self._ports
            address = None if ports is None else await self._bridge(lambda: ports.address(pod, port))
            if address is None:
                raise NobodyListens(
                    f"no process of pod {name_of(pod)} listens on port {port}: its containers are modelled, or they do not listen there"
                )
            return address

        return find


async def _farewell(socket: WebSocket) -> None:
    try:
        await socket.close()
    except ConnectionError:
        return  # the client has gone, so there is nobody to say it to


def _refused(pod: Object, why: str) -> Forbidden:
    details = {"name": name_of(pod), "kind": PODS.plural}
    return Forbidden(f'pods "{name_of(pod)}" is forbidden: {why}', details=details)


def _is_spdy(request: Request) -> bool:
    return request.header("upgrade").lower() == "spdy/3.1"


def _is_on(query: Mapping[str, str], key: str) -> bool:
    return query.get(key, "") in {"1", "true"}


def _wanted(query: Mapping[str, str]) -> frozenset[int]:
    """The channels that a client of SPDY opens, by what it asks for."""
    named = {
        "stdin": remotecommand.STDIN,
        "stdout": remotecommand.STDOUT,
        "stderr": remotecommand.STDERR,
    }
    asked = {channel for name, channel in named.items() if _is_on(query, name)}
    return frozenset({remotecommand.ERROR, *asked})


def _handshake(request: Request, served: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """The protocol of a WebSocket and the headers of the answer. Raises BadRequest when it is none."""
    if request.header("upgrade").lower() != "websocket":
        raise BadRequest("Upgrade request required")
    protocol = choose(request.header("sec-websocket-protocol"), served)
    if not protocol:
        raise BadRequest(f"no protocol of the request is served: this server speaks {', '.join(served)}")
    key = accept_key(request.header("sec-websocket-key"))
    return protocol, {"Sec-WebSocket-Accept": key, "Sec-WebSocket-Protocol": protocol}


def _ports(request: Request) -> tuple[int, ...]:
    texts = [part for text in parse_qs(request.query_text).get("ports", ()) for part in text.split(",")]
    if not texts:
        raise BadRequest('query parameter "port" is required')
    if not all(text.isdigit() and 0 < int(text) < 1 << 16 for text in texts):
        raise BadRequest(f"invalid port in {texts}: a port is a number from 1 to 65535")
    return tuple(map(int, texts))


def _container(pod: Object, query: Mapping[str, str]) -> str:
    """The container that is meant. Raises BadRequest."""
    names = [str(entry["name"]) for entry in (pod.get("spec") or {}).get("containers") or ()]
    wanted = query.get("container", "")
    if wanted:
        if wanted not in names:
            raise BadRequest(f"container {wanted} is not valid for pod {name_of(pod)}")
        return wanted
    if len(names) > 1:
        raise BadRequest(
            f"a container name must be specified for pod {name_of(pod)}, choose one of: [{' '.join(names)}]"
        )
    return names[0]
