"""Anonymous FTP (RFC 959, REST and SIZE of RFC 3659): names, sizes, and whole files with resume.

One control connection, opened when first needed and again after a loss. The type is set to binary before SIZE: strict servers refuse SIZE
in the ASCII mode that a listing leaves behind. A retrieval that breaks off continues with REST at the byte that arrived last, and is
complete only when it has exactly the announced number of bytes. One that the server calls complete with another length starts again from
its beginning: where its bytes are missing is unknown.
"""

from __future__ import annotations

import ftplib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, TypeVar
from urllib.parse import unquote, urlsplit

from pipeline.transfer.errors import (
    AccessDenied,
    ConnectionLost,
    NotFound,
    RequestRefused,
    ScratchFailed,
    ServerBusy,
    TransferError,
    UnexpectedAnswer,
    WrongLength,
)
from pipeline.transfer.retry import RetryPolicy

BLOCK_BYTES = 256 * 1024
T = TypeVar("T")


class FtpClient:
    def __init__(self, url: str, policy: RetryPolicy, *, timeout_s: float) -> None:
        parts = urlsplit(url)
        if parts.scheme != "ftp" or not parts.hostname:
            raise RequestRefused(url, "this is no FTP address", "give one like ftp://host or ftp://host:2121/base")
        self._host = parts.hostname
        self._port = parts.port or ftplib.FTP_PORT
        self._root = unquote(parts.path).rstrip("/")
        self._policy = policy
        self._timeout_s = timeout_s
        self._control: ftplib.FTP | None = None

    def place(self, path: str) -> str:
        """The address of a path, for messages and provenance."""
        port = "" if self._port == ftplib.FTP_PORT else f":{self._port}"
        return f"ftp://{self._host}{port}{self._absolute(path)}"

    def list_names(self, directory: str) -> list[str]:
        """The names in a directory, sorted, without their directory."""

        def listing(control: ftplib.FTP) -> list[str]:
            names = (line.rstrip("/").rsplit("/", 1)[-1] for line in control.nlst(self._absolute(directory)))
            return sorted(name for name in names if name not in {"", ".", ".."})

        return self._call(directory, listing)

    def size(self, path: str) -> int:
        """The size of a file in bytes; `NotFound` for a directory too, because SIZE knows files only."""

        def ask(control: ftplib.FTP) -> int:
            control.voidcmd("TYPE I")
            size_bytes = control.size(self._absolute(path))
            if size_bytes is None:
                raise UnexpectedAnswer(self.place(path), "the server gives no size", "use a server that supports SIZE")
            return size_bytes

        return self._call(path, ask)

    def is_directory(self, path: str) -> bool:
        def enter(control: ftplib.FTP) -> bool:
            control.cwd(self._absolute(path))
            return True

        try:
            return self._call(path, enter)
        except NotFound:
            return False

    def fetch(self, path: str, sink: BinaryIO, *, size_bytes: int, start: int = 0) -> None:
        """Write bytes `start` to `size_bytes` of a file into `sink`, from its current position on and never further.

        `size_bytes` is the size of the whole file; what a lost connection had brought already is kept.
        """
        origin = sink.tell()
        arrived = start

        def retrieve(control: ftplib.FTP) -> None:
            nonlocal arrived
            control.voidcmd("TYPE I")
            with control.transfercmd(f"RETR {self._absolute(path)}", rest=arrived or None) as data:
                while arrived <= size_bytes and (block := data.recv(BLOCK_BYTES)):
                    # What goes beyond the end is counted and never written.
                    self._write(path, sink, block[: size_bytes - arrived])
                    arrived += len(block)
            if arrived <= size_bytes:
                control.voidresp()
            if arrived != size_bytes:
                found_bytes, arrived = arrived, start
                sink.seek(origin)
                raise WrongLength(self.place(path), found_bytes, size_bytes)

        self._call(path, retrieve)

    def _write(self, path: str, sink: BinaryIO, block: bytes) -> None:
        left = memoryview(block)
        try:
            while left:
                left = left[sink.write(left) :]
        except OSError as error:
            # Not to be taken for an error of the connection, which is an OSError as well.
            raise ScratchFailed(self.place(path), str(error)) from error

    def close(self) -> None:
        """Hang up without QUIT: the answer to it would be one more thing to wait for."""
        if self._control is not None:
            self._control.close()
            self._control = None

    def _absolute(self, path: str) -> str:
        return f"{self._root}/{path.lstrip('/')}"

    def _call(self, path: str, operation: Callable[[ftplib.FTP], T]) -> T:
        def attempt() -> T:
            with self._connected(path) as control:
                return operation(control)

        return self._policy.call(attempt)

    @contextmanager
    def _connected(self, path: str) -> Iterator[ftplib.FTP]:
        """The control connection; after any failure but a plain refusal it is in an unknown state and is given up."""
        usable = False
        try:
            if self._control is None:
                self._control = self._login()
            yield self._control
            usable = True
        except ftplib.error_perm as error:
            usable = True
            raise self._refusal(path, error) from error
        except ftplib.error_temp as error:
            raise ServerBusy(self.place(path), f"the server answered {_first_line(error)}") from error
        except (ftplib.error_proto, ftplib.error_reply, EOFError, OSError) as error:
            reason = _first_line(error) or "the server hung up"
            raise ConnectionLost(self.place(path), f"{type(error).__name__}: {reason}") from error
        finally:
            if not usable:
                self.close()

    def _login(self) -> ftplib.FTP:
        control = ftplib.FTP(timeout=self._timeout_s)
        try:
            control.connect(self._host, self._port)
            control.login()
        except BaseException:
            control.close()
            raise
        return control

    def _refusal(self, path: str, error: ftplib.error_perm) -> TransferError:
        place, answer = self.place(path), f"the server answered {_first_line(error)}"
        code = str(error)[:3]
        if code in {"530", "532"}:
            return AccessDenied(place, answer)
        if code == "550":
            return NotFound(place, answer)
        return RequestRefused(place, answer, "check that this is the right FTP server and path")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0]
