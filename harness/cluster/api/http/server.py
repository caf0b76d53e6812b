"""The listening side: TLS on a loopback port, and the end of all connections."""

from __future__ import annotations

import asyncio
import ssl

from harness.cluster.api.http.connection import Connection, Handler
from harness.cluster.api.http.messages import Response

_BACKLOG = 512


class HttpServer:
    """Serves `handler` over TLS. All methods belong to the event loop's thread."""

    def __init__(self, handler: Handler, context: ssl.SSLContext, *, body_bytes_max: int, too_large: Response) -> None:
        self._handler = handler
        self._context = context
        self._body_bytes_max = body_bytes_max
        self._too_large = too_large
        self._connections: dict[Connection, None] = {}
        self._server: asyncio.Server | None = None

    async def open(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; the answer is the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._handler, self._connections, self._body_bytes_max, self._too_large),
            host,
            port,
            ssl=self._context,
            backlog=_BACKLOG,
        )
        found: int = self._server.sockets[0].getsockname()[1]
        return found

    async def close(self, patience_s: float) -> None:
        """Listen no more, cancel what is under way, and leave clients `patience_s` of the wall to take what was written for them."""
        if self._server is None:
            return
        self._server.close()
        for connection in tuple(self._connections):
            connection.close()
        loop = asyncio.get_running_loop()
        end = loop.time() + patience_s
        while self._connections and loop.time() < end:
            await asyncio.sleep(0.005)
        for connection in tuple(self._connections):
            connection.abort()
        await asyncio.sleep(0)
