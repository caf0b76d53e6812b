"""A source whose voxels are a function of their place, that counts its reads and can fail at the n-th one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from pipeline.settings import LOADERS, Settings, parse
from pipeline.sources.base import Description, Level, Region, Voxels

Shape = tuple[int, int, int]


def voxels_of(region: Region, dtype: str, level: int = 0) -> Voxels:
    """Asymmetric in the axes, with structure, and different on every level."""
    z, y, x = np.ogrid[
        region.start[0] : region.stop[0], region.start[1] : region.stop[1], region.start[2] : region.stop[2]
    ]
    values = (z * 7919 + y * 104729 + x * 31 + level * 17 + (x * y) // 8) % 251
    if dtype.startswith("int"):
        values = values - 125
    result: Voxels = values.astype(dtype)
    return result


@dataclass
class SyntheticSource:
    levels: tuple[Level, ...]
    source: str = "epfl"
    source_id: str = "EPFL-Hippocampus"
    reads: list[tuple[int, Region]] = field(default_factory=list)
    before_read: Callable[[int], None] | None = None
    is_closed: bool = False
    lock: Lock = field(default_factory=Lock)

    def describe(self) -> Description:
        return Description(
            source=self.source,
            source_id=self.source_id,
            version={"shapes": [list(level.shape) for level in self.levels], "dtype": self.levels[0].dtype},
            levels=self.levels,
            title="A volume of arithmetic",
            description="Voxels that are a function of their place",
            modality="EM",
            download_url="https://example.org/volume",
            provenance={"made_by": "tests"},
        )

    def read(self, level: int, region: Region) -> Voxels:
        with self.lock:
            self.reads.append((level, region))
            count = len(self.reads)
        if self.before_read is not None:
            self.before_read(count)
        return voxels_of(region, self.levels[level].dtype, level)

    def close(self) -> None:
        self.is_closed = True


def one_level(shape: Shape, dtype: str = "uint8", read_unit: Shape = (1, 1, 1)) -> tuple[Level, ...]:
    return (Level(shape, dtype, (50.0, 8.0, 4.0), (5.0, 0.0, 1.0), read_unit),)


def settings(sink: object, data: object = "unused", *flags: str) -> Settings:
    """Settings for a run into a local directory, with 64^3 shards unless a flag says otherwise."""
    return parse(
        [LOADERS[1], "--sink-url", str(sink), "--data-dir", str(data), "--zarr-chunk-size-mb", "0.3", *flags], {}
    )[1]
