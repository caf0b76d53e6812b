"""One thread with one event loop on which all servers of the cloud run: the gateway, the credential endpoint, the metadata services,
and what a target adds (the admission webhook). All of one thread listen on one address of this machine, by default loopback.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from aiohttp import web

T = TypeVar("T")

BODY_BYTES_MAX = 256 * 2**20


@dataclass(frozen=True)
class Served:
    """A server that listens."""

    url: str
    runner: web.AppRunner

    @property
    def port(self) -> int:
        """The port of `url`."""
        return int(self.url.rpartition(":")[2])


class ServerThread:
    """Runs coroutines and servers beside the kernel's thread; start it before use and close it at the end. Its servers bind `host` and nothing wider."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.host = host
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._main, name="cloud-servers", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` on the loop and return its answer."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def run_soon(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run `coroutine` on the loop some time; nobody waits for it."""
        asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def serve(self, application: web.Application, *, ssl_context: ssl.SSLContext | None = None) -> Served:
        """Listen on a free port of `host`, with TLS if there is a context for it."""
        return self.run(self._serve(application, ssl_context))

    def stop_serving(self, served: Served) -> None:
        """Close a server and its connections."""
        self.run(served.runner.cleanup())

    def close(self) -> None:
        """End the thread with whatever still runs on it; harmless when called twice."""
        if not self._thread.is_alive():
            return
        self.run(self._cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _serve(self, application: web.Application, ssl_context: ssl.SSLContext | None) -> Served:
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, self.host, 0, ssl_context=ssl_context)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            raise OSError(f"no server can listen on {self.host}: {error}; is it an address of this machine?") from error
        host, port = runner.addresses[0][:2]
        return Served(f"{'http' if ssl_context is None else 'https'}://{host}:{port}", runner)

    async def _cancel_all(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
