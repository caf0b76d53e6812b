"""The server's side of WebSocket (RFC 6455): the handshake's key and whole messages over a pipe. No extensions."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from harness.cluster.api.streaming.pipes import Intake, Pipe

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_FIN, _MASKED = 0x80, 0x80
_SHORT, _LONG = 126, 127
_MESSAGE_BYTES_MAX = 16 * 1024 * 1024
NORMAL, PROTOCOL_ERROR, TOO_LARGE = 1000, 1002, 1009


def accept_key(key: str) -> str:
    """Sec-WebSocket-Accept of a handshake."""
    return base64.b64encode(hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()).decode()


def choose(offered: str, served: Sequence[str]) -> str:
    """The first of the client's protocols that is served; empty when none is."""
    return next((name for name in (part.strip() for part in offered.split(",")) if name in served), "")


class WebSocket:
    """Messages over a pipe. A client that breaks the rules ends the conversation, with the code that says so."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._intake = Intake(pipe)
        self._closed = False

    async def receive(self) -> bytes | None:
        """The next message, pings answered on the way; None at the end."""
        message = bytearray()
        while True:
            head = await self._intake.take(2)
            if head is None:
                return None
            final, code = bool(head[0] & _FIN), head[0] & 0x0F
            payload = await self._payload(head[1])
            if payload is None or code == _CLOSE:
                await self.close()
                return None
            if code == _PING:
                await self._send(_PONG, payload)
            elif code in {_TEXT, _BINARY, _CONTINUATION}:
                message += payload
                if final:
                    return bytes(message)

    async def send(self, data: bytes) -> None:
        """One binary message. Raises ConnectionError."""
        await self._send(_BINARY, data)

    async def close(self, code: int = NORMAL) -> None:
        """Say that the conversation is over."""
        if not self._closed:
            self._closed = True
            await self._frame(_CLOSE, code.to_bytes(2, "big"))

    async def _send(self, code: int, data: bytes) -> None:
        if self._closed:
            raise ConnectionResetError("the conversation is over")
        await self._frame(code, data)

    async def _frame(self, code: int, data: bytes) -> None:
        size = len(data)
        if size < _SHORT:
            head = bytes([_FIN | code, size])
        elif size < 1 << 16:
            head = bytes([_FIN | code, _SHORT]) + size.to_bytes(2, "big")
        else:
            head = bytes([_FIN | code, _LONG]) + size.to_bytes(8, "big")
        await self._pipe.write(head + data)

    async def _payload(self, second: int) -> bytes | None:
        """The unmasked payload of a frame; None when it breaks the rules or the pipe ends."""
        size = second & 0x7F
        if size in {_SHORT, _LONG}:
            more = await self._intake.take(2 if size == _SHORT else 8)
            if more is None:
                return None
            size = int.from_bytes(more, "big")
        if size > _MESSAGE_BYTES_MAX or not second & _MASKED:
            await self.close(TOO_LARGE if second & _MASKED else PROTOCOL_ERROR)
            return None
        mask, data = await self._intake.take(4), await self._intake.take(size)
        if mask is None or data is None:
            return None
        repeated = (mask * (size // 4 + 1))[:size]
        return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")


class Tunnel:
    """A pipe inside a WebSocket: how kubectl carries SPDY since 1.31."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def read(self) -> bytes:
        """The next message; empty at the end."""
        while True:
            data = await self._socket.receive()
            if data is None:
                return b""
            if data:
                return data

    async def write(self, data: bytes) -> None:
        """One message."""
        await self._socket.send(data)
