"""One client's connection: llhttp reads requests, a handler answers them one after the other."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, cast

import httptools

from harness.cluster.api.http.duplex import Duplex
from harness.cluster.api.http.messages import Headers, Request, Response, head_of, lines_of
from harness.cluster.api.http.stream import Stream

Answer = Response | None
Handler = Callable[[Request], Answer | Coroutine[Any, Any, Answer]]
"""Answers a request; see the package for what None means."""
_WAITING_MAX = 16  # requests that a client may send ahead
_HEAD_BYTES_MAX = 1024 * 1024  # Go's http.DefaultMaxHeaderBytes
_WRITE_BYTES_HIGH = 256 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_log = logging.getLogger(__name__)


class Connection(asyncio.Protocol):
    """An Exchange. Belongs to the event loop's thread. `too_large` is what a body beyond `body_bytes_max` is answered with."""

    def __init__(
        self, handler: Handler, connections: dict[Connection, None], body_bytes_max: int, too_large: Response
    ) -> None:
        self._handler = handler
        self._connections = connections
        self._body_bytes_max = body_bytes_max
        self._too_large = too_large
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._reset()
        self._waiting: deque[tuple[Request, bool, bool]] = deque()  # with: keep the connection, send in chunks
        self._task: asyncio.Task[None] | None = None
        self._busy = False
        self._full = False
        self._held = False
        self._chunked = True
        self._closing = False  # after the present answer
        self._flow: Stream | Duplex | None = None

    # What the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It begins."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not inherit from it
        self._transport.set_write_buffer_limits(high=_WRITE_BYTES_HIGH)
        self._connections[self] = None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """The client has gone: whoever works for it is told, or cancelled."""
        self._connections.pop(self, None)
        self._waiting.clear()
        if self._flow is not None:
            self._flow.lose()
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        """The client sends no more. As with Go's server, that ends the connection: an answer that is under way has no reader."""
        return False

    def pause_writing(self) -> None:
        """The client does not read as fast as we write."""
        self._full = True
        if self._flow is not None:
            self._flow.pause()

    def resume_writing(self) -> None:
        """It has read."""
        self._full = False
        if self._flow is not None:
            self._flow.resume()
        elif not self._busy:
            self._next()

    def data_received(self, data: bytes) -> None:
        """Bytes of requests, or of another protocol after an upgrade."""
        if isinstance(self._flow, Duplex):
            self._flow.feed(data)
            return
        if self._closing:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._after_upgrade = data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self._refuse(Response(b"400 Bad Request", status=400, content_type="text/plain; charset=utf-8"))

    # What the parser says

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self._target += url
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header field."""
        self._headers.add(name.decode("latin-1"), value.decode("latin-1"))
        self._count(len(name) + len(value))

    def on_headers_complete(self) -> None:
        """The body is next."""
        length = self._headers.get("content-length", "")
        if length.isdigit() and int(length) > self._body_bytes_max:
            self._refuse(self._too_large)
        elif self._headers.get("expect", "").lower() == "100-continue" and not self._busy:
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._body_bytes += len(body)
        if self._body_bytes > self._body_bytes_max:
            self._refuse(self._too_large)
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        if self._closing:
            return
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        target = self._target.decode("latin-1")
        request = Request(self._parser.get_method().decode("latin-1"), target, self._headers, body, self)
        keep_alive = self._parser.should_keep_alive() and not self._parser.should_upgrade()
        self._reset()
        self._waiting.append((request, keep_alive, self._parser.get_http_version() != "1.0"))
        if len(self._waiting) >= _WAITING_MAX and not self._held:
            self._held = True
            self._transport.pause_reading()
        if not self._busy:
            self._next()

    # Answers

    def stream(self, request: Request, content_type: str, status: int) -> Stream:
        """See `Request.stream`."""
        chunked = self._chunked
        field = "Transfer-Encoding: chunked\r\n" if chunked else "Connection: close\r\n"
        self._transport.write(b"%b%b\r\n" % (head_of(status, content_type), field.encode()))
        self._closing |= not chunked
        flow = Stream(self._transport, body=request.method != "HEAD", chunked=chunked)
        self._take(flow)
        return flow

    def upgrade(self, protocol: str, headers: Mapping[str, str]) -> Duplex:
        """See `Request.upgrade`."""
        lines = lines_of({"Connection": "Upgrade", "Upgrade": protocol, **headers})
        self._transport.write(f"HTTP/1.1 101 Switching Protocols\r\n{lines}\r\n".encode("latin-1"))
        self._closing = True
        flow = Duplex(self._transport)
        if self._after_upgrade:
            flow.feed(self._after_upgrade)
        self._take(flow)
        return flow

    def close(self) -> None:
        """The server closes: what is under way is cancelled; what has been written is still sent."""
        self._closing = True
        if self._task is not None:
            self._task.cancel()
        else:
            self._transport.close()

    def abort(self) -> None:
        """Do not even wait for the client to take what was written."""
        self._transport.abort()

    def _reset(self) -> None:
        self._target = b""
        self._headers = Headers()
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._head_bytes = 0
        self._after_upgrade = b""

    def _count(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > _HEAD_BYTES_MAX:
            phrase = b"431 Request Header Fields Too Large"
            self._refuse(Response(phrase, status=431, content_type="text/plain; charset=utf-8"))

    def _take(self, flow: Stream | Duplex) -> None:
        self._flow = flow
        if self._full:
            flow.pause()

    def _next(self) -> None:
        """Answer what waits, as long as answers come at once and are read."""
        while self._waiting and not self._full and not self._closing:
            request, keep_alive, self._chunked = self._waiting.popleft()
            self._closing = not keep_alive
            answer = self._handler(request)
            if isinstance(answer, Response):
                self._answer(request, answer)
            elif answer is not None:
                self._busy = True
                self._task = asyncio.get_running_loop().create_task(self._finish(request, answer))
                return
        if self._held and len(self._waiting) < _WAITING_MAX:
            self._held = False
            self._transport.resume_reading()

    async def _finish(self, request: Request, coming: Coroutine[Any, Any, Answer]) -> None:
        try:
            answer = await coming
            if isinstance(self._flow, Stream):
                self._flow.finish()
            elif answer is not None and self._flow is None:
                self._answer(request, answer)
        except ConnectionError:
            self._closing = True  # the client went while it was written to
        except asyncio.CancelledError:
            self._closing = True
            if isinstance(self._flow, Stream):
                self._flow.finish()
        except Exception:  # noqa: BLE001 - a bug; half an answer is out already
            self._closing = True
            _log.exception("%s %s failed after its answer had begun", request.method, request.raw_path)
        finally:
            self._task, self._busy, self._flow = None, False, None
            if self._closing:
                self._transport.close()
            else:
                self._next()

    def _answer(self, request: Request, answer: Response) -> None:
        head = answer.head(keep_alive=not self._closing)
        if request.method == "HEAD":
            self._transport.write(head)
        else:
            self._transport.write(head + answer.body)
        if self._closing:
            self._transport.close()

    def _refuse(self, answer: Response) -> None:
        """Answer what cannot be read to its end, and close."""
        if self._closing:
            return
        self._closing = True
        if self._busy:
            self._transport.abort()  # an answer is under way, and what follows it makes no sense
            return
        self._transport.write(answer.head(keep_alive=False) + answer.body)
        self._transport.close()
