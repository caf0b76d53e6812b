"""An answer of unknown length, in chunks, that is sent as it comes into being and held back while its client does not read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Stream:
    """One chunked answer. `write` never waits: whoever writes without end looks at `is_full`, or waits with `drain`."""

    def __init__(self, transport: asyncio.WriteTransport, *, body: bool, chunked: bool) -> None:
        self._transport = transport
        self._body = body
        self._chunked = chunked
        self._paused = False
        self._waiters: list[asyncio.Future[None]] = []
        self.on_room: Callable[[], None] | None = None  # called when a client that lagged has read
        self.closed = False

    @property
    def is_full(self) -> bool:
        """Whether more is waiting to be sent than shall wait."""
        return self._paused

    def write(self, data: bytes) -> None:
        """Send a piece. After the client has gone it does nothing."""
        if not data or self.closed or not self._body:
            return
        self._transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)

    async def drain(self) -> None:
        """Wait until the client has read enough. Raises ConnectionError when it has gone."""
        if self._paused and not self.closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        if self.closed:
            raise ConnectionResetError("the client has gone")

    def abort(self) -> None:
        """Cut the connection off, with whatever waits to be sent."""
        self._transport.abort()

    def finish(self) -> None:
        """The answer is whole."""
        if not self.closed and self._body and self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self.closed = True

    def pause(self) -> None:
        """The connection's buffer is full."""
        self._paused = True

    def resume(self) -> None:
        """The connection's buffer has room."""
        self._paused = False
        self._wake()
        if self.on_room is not None:
            self.on_room()

    def lose(self) -> None:
        """The client has gone."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
