"""When a log's lines were written, in the cluster's time: marks beside the log file, each saying how long the file was at a moment.

Whoever runs a container marks its log where the clock stands still for it (a process at a door, its end), so a mark is exact: what lies before its
offset and after the mark before it was written in between. The file is `<log>.times`, a line `<bytes> <microseconds>` a mark.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_LINE_BYTES_MAX = 64


@dataclass(frozen=True)
class Marks:
    """The marks of one log, in order."""

    sizes: Sequence[int] = ()
    moments: Sequence[int] = ()

    def written_us(self, end: int) -> int | None:
        """When the line that ends at byte `end` was there; None when no mark says so yet."""
        place = bisect_left(self.sizes, end)
        return self.moments[place] if place < len(self.sizes) else None

    def size_before(self, moment_us: int) -> int:
        """How long the log was, as far as is known, before a moment."""
        return max((size for size, when in zip(self.sizes, self.moments, strict=True) if when < moment_us), default=0)


def place_of(log: Path) -> Path:
    """Where the marks of a log are."""
    return log.with_name(log.name + ".times")


def mark(log: Path, now_us: int) -> None:
    """Note how long a log is now; a log that has not grown since its last mark gets none."""
    size = log.stat().st_size if log.exists() else 0
    if size == 0:
        return
    with place_of(log).open("ab+") as marks:
        if size > _last_size(marks):
            marks.write(b"%d %d\n" % (size, now_us))


def _last_size(marks: BinaryIO) -> int:
    """The size that the last mark says; only the end of the file is read, as a process may be marked a hundred thousand times."""
    end = marks.seek(0, os.SEEK_END)
    marks.seek(max(0, end - _LINE_BYTES_MAX))
    lines = marks.read().split(b"\n")
    return int(lines[-2].split()[0]) if end else 0


def read_marks(log: Path) -> Marks:
    """The marks of a log; none when nobody made any."""
    try:
        text = place_of(log).read_text(encoding="ascii")
    except FileNotFoundError:
        return Marks()
    pairs = [line.split() for line in text.splitlines()]
    return Marks([int(size) for size, _ in pairs], [int(moment) for _, moment in pairs])
