"""The seam to HTTP: bytes in both directions after an upgrade."""

from __future__ import annotations

from typing import Protocol


class Pipe(Protocol):
    """A connection that speaks something else than HTTP."""

    async def read(self) -> bytes:
        """What has come, after waiting for it; empty at the end."""

    async def write(self, data: bytes) -> None:
        """Send. Raises ConnectionError when the other side has gone."""
