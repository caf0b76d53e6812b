"""What is real here: sockets on loopback, urllib3, botocore and ftplib. What is not: the servers, which answer from a script."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipeline.transfer import RetryPolicy

Answer = Callable[[BaseHTTPRequestHandler], None]


class ScriptedServer:
    """Answers the n-th request with the n-th answer, and the last one from then on."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.requests: list[tuple[str, str, str | None]] = []
        self.connections = 0
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body are two writes: without this the second waits 40 ms for the acknowledgement of the first.
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                script.connections += 1

            def do_GET(self) -> None:
                script.requests.append((self.command, self.path, self.headers.get("Range")))
                script.answers[min(len(script.requests), len(script.answers)) - 1](self)

            do_HEAD = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self._thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()


def answer(status: int, body: bytes = b"", *, length: int | None = None, **headers: str) -> Answer:
    """An answer with this status and body; underscores in header names are hyphens. `length=-1` announces none."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        if length == -1:
            handler.send_header("Connection", "close")
            handler.close_connection = True
        else:
            handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(body)
        if length is not None and length > len(body):
            handler.close_connection = True

    return send


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


def part_of(content: bytes, **headers: str) -> Answer:
    """What a good server answers to a range request, and the whole without one."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        asked = handler.headers.get("Range")
        if asked is None:
            answer(200, content, length=None, **headers)(handler)
            return
        start, last = (int(n) for n in asked.removeprefix("bytes=").split("-"))
        part = f"bytes {start}-{last}/{len(content)}"
        answer(206, content[start : last + 1], length=None, Content_Range=part, **headers)(handler)

    return send


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    running = ScriptedServer()
    yield running
    running.close()


@pytest.fixture
def policy() -> RetryPolicy:
    return RetryPolicy(attempts=3, base_s=0)
