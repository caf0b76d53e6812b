"""The seam to the store that data sets go to: objects that are created once and never change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from pipeline.errors import SinkConflict


@dataclass(frozen=True)
class StoredObject:
    """One object. A listing does not know digests; `stat` does."""

    key: str
    size_bytes: int
    sha256: str | None = None


class Sink(Protocol):
    @property
    def url(self) -> str:
        """Where keys begin, without a slash at the end."""
        ...

    def list(self, prefix: str) -> Iterator[StoredObject]:
        """The objects whose key starts with the prefix, in byte order of their keys."""
        ...

    def stat(self, key: str) -> StoredObject | None:
        """The object with its digest, or None when there is none."""
        ...

    def get(self, key: str) -> bytes:
        """The body; SinkNotFound when there is no such object."""
        ...

    def create(self, key: str, body: bytes) -> str:
        """Store a new object and return its sha256. The same bytes under the same key are fine, whoever wrote them
        (a lost acknowledgement, a second writer); other bytes are a SinkConflict, and the stored ones stay."""
        ...

    def close(self) -> None: ...


def digest(body: bytes) -> str:
    return sha256(body).hexdigest()


def conflict(url: str, key: str) -> SinkConflict:
    return SinkConflict(
        f"{url}/{key}: holds other bytes than this run made; delete the data set it belongs to, or use another sink"
    )
