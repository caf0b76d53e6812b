"""A sink in memory that can fail at a chosen call, and remembers the calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.errors import SinkNotFound
from pipeline.sink.base import StoredObject, conflict, digest


@dataclass
class MemorySink:
    objects: dict[str, bytes] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    before_create: Callable[[int, str], None] | None = None
    after_create: Callable[[int, str], None] | None = None
    url: str = "memory://"

    def list(self, prefix: str) -> Iterator[StoredObject]:
        self.calls.append(("list", prefix))
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield StoredObject(key, len(self.objects[key]))

    def stat(self, key: str) -> StoredObject | None:
        self.calls.append(("stat", key))
        body = self.objects.get(key)
        return None if body is None else StoredObject(key, len(body), digest(body))

    def get(self, key: str) -> bytes:
        self.calls.append(("get", key))
        if key not in self.objects:
            raise SinkNotFound(key)
        return self.objects[key]

    def create(self, key: str, body: bytes) -> str:
        self.calls.append(("create", key))
        count = sum(1 for name, _ in self.calls if name == "create")
        if self.before_create is not None:
            self.before_create(count, key)
        if self.objects.setdefault(key, body) != body:
            raise conflict(self.url, key)
        if self.after_create is not None:
            self.after_create(count, key)
        return digest(body)

    def close(self) -> None:
        """Nothing is held open."""

    def keys(self, name: str) -> Sequence[str]:
        """The keys of the calls of one kind, in order."""
        return [key for call, key in self.calls if call == name]
