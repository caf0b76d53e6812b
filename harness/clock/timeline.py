"""The timeline: everything that happened in a run, in order, as plain records with virtual times.

A record holds no host path, port, process id, certificate or wall time, so equal seeds give equal bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.clock.instants import format_micro_time


@dataclass(frozen=True)
class Record:
    """One thing that happened: `kind` is CamelCase as an event reason, `subject` is `<kind>/<namespace>/<name>` or `<thing>/<name>`."""

    at_us: int
    kind: str
    subject: str
    details: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> str:
        """One line of events.jsonl."""
        body = {"at": format_micro_time(self.at_us), "kind": self.kind, "subject": self.subject, **self.details}
        return json.dumps(body, sort_keys=True, separators=(",", ":"))


class Timeline:
    """An append-only list of records; only the kernel's thread writes."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._records: list[Record] = []
        self._observers: list[Callable[[Record], None]] = []

    def observe(self, observer: Callable[[Record], None]) -> None:
        """Call `observer` with each record that is written from now on."""
        self._observers.append(observer)

    def record(self, kind: str, subject: str, **details: Any) -> None:
        """Append what happens at the present moment; `details` are JSON values."""
        record = Record(self._now(), kind, subject, details)
        self._records.append(record)
        for observer in self._observers:
            observer(record)

    def __iter__(self) -> Iterator[Record]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)

    def of_kind(self, *kinds: str) -> list[Record]:
        """The records of these kinds, oldest first."""
        return [record for record in tuple(self._records) if record.kind in kinds]

    def as_jsonl(self) -> str:
        """The whole timeline as JSON lines."""
        return "".join(record.as_json() + "\n" for record in tuple(self._records))
