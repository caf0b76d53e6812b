"""The program over a synthetic source, for tests that need a process: `python -m tests.pipeline.program SHAPE [READS] flags`.

SHAPE is z,y,x; at read number READS (0: never) the source says so on a line of its own and blocks in a socket.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import numpy as np

from pipeline.cli import main
from pipeline.settings import Settings
from pipeline.sources.base import Region, Source, Voxels
from tests.pipeline.synthetic import SyntheticSource, one_level


class CheapSource(SyntheticSource):
    """Voxels that cost next to nothing to make and to compress."""

    def read(self, level: int, region: Region) -> Voxels:
        super().read(level, Region((0, 0, 0), (1, 1, 1)))
        row = (np.arange(region.start[2], region.stop[2]) // 16 % 251).astype("uint8")
        return np.broadcast_to(row, region.shape).copy()


def block(count: int, at: int) -> None:
    if count == at:
        print("blocked", flush=True)
        left, right = socket.socketpair()
        with left, right:
            left.recv(1)


def open_source(_service: str, settings: Settings, _scratch: Path) -> Source:
    shape = tuple(int(size) for size in sys.argv[1].split(","))
    at = int(sys.argv[2])
    return CheapSource(
        one_level((shape[0], shape[1], shape[2])),
        source_id=settings.source_id("epfl"),
        before_read=(lambda count: block(count, at)) if at else None,
    )


if __name__ == "__main__":
    code = main(["epfl", *sys.argv[3:]], os.environ, open_source)
    sys.stdout.flush()
    os._exit(code)
