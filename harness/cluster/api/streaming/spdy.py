"""SPDY/3.1 as far as Kubernetes uses it (draft-mbelshe-httpbis-spdy-00): streams that a client opens over a pipe. No priorities, pushes or flow control.

Clients of Kubernetes do not keep SPDY's windows either (moby/spdystream).
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from harness.cluster.api.streaming.pipes import Intake, Pipe

_VERSION = 0x8003
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
_FIN = 0x01
_HEAD_BYTES = 8
_FRAME_BYTES_MAX = 1 << 20
_STREAM_ID = 0x7FFFFFFF
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization cache-control "
    "connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type date etag expect "
    "expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning "
    "www-authenticate method get status"
)
_MORE_WORDS = ("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin")
_TAIL = (
    b"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information204 No Content"
    b"301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    b"503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    b"chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public"
    b"privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = b"".join(len(word).to_bytes(4, "big") + word.encode() for word in (*_WORDS.split(), *_MORE_WORDS)) + _TAIL
"""What both sides prime their compression of headers with (section 2.6.10.1)."""


@dataclass
class SpdyStream:
    """One stream that the client opened."""

    number: int
    headers: Mapping[str, str]
    session: Spdy
    _arrived: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)
    _finished: bool = False

    async def read(self) -> bytes:
        """What has come; empty when the client's side is finished."""
        if self._finished and self._arrived.empty():
            return b""
        data = await self._arrived.get()
        return b"" if data is None else data

    async def write(self, data: bytes, *, final: bool = False) -> None:
        """Send. Raises ConnectionError."""
        await self.session.send_data(self.number, data, final=final)

    def feed(self, data: bytes, *, final: bool) -> None:
        """Bytes have come."""
        if data:
            self._arrived.put_nowait(data)
        if final and not self._finished:
            self._finished = True
            self._arrived.put_nowait(None)


class Spdy:
    """The server's side of one session."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._streams: dict[int, SpdyStream] = {}
        self._intake = Intake(pipe)

    async def streams(self) -> AsyncIterator[SpdyStream]:
        """Each stream as it is opened, until the client goes. What comes for a stream is given to it meanwhile."""
        try:
            while (frame := await self._frame()) is not None:
                head, flags, payload = frame
                if not head & 0x80000000:
                    self._data(head & _STREAM_ID, flags, payload)
                    continue
                kind = head & 0xFFFF
                if kind == _SYN_STREAM:
                    stream = await self._open(flags, payload)
                    yield stream
                elif kind == _PING:
                    await self._control(_PING, payload)
                elif kind == _RST_STREAM:
                    self._data(int.from_bytes(payload[:4], "big") & _STREAM_ID, _FIN, b"")
                elif kind == _GOAWAY:
                    return
        finally:
            for stream in self._streams.values():
                stream.feed(b"", final=True)

    async def send_data(self, number: int, data: bytes, *, final: bool) -> None:
        """A data frame, or several."""
        for start in range(0, max(len(data), 1), _FRAME_BYTES_MAX):
            piece = data[start : start + _FRAME_BYTES_MAX]
            last = final and start + _FRAME_BYTES_MAX >= len(data)
            await self._pipe.write(struct.pack(">II", number, (_FIN if last else 0) << 24 | len(piece)) + piece)

    async def _open(self, flags: int, payload: bytes) -> SpdyStream:
        number = int.from_bytes(payload[:4], "big") & _STREAM_ID
        stream = SpdyStream(number, self._headers(payload[10:]), self)
        self._streams[number] = stream
        if flags & _FIN:
            stream.feed(b"", final=True)
        block = self._deflate.compress((0).to_bytes(4, "big")) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        await self._control(_SYN_REPLY, number.to_bytes(4, "big") + block)
        return stream

    def _data(self, number: int, flags: int, payload: bytes) -> None:
        stream = self._streams.get(number)
        if stream is not None:
            stream.feed(payload, final=bool(flags & _FIN))

    async def _control(self, kind: int, payload: bytes) -> None:
        await self._pipe.write(struct.pack(">HHI", _VERSION, kind, len(payload)) + payload)

    async def _frame(self) -> tuple[int, int, bytes] | None:
        head = await self._intake.take(_HEAD_BYTES)
        if head is None:
            return None
        first, second = struct.unpack(">II", head)
        payload = await self._intake.take(second & 0xFFFFFF)
        return None if payload is None else (first, second >> 24, payload)

    def _headers(self, block: bytes) -> dict[str, str]:
        """A block of headers: names in lower case, the first of several values."""
        plain = self._inflate.decompress(block)
        texts, place = [], 4
        for _ in range(2 * int.from_bytes(plain[:4], "big")):
            size = int.from_bytes(plain[place : place + 4], "big")
            texts.append(plain[place + 4 : place + 4 + size].decode("latin-1"))
            place += 4 + size
        pairs = zip(texts[::2], texts[1::2], strict=True)
        return {name.lower(): value.partition("\0")[0] for name, value in pairs}
