"""A connection that no longer speaks HTTP: bytes in both directions."""

from __future__ import annotations

import asyncio
from collections import deque

_UNREAD_BYTES_MAX = 1024 * 1024


class Duplex:
    """What `Request.upgrade` gives. Reading is held back while more than 1 MiB is unread."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._held = False
        self._ended = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def read(self) -> bytes:
        """What has come, after waiting for it; empty at the end."""
        while not self._unread and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        data = b"".join(self._unread)
        self._unread.clear()
        self._unread_bytes = 0
        if self._held:
            self._held = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """Send, and wait while the client lags. Raises ConnectionError when it has gone."""
        if self._ended or self._transport.is_closing():
            raise ConnectionResetError("the client has gone")
        self._transport.write(data)
        await self._room.wait()

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        self._unread.append(data)
        self._unread_bytes += len(data)
        if self._unread_bytes > _UNREAD_BYTES_MAX and not self._held:
            self._held = True
            self._transport.pause_reading()
        self._arrived.set()

    def pause(self) -> None:
        """The connection's buffer is full."""
        self._room.clear()

    def resume(self) -> None:
        """The connection's buffer has room."""
        self._room.set()

    def lose(self) -> None:
        """The client has gone, or has said that nothing more will come."""
        self._ended = True
        self._arrived.set()
        self._room.set()
