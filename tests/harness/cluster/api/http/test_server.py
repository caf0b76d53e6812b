"""The HTTP server alone, over TLS sockets whose bytes the tests write themselves: framing, limits, back-pressure, cancellation, upgrades."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
import uvloop

from harness.cluster.api.http import HttpServer, Request, Response
from harness.cluster.api.tls import Credentials, make_credentials

LIMIT = 1000
TIMEOUT_S = 20
T = TypeVar("T")
TOO_LARGE = Response(b"too large", status=413, content_type="text/plain")


@dataclass
class Site:
    """A server with a few places, and what happened there."""

    credentials: Credentials
    loop: asyncio.AbstractEventLoop
    port: int = 0
    cancelled: Future[str] = field(default_factory=Future)
    close: Callable[[], object] = lambda: None
    filled: threading.Event = field(default_factory=threading.Event)

    def handle(self, request: Request) -> Response | Coroutine[Any, Any, Response | None]:
        place: Callable[[Request], Coroutine[Any, Any, Response | None]] | None = getattr(
            self, f"_{request.path.strip('/')}", None
        )
        if place is not None:
            return place(request)
        told = f"{request.method} {request.path} {dict(request.query)} {request.body.decode()}"
        return Response(told.encode(), content_type="text/plain")

    async def _later(self, request: Request) -> Response:
        await asyncio.sleep(0)
        return Response(b"later", content_type="text/plain")

    async def _stream(self, request: Request) -> None:
        stream = request.stream("text/plain")
        stream.write(b"one\n")
        await stream.drain()
        stream.write(b"two\n")

    async def _endless(self, request: Request) -> None:
        stream = request.stream("text/plain")
        stream.write(b"begun\n")
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            self.cancelled.set_result("endless")
            raise

    async def _flood(self, request: Request) -> None:
        stream = request.stream("text/plain")
        while not stream.is_full:
            stream.write(b"x" * 65536)
            await asyncio.sleep(0)
        self.filled.set()
        await stream.drain()
        stream.write(b"END")

    async def _echo(self, request: Request) -> None:
        duplex = request.upgrade("echo", {"X-Mode": "loud"})
        while data := await duplex.read():
            await duplex.write(data.upper())
            if data.endswith(b"!"):
                return


@pytest.fixture(scope="module")
def credentials() -> Credentials:
    return make_credentials()


@pytest.fixture
def site(credentials: Credentials) -> Iterator[Site]:
    loop = uvloop.new_event_loop()
    made = Site(credentials, loop)
    server = HttpServer(made.handle, credentials.server_context(), body_bytes_max=LIMIT, too_large=TOO_LARGE)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(TIMEOUT_S)

    made.port = run(server.open())
    made.close = lambda: run(server.close(0.2))
    yield made
    run(server.close(0.2))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


class Client:
    """One connection."""

    def __init__(self, site: Site, *, buffer_bytes: int | None = None) -> None:
        context = ssl.create_default_context(cadata=site.credentials.authority_pem.decode())
        plain = socket.socket()
        if buffer_bytes is not None:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        plain.settimeout(TIMEOUT_S)
        plain.connect(("127.0.0.1", site.port))
        self.socket = context.wrap_socket(plain, server_hostname="localhost")
        self._unread = b""

    def send(self, text: str) -> None:
        self.socket.sendall(text.replace("\n", "\r\n").encode())

    def until(self, end: bytes) -> bytes:
        """What comes up to and with `end`."""
        while end not in self._unread:
            data = self.socket.recv(65536)
            assert data, f"the connection ended after {self._unread!r}"
            self._unread += data
        found, _, self._unread = self._unread.partition(end)
        return found + end

    def answer(self) -> tuple[int, bytes]:
        """The next answer that has a length: its code and body."""
        head = self.until(b"\r\n\r\n").decode().lower()
        length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
        while len(self._unread) < length:
            self._unread += self.socket.recv(65536)
        body, self._unread = self._unread[:length], self._unread[length:]
        return int(head.split()[1]), body

    def is_over(self) -> bool:
        try:
            return self.socket.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True


@pytest.fixture
def connect(site: Site) -> Iterator[Callable[..., Client]]:
    clients: list[Client] = []

    def made(**options: int) -> Client:
        clients.append(Client(site, **options))
        return clients[-1]

    yield made
    for client in clients:
        client.socket.close()


Connect = Callable[..., Client]


def test_given_one_connection_then_requests_follow_each_other(connect: Connect) -> None:
    client = connect()
    for number in range(3):
        client.send(f"GET /a%20b?n={number}&n=9&e= HTTP/1.1\nHost: x\n\n")
        assert client.answer() == (200, f"GET /a b {{'n': '{number}', 'e': ''}} ".encode())


def test_given_requests_sent_ahead_then_answers_come_in_their_order(connect: Connect) -> None:
    client = connect()
    client.send("GET /later HTTP/1.1\nHost: x\n\n" + "".join(f"GET /{n} HTTP/1.1\nHost: x\n\n" for n in range(40)))
    assert client.answer() == (200, b"later")
    assert [client.answer()[1] for _ in range(40)] == [f"GET /{n} {{}} ".encode() for n in range(40)]


def test_given_a_body_in_chunks_then_it_is_whole(connect: Connect) -> None:
    client = connect()
    client.send("POST /p HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\n\n3\nabc\n2\nde\n0\n\n")
    assert client.answer() == (200, b"POST /p {} abcde")


def test_given_expect_continue_then_the_body_is_asked_for(connect: Connect) -> None:
    client = connect()
    client.send("POST /p HTTP/1.1\nHost: x\nContent-Length: 2\nExpect: 100-continue\n\n")
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send("hi")
    assert client.answer() == (200, b"POST /p {} hi")


def test_given_head_then_there_is_a_length_and_no_body(connect: Connect) -> None:
    client = connect()
    client.send("HEAD /a HTTP/1.1\nHost: x\n\nGET /b HTTP/1.1\nHost: x\n\n")
    assert b"Content-Length: 11\r\n" in client.until(b"\r\n\r\n")
    assert client.answer() == (200, b"GET /b {} ")


@pytest.mark.parametrize(
    "framing", ["Content-Length: 1001\n\n", "Transfer-Encoding: chunked\n\n3E9\n" + "x" * 1001 + "\n0\n\n"]
)
def test_given_a_body_beyond_the_limit_then_it_is_refused_and_the_connection_ends(
    connect: Connect, framing: str
) -> None:
    client = connect()
    client.send(f"POST /p HTTP/1.1\nHost: x\n{framing}")
    assert client.answer() == (413, b"too large")
    assert client.is_over()


def test_given_a_body_at_the_limit_then_it_is_taken(connect: Connect) -> None:
    client = connect()
    client.send("POST /p HTTP/1.1\nHost: x\nContent-Length: 1000\n\n" + "x" * 1000)
    assert client.answer()[0] == 200


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("nonsense\n\n", 400),
        ("GET / HTTP/1.1\nContent-Length: x\n\n", 400),
        ("POST / HTTP/1.1\nContent-Length: 1\nTransfer-Encoding: chunked\n\n", 400),
        ("GET / HTTP/1.1\nX: " + "y" * 1_100_000 + "\n\n", 431),
    ],
)
def test_given_what_is_no_http_then_it_is_refused_and_the_connection_ends(
    connect: Connect, text: str, code: int
) -> None:
    client = connect()
    client.send(text)
    assert client.answer()[0] == code
    assert client.is_over()


@pytest.mark.parametrize("request_line", ["GET / HTTP/1.0\n\n", "GET / HTTP/1.1\nHost: x\nConnection: close\n\n"])
def test_given_a_client_that_wants_one_answer_then_the_connection_ends_after_it(
    connect: Connect, request_line: str
) -> None:
    client = connect()
    client.send(request_line)
    assert client.answer()[0] == 200
    assert client.is_over()


def test_given_a_stream_then_its_pieces_are_chunks_and_the_connection_goes_on(connect: Connect) -> None:
    client = connect()
    client.send("GET /stream HTTP/1.1\nHost: x\n\n")
    assert b"Transfer-Encoding: chunked" in client.until(b"\r\n\r\n")
    assert client.until(b"0\r\n\r\n") == b"4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n"
    client.send("GET /next HTTP/1.1\nHost: x\n\n")
    assert client.answer() == (200, b"GET /next {} ")


def test_given_http_1_0_then_a_stream_ends_with_the_connection(connect: Connect) -> None:
    client = connect()
    client.send("GET /stream HTTP/1.0\n\n")
    assert b"chunked" not in client.until(b"\r\n\r\n")
    assert client.until(b"two\n") == b"one\ntwo\n"
    assert client.is_over()


def test_given_a_client_that_goes_away_then_its_handler_is_cancelled(site: Site, connect: Connect) -> None:
    client = connect()
    client.send("GET /endless HTTP/1.1\nHost: x\n\n")
    client.until(b"begun\n")
    client.socket.close()
    assert site.cancelled.result(TIMEOUT_S) == "endless"


def test_given_a_server_that_closes_then_streams_end_whole(site: Site, connect: Connect) -> None:
    client = connect()
    client.send("GET /endless HTTP/1.1\nHost: x\n\n")
    client.until(b"begun\n\r\n")
    site.close()
    assert client.until(b"0\r\n\r\n") == b"0\r\n\r\n"
    assert client.is_over()
    assert site.cancelled.done()


@pytest.mark.slow
def test_given_a_client_that_does_not_read_then_its_stream_fills_and_others_are_served(
    site: Site, connect: Connect
) -> None:
    slow = connect(buffer_bytes=65536)
    slow.send("GET /flood HTTP/1.1\nHost: x\n\n")
    assert site.filled.wait(TIMEOUT_S)
    other = connect()
    other.send("GET /other HTTP/1.1\nHost: x\n\n")
    assert other.answer() == (200, b"GET /other {} ")
    last = b""
    while not last.endswith(b"3\r\nEND\r\n0\r\n\r\n"):
        data = slow.socket.recv(65536)
        assert data
        last = (last + data)[-64:]


def test_given_an_upgrade_then_the_connection_is_handed_over_with_what_was_sent_ahead(connect: Connect) -> None:
    client = connect()
    client.send("GET /echo HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: echo\n\nearly")
    head = client.until(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\nX-Mode: loud")
    assert client.until(b"EARLY") == b"EARLY"
    client.send("x" * 200_000 + "!")
    assert client.until(b"!") == b"X" * 200_000 + b"!"
    assert client.is_over()


def test_given_an_upgrade_that_nobody_takes_then_the_answer_is_an_ordinary_one(connect: Connect) -> None:
    client = connect()
    client.send("GET /a HTTP/1.1\nHost: x\nConnection: Upgrade\nUpgrade: other\n\n")
    assert client.answer() == (200, b"GET /a {} ")
