"""Requests and responses as values, and the bytes of a response's head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Protocol
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from harness.cluster.api.http.duplex import Duplex
    from harness.cluster.api.http.stream import Stream

_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_NO_BODY = frozenset({101, 204, 304})


class Headers(dict[str, str]):
    """Header fields by their names in lower case; fields of one name are one, joined by a comma."""

    def add(self, name: str, value: str) -> None:
        """One field as it was received."""
        name = name.lower()
        self[name] = f"{self[name]}, {value}" if name in self else value


class Query(dict[str, str]):
    """Parameters by their names; of several of one name the first counts, as in Go's `url.Values.Get`."""


class Request:
    """A request whose body has arrived."""

    __slots__ = ("_exchange", "_query", "body", "headers", "method", "query_text", "raw_path")

    def __init__(self, method: str, target: str, headers: Headers, body: bytes, exchange: Exchange) -> None:
        self.method = method
        self.raw_path, _, self.query_text = target.partition("?")
        self.headers = headers
        self.body = body
        self._exchange = exchange
        self._query: Query | None = None

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.raw_path) if "%" in self.raw_path else self.raw_path

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the query, decoded."""
        if self._query is None:
            self._query = parse_query(self.query_text)
        return self._query

    def header(self, name: str, default: str = "") -> str:
        """A header field by its name in lower case."""
        return self.headers.get(name, default)

    def stream(self, content_type: str, *, status: int = 200) -> Stream:
        """Begin an answer of unknown length; its head is sent at once."""
        return self._exchange.stream(self, content_type, status)

    def upgrade(self, protocol: str, headers: Mapping[str, str] | None = None) -> Duplex:
        """Answer 101 and take over the connection, whose bytes from then on are `protocol`'s. `headers` are added to the answer's."""
        return self._exchange.upgrade(protocol, headers or {})


class Exchange(Protocol):
    """What a request needs of its connection to be answered in another way than by a Response."""

    def stream(self, request: Request, content_type: str, status: int) -> Stream:
        """See `Request.stream`."""

    def upgrade(self, protocol: str, headers: Mapping[str, str]) -> Duplex:
        """See `Request.upgrade`."""


class Response:
    """A whole answer. `headers` come beside Content-Type and Content-Length."""

    __slots__ = ("body", "content_type", "headers", "status")

    def __init__(
        self,
        body: bytes = b"",
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str | Sequence[str]] | None = None,
    ) -> None:
        self.body = body
        self.status = status
        self.content_type = content_type
        self.headers = headers

    def head(self, *, keep_alive: bool) -> bytes:
        """The bytes that come before the body."""
        more = "" if self.headers is None else lines_of(self.headers)
        if not keep_alive:
            more += "Connection: close\r\n"
        length = b"" if self.status in _NO_BODY else b"Content-Length: %d\r\n" % len(self.body)
        return b"%b%b%b\r\n" % (head_of(self.status, self.content_type), length, more.encode("latin-1"))


@lru_cache(maxsize=256)
def head_of(status: int, content_type: str) -> bytes:
    """The status line and the fields that every answer has."""
    phrase = _PHRASES.get(status, "")
    kind = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"HTTP/1.1 {status} {phrase}\r\nCache-Control: no-cache, private\r\n{kind}".encode("latin-1")


def lines_of(headers: Mapping[str, str | Sequence[str]]) -> str:
    """Header fields as they are sent; one that has several values is sent as often."""
    return "".join(
        f"{name}: {value}\r\n"
        for name, values in headers.items()
        for value in ((values,) if isinstance(values, str) else values)
    )


def parse_query(text: str) -> Query:
    """Read the part of a target after the question mark."""
    query = Query()
    if text:
        for name, value in parse_qsl(text, keep_blank_values=True):
            query.setdefault(name, value)
    return query
