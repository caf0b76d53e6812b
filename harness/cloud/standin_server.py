"""The stand-in's own process: moto's server on a free loopback port, told to its parent, gone when its parent is.

Run as `python -m harness.cloud.standin_server SERVICE...`. It prints its port and serves until its standard input
ends: the pipe closes when the parent dies in whatever way, so no stand-in outlives a run (a death signal would follow
the thread that started us, which may end long before the process). The services named are imported in the background,
so that the first call to each does not pay for it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from werkzeug.serving import make_server


class _QuietHandler(MotoRequestHandler):
    def log(self, *_args: object) -> None:
        """One line a request would fill the parent's terminal."""


def _die_with_parent() -> None:
    while sys.stdin.buffer.read(65536):
        continue
    os._exit(0)


def _warm(services: list[str]) -> None:
    for service in services:
        importlib.import_module(f"moto.{service}.urls")


def main(services: list[str]) -> None:
    """Serve until standard input ends."""
    threading.Thread(target=_die_with_parent, daemon=True).start()
    server = make_server(
        "127.0.0.1",
        0,
        DomainDispatcherApplication(create_backend_app),
        threaded=True,
        request_handler=_QuietHandler,
    )
    print(server.server_port, flush=True)
    threading.Thread(target=_warm, args=(services,), daemon=True).start()
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
