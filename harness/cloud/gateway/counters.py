"""How many calls and bytes there were, by service, operation and party: for the bill and for progress. Only the kernel's
thread writes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.cloud.gateway.calls import Answer


@dataclass(frozen=True)
class CallCount:
    """Calls of one operation by one party that were answered."""

    party: str
    service: str
    operation: str
    requests: int
    succeeded: int
    received_bytes: int
    sent_bytes: int


class Counters:
    """Sums of answers."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], list[int]] = {}

    def add(self, answer: Answer) -> None:
        """Count one answered call."""
        call = answer.call
        count = self._counts.setdefault((call.party, call.service, call.operation), [0, 0, 0, 0])
        count[0] += 1
        count[1] += 200 <= answer.status < 400
        count[2] += call.size_bytes
        count[3] += answer.size_bytes

    def all(self) -> list[CallCount]:
        """Every count, by party, service and operation."""
        return [CallCount(*key, *count) for key, count in sorted(self._counts.items())]

    def requests(self, matches: Callable[[CallCount], bool] = lambda _count: True) -> int:
        """How many calls were answered that match."""
        return sum(count.requests for count in self.all() if matches(count))
