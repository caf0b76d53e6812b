"""pods/portforward: connections of a client, each carried to the port of loopback on which the pod's process really listens.

Two dialects. `portforward.k8s.io`: SPDY streams in pairs, error and data, a pair a connection (kubectl, through a WebSocket or over the bare connection).
`v4.channel.k8s.io`: a WebSocket whose messages begin with a channel's number, two channels a port of the query (client libraries).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from harness.cluster.api.streaming.spdy import Spdy, SpdyStream
from harness.cluster.api.streaming.websocket import WebSocket

SPDY_PROTOCOL = "portforward.k8s.io"
TUNNEL_PROTOCOL = "SPDY/3.1+portforward.k8s.io"
CHANNEL_PROTOCOLS = ("v4.channel.k8s.io",)
Find = Callable[[int], Awaitable[tuple[str, int]]]
"""Where the pod's port is. Raises NobodyListens."""
_PIECE_BYTES = 64 * 1024


class NobodyListens(Exception):
    """No process of the pod listens on a port; the text says which."""


async def forward_streams(session: Spdy, find: Find) -> None:
    """Serve one SPDY session until its client goes."""
    errors: dict[str, SpdyStream] = {}
    running: set[asyncio.Task[None]] = set()
    try:
        async for stream in session.streams():
            request = stream.headers.get("requestid", "")
            if stream.headers.get("streamtype") == "error":
                errors[request] = stream
                continue
            error = errors.pop(request, None)
            if error is None:
                await stream.write(b"", final=True)
                continue
            task = asyncio.get_running_loop().create_task(_forward(stream, error, find))
            running.add(task)
            task.add_done_callback(running.discard)
    finally:
        for task in tuple(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _forward(data: SpdyStream, error: SpdyStream, find: Find) -> None:
    """One connection, from its beginning to the end of both directions."""
    port = int(data.headers.get("port", "0"))
    try:
        reader, writer = await _connect(port, find)
    except NobodyListens as reason:
        await error.write(str(reason).encode(), final=True)
        await data.write(b"", final=True)
        return
    try:
        await asyncio.gather(_to_process(data.read, writer), _from_process(reader, data.write))
        await data.write(b"", final=True)
        await error.write(b"", final=True)
    finally:
        writer.close()


async def forward_channels(socket: WebSocket, ports: Sequence[int], find: Find) -> None:
    """Serve one WebSocket with two channels a port: data and error. Each begins with its port's number."""
    writers: dict[int, asyncio.StreamWriter] = {}
    tasks: list[asyncio.Task[None]] = []
    try:
        for place, port in enumerate(ports):
            number = port.to_bytes(2, "little")
            for channel in (2 * place, 2 * place + 1):
                await socket.send(bytes([channel]) + number)
            try:
                reader, writers[2 * place] = await _connect(port, find)
            except NobodyListens as reason:
                await socket.send(bytes([2 * place + 1]) + str(reason).encode())
                continue
            send = _sender(socket, 2 * place)
            tasks.append(asyncio.get_running_loop().create_task(_from_process(reader, send)))
        while (message := await socket.receive()) is not None:
            writer = writers.get(message[0]) if message else None
            if writer is not None and len(message) > 1:
                writer.write(message[1:])
                await writer.drain()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers.values():
            writer.close()


def _sender(socket: WebSocket, channel: int) -> Callable[[bytes], Awaitable[None]]:
    async def send(data: bytes) -> None:
        await socket.send(bytes([channel]) + data)

    return send


async def _connect(port: int, find: Find) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, number = await find(port)
    try:
        return await asyncio.open_connection(host, number)
    except OSError as error:
        raise NobodyListens(f"failed to connect to port {port} of the pod: {error.strerror or error}") from error


async def _to_process(read: Callable[[], Awaitable[bytes]], writer: asyncio.StreamWriter) -> None:
    while data := await read():
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def _from_process(reader: asyncio.StreamReader, write: Callable[[bytes], Awaitable[None]]) -> None:
    while data := await reader.read(_PIECE_BYTES):
        await write(data)
