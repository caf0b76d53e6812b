"""Byte ranges as values: neighbours are fetched together when the gap between them is cheaper than another request."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

# Gives bytes start to stop (exclusive) of something.
Fetch = Callable[[int, int], bytes | bytearray]


class ByteRange(NamedTuple):
    """Half open."""

    start: int
    stop: int

    @property
    def size_bytes(self) -> int:
        return self.stop - self.start


def coalesce(ranges: Iterable[ByteRange], *, gap_bytes_max: int, size_bytes_max: int) -> list[ByteRange]:
    """Disjoint ascending ranges that cover all of `ranges`, each of which lies wholly inside one of them.

    Two ranges are joined when they overlap, or when at most `gap_bytes_max` lie between them and the join has at most
    `size_bytes_max`; a single range may be larger than that.
    """
    joined: list[ByteRange] = []
    for start, stop in sorted(ranges):
        if joined:
            last = joined[-1]
            whole = ByteRange(last.start, max(last.stop, stop))
            is_near = start <= last.stop + gap_bytes_max and whole.size_bytes <= size_bytes_max
            if start < last.stop or is_near:
                joined[-1] = whole
                continue
        joined.append(ByteRange(start, stop))
    return joined
