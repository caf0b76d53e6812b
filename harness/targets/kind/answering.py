#!/usr/bin/env python3
"""Stands in for a program of the platform whose work this harness does itself: it says that it is well, on each of PORTS, and ends on SIGTERM.

Runs in an image of its own, on the standard library alone; whatever arguments it is given are for the real program.
"""

import http.server
import os
import signal
import sys
import threading


class _Well(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")


def main() -> None:
    """Serve until SIGTERM: process 1 of a container is not ended by a signal that it does not handle."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for port in os.environ.get("PORTS", "").split():
        server = http.server.ThreadingHTTPServer(("", int(port)), _Well)
        threading.Thread(target=server.serve_forever, daemon=True).start()
    while True:
        signal.pause()


if __name__ == "__main__":
    main()
