"""The seam to HTTP: bytes in both directions after an upgrade."""

from __future__ import annotations

from typing import Protocol


class Pipe(Protocol):
    """A connection that speaks something else than HTTP."""

    async def read(self) -> bytes:
        """What has come, after waiting for it; empty at the end."""

    async def write(self, data: bytes) -> None:
        """Send. Raises ConnectionError when the other side has gone."""


class Intake:
    """Reads a pipe in pieces of known size."""

    def __init__(self, pipe: Pipe) -> None:
        self._pipe = pipe
        self._buffer = bytearray()

    async def take(self, size: int) -> bytes | None:
        """The next `size` bytes; None when the other side ends before."""
        while len(self._buffer) < size:
            data = await self._pipe.read()
            if not data:
                return None
            self._buffer += data
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken
