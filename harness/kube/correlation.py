"""Which Events are written: similar ones become one, and an object that makes too many is cut short.

Follows client-go `tools/record/events_cache.go` (1.34) with its defaults. Of ten different messages for the same object, type and reason within ten minutes the
tenth and all that follow become one Event, whose message begins with `(combined from similar events): `. Of one component about one object 25 Events are
written, then one every five minutes. State is kept in memory, as upstream, for the 4,096 objects of late.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TypeVar

from harness.clock import MINUTE

COMBINED = "(combined from similar events): "
_SIMILAR_MAX = 10
_SIMILAR_WITHIN_US = 10 * MINUTE
_BURST = 25
_REFILL_US = 5 * MINUTE
_REMEMBERED = 4096

Value = TypeVar("Value")


@dataclass
class _Similar:
    last_us: int
    messages: dict[str, None] = field(default_factory=dict)


@dataclass
class _Bucket:
    tokens: float
    last_us: int


@dataclass(frozen=True)
class Written:
    """What to write: Events of the same `identity` are one that counts up."""

    identity: str
    message: str


class Correlator:
    """Decides for each event, in the order in which they happen."""

    def __init__(self) -> None:
        self._similar: OrderedDict[str, _Similar] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def correlate(self, source: str, about: str, message: str, now_us: int) -> Written | None:
        """`source` is component and object, `about` type and reason; None when it is not written at all."""
        group = f"{source}\0{about}"
        record = self._similar.get(group)
        if record is None or now_us - record.last_us > _SIMILAR_WITHIN_US:
            record = _Similar(now_us)
        record.messages[message] = None
        record.last_us = now_us
        _remember(self._similar, group, record)
        if len(record.messages) < _SIMILAR_MAX:
            written = Written(f"{group}\0{message}", message)
        else:
            record.messages.popitem()  # any one: it must not grow
            written = Written(group, COMBINED + message)
        return written if self._take(source, now_us) else None

    def _take(self, source: str, now_us: int) -> bool:
        bucket = self._buckets.get(source) or _Bucket(_BURST, now_us)
        bucket.tokens = min(bucket.tokens + (now_us - bucket.last_us) / _REFILL_US, _BURST)
        bucket.last_us = now_us
        _remember(self._buckets, source, bucket)
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _remember(entries: OrderedDict[str, Value], key: str, value: Value) -> None:
    entries[key] = value
    entries.move_to_end(key)
    if len(entries) > _REMEMBERED:
        entries.popitem(last=False)
