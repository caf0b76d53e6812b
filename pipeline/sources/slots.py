"""Whole files in slots of one unnamed temporary file, the least recently used one making room for the next.

The file has no name, so nothing of it survives this process, however it ends.
"""

from __future__ import annotations

import os
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from pipeline.transfer.errors import ScratchFailed
from pipeline.transfer.ranges import Fetch


def scratch_file(directory: Path) -> BinaryIO:
    """A file without a name, and without a buffer, whose rest could not be written either when it is closed on a full disk."""
    try:
        return tempfile.TemporaryFile(dir=directory, buffering=0)
    except OSError as error:
        raise ScratchFailed(str(directory), str(error.strerror)) from error


class Slots:
    def __init__(self, directory: Path, *, slot_bytes: int, bytes_max: int) -> None:
        self._file = scratch_file(directory)
        self._slot_bytes = slot_bytes
        self._count_max = max(1, bytes_max // slot_bytes)
        self._slot_of: OrderedDict[str, int] = OrderedDict()

    def make_room_for(self, count: int) -> None:
        """At least that many files are kept at once."""
        self._count_max = max(self._count_max, count)

    def get(self, name: str, fill: Callable[[BinaryIO], None]) -> Fetch:
        """The bytes of a file; `fill` writes them from the current position of what it is given when they are not here."""
        if name in self._slot_of:
            self._slot_of.move_to_end(name)
        else:
            slot = self._free_slot()
            self._file.seek(slot * self._slot_bytes)
            # The slot belongs to nobody until it is filled: an error in between leaves no half file behind.
            fill(self._file)
            self._slot_of[name] = slot
        origin = self._slot_of[name] * self._slot_bytes
        return lambda start, stop: os.pread(self._file.fileno(), stop - start, origin + start)

    def close(self) -> None:
        self._file.close()

    def _free_slot(self) -> int:
        if len(self._slot_of) >= self._count_max:
            return self._slot_of.popitem(last=False)[1]
        taken = set(self._slot_of.values())
        return next(slot for slot in range(len(taken) + 1) if slot not in taken)
