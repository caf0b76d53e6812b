"""HTTP reads: a JSON document, an exact body, a byte range; lengths are enforced, never assumed.

Each call is one request in the calling thread, on a Python socket: a signal handler that raises interrupts the read. A client used by one
thread has one connection. Redirects are followed, everything else that urllib3 would repeat by itself is switched off: `RetryPolicy` decides.

A server may answer a range request with the whole body (200, RFC 9110 section 14.2). Then only what lies before the range is read and
dropped, up to `skip_bytes_max`, and the connection is closed behind the range; a larger skip is refused, because reading the whole file
once for every region is not a transfer but a fault.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self

import urllib3
from urllib3.exceptions import HTTPError

from pipeline.transfer.errors import (
    AccessDenied,
    BrokenData,
    ConnectionLost,
    NotFound,
    RangeRefused,
    RequestRefused,
    ServerBusy,
    SourceChanged,
    TransferError,
    UnexpectedAnswer,
    WrongLength,
)
from pipeline.transfer.retry import RetryPolicy

BLOCK_BYTES = 256 * 1024
DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
SKIP_BYTES_MAX = 64 * 1024 * 1024

_CONTENT_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+|\*)$")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """What a server says of a file before it is read; the validators are empty when it gives none."""

    url: str
    size_bytes: int
    etag: str = ""
    last_modified: str = ""


class HttpClient:
    def __init__(
        self, policy: RetryPolicy, *, timeout_s: float, connections_max: int = 1, skip_bytes_max: int = SKIP_BYTES_MAX
    ) -> None:
        self._policy = policy
        self._skip_bytes_max = skip_bytes_max
        self._pool = urllib3.PoolManager(
            num_pools=1,
            maxsize=connections_max,
            block=True,
            retries=urllib3.Retry(
                total=5, connect=0, read=0, status=0, other=0, redirect=5, respect_retry_after_header=False
            ),
            timeout=urllib3.Timeout(connect=timeout_s, read=timeout_s),
            headers={"Accept-Encoding": "identity", "User-Agent": "em-pipeline"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._pool.clear()

    def get_json(self, url: str) -> dict[str, Any]:
        """The JSON object at `url`."""
        return self._policy.call(lambda: self._get_json(url))

    def head(self, url: str) -> RemoteFile:
        """Size and validators of the file at `url`, without its body."""
        return self._policy.call(lambda: self._head(url))

    def get_exact(self, url: str, size_bytes: int) -> bytearray:
        """The body at `url`, which must have exactly `size_bytes`."""
        return self._policy.call(lambda: self._get_exact(url, size_bytes))

    def get_range(self, file: RemoteFile, start: int, stop: int) -> bytearray:
        """Bytes `start` to `stop` (exclusive) of a file that was looked up by `head`."""
        if not 0 <= start < stop <= file.size_bytes:
            raise ValueError(f"{file.url}: no range {start}-{stop} in a file of {file.size_bytes} bytes")
        return self._policy.call(lambda: self._get_range(file, start, stop))

    def _get_json(self, url: str) -> dict[str, Any]:
        with self._open("GET", url) as response:
            length = _declared_length(response)
            body = _read_up_to(response, DOCUMENT_BYTES_MAX + 1)
        if len(body) > DOCUMENT_BYTES_MAX:
            raise UnexpectedAnswer(url, f"the document has more than {DOCUMENT_BYTES_MAX} bytes", "check the address")
        if length is not None and len(body) != length:
            raise WrongLength(url, len(body), length)
        try:
            document = json.loads(body)
        except ValueError as error:
            raise BrokenData(url, f"the answer is not JSON ({error})") from error
        if not isinstance(document, dict):
            kind = type(document).__name__
            raise UnexpectedAnswer(url, f"the answer is a JSON {kind}, not an object", "check the address")
        return document

    def _head(self, url: str) -> RemoteFile:
        with self._open("HEAD", url) as response:
            length = _declared_length(response)
            headers = response.headers
            response.read()
        if length is None:
            raise UnexpectedAnswer(url, "the server gives no Content-Length", "use a server that tells sizes")
        return RemoteFile(url, length, etag=headers.get("ETag") or "", last_modified=headers.get("Last-Modified") or "")

    def _get_exact(self, url: str, size_bytes: int) -> bytearray:
        with self._open("GET", url) as response:
            length = _declared_length(response)
            if length is not None and length != size_bytes:
                raise WrongLength(url, length, size_bytes)
            body = _read_exact(response, url, size_bytes)
            _expect_end(response, url, size_bytes)
            return body

    def _get_range(self, file: RemoteFile, start: int, stop: int) -> bytearray:
        size_bytes = stop - start
        with self._open("GET", file.url, {"Range": f"bytes={start}-{stop - 1}"}) as response:
            length = _declared_length(response)
            _check_validators(file, response.headers)
            if response.status == 206:
                _check_content_range(file, response.headers, start, stop)
                if length is not None and length != size_bytes:
                    raise WrongLength(file.url, length, size_bytes)
                body = _read_exact(response, file.url, size_bytes)
                _expect_end(response, file.url, size_bytes)
                return body
            if length is not None and length != file.size_bytes:
                raise WrongLength(file.url, length, file.size_bytes)
            if start > self._skip_bytes_max:
                raise RangeRefused(file.url, start, self._skip_bytes_max)
            _skip(response, file.url, start)
            return _read_exact(response, file.url, size_bytes)

    @contextmanager
    def _open(self, method: str, url: str, headers: dict[str, str] | None = None) -> Iterator[urllib3.BaseHTTPResponse]:
        """A successful answer. A body that was read to its end has given its connection back; any other is closed here."""
        try:
            response = self._pool.request(
                method, url, headers={**self._pool.headers, **(headers or {})}, preload_content=False
            )
        except HTTPError as error:
            raise ConnectionLost(url, words(error)) from error
        try:
            if not 200 <= response.status < 300:
                raise refusal(url, response.status, response.headers)
            yield response
        except HTTPError as error:
            raise ConnectionLost(url, words(error)) from error
        finally:
            # Closed first: what stands unread in the socket must not be taken for the next answer.
            response.close()
            response.release_conn()


def refusal(url: str, status: int, headers: Mapping[str, str]) -> TransferError:
    """The typed error of a status that is not a success."""
    if status in {408, 425, 429} or status >= 500:
        return ServerBusy(url, f"the server answered {status}", retry_after_s=retry_after_s(headers))
    if status in {404, 410}:
        return NotFound(url, f"the server answered {status}")
    if status in {401, 403}:
        return AccessDenied(url, f"the server answered {status}")
    return RequestRefused(url, f"the server answered {status}", "check the address and the settings of this source")


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """RFC 9110 section 10.2.3: seconds or a date. A date counts from the server's own Date, so that our clock does not matter."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
        return max(0.0, (until - parsedate_to_datetime(headers.get("Date", ""))).total_seconds())
    except (TypeError, ValueError):
        return None


def words(error: BaseException) -> str:
    """A foreign error as one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _declared_length(response: urllib3.BaseHTTPResponse) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdigit() else None


def _read_up_to(response: urllib3.BaseHTTPResponse, limit_bytes: int) -> bytes:
    blocks: list[bytes] = []
    missing = limit_bytes
    while missing > 0 and (block := response.read(min(BLOCK_BYTES, missing))):
        blocks.append(block)
        missing -= len(block)
    return b"".join(blocks)


def _read_exact(response: urllib3.BaseHTTPResponse, url: str, size_bytes: int) -> bytearray:
    body = bytearray(size_bytes)
    view = memoryview(body)
    have = 0
    while have < size_bytes:
        block = response.read(min(BLOCK_BYTES, size_bytes - have))
        if not block:
            raise WrongLength(url, have, size_bytes)
        view[have : have + len(block)] = block
        have += len(block)
    return body


def _expect_end(response: urllib3.BaseHTTPResponse, url: str, size_bytes: int) -> None:
    """A body without a declared length may be longer than it should be."""
    if response.read(1):
        raise WrongLength(url, size_bytes + 1, size_bytes)


def _skip(response: urllib3.BaseHTTPResponse, url: str, size_bytes: int) -> None:
    skipped = 0
    while skipped < size_bytes:
        block = response.read(min(BLOCK_BYTES, size_bytes - skipped))
        if not block:
            raise WrongLength(url, skipped, size_bytes)
        skipped += len(block)


def _check_validators(file: RemoteFile, headers: Mapping[str, str]) -> None:
    etag = headers.get("ETag", "")
    if file.etag and etag and etag != file.etag:
        raise SourceChanged(file.url, f"its ETag was {file.etag} when it was described and is {etag} now")


def _check_content_range(file: RemoteFile, headers: Mapping[str, str], start: int, stop: int) -> None:
    value = headers.get("Content-Range", "")
    match = _CONTENT_RANGE.match(value)
    if match is None:
        raise UnexpectedAnswer(file.url, f"206 with the Content-Range {value!r}", "use a server that keeps to RFC 9110")
    if match[3] != "*" and int(match[3]) != file.size_bytes:
        raise SourceChanged(file.url, f"it had {file.size_bytes} bytes when it was described and has {match[3]} now")
    if (int(match[1]), int(match[2]) + 1) != (start, stop):
        raise WrongLength(file.url, int(match[2]) + 1 - int(match[1]), stop - start)
