"""The seam between archives and the volume writer: what a source says about itself, and how a region of it is read.

A source reads and never writes. `describe` is called once, before any `read`, and may use the network; its answer is
a function of what the archive holds and of the settings, never of the time. `read` returns the voxels of exactly the
region asked for, in (z, y, x) order. With MAX_WORKERS=1 all calls come from the main thread, one at a time; with more
workers `read` is called from several threads at once, and the source keeps its connections apart (or locks).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import AccessDenied, NotFound, SourceError, TransientError, UnsupportedFile, WrongLength

__all__ = [
    "JSON",
    "AccessDenied",
    "Description",
    "Level",
    "NotFound",
    "Region",
    "Source",
    "SourceError",
    "Streamed",
    "TransientError",
    "UnsupportedFile",
    "Voxels",
    "WrongLength",
]

JSON = Any
Voxels = NDArray[np.generic]


@dataclass(frozen=True)
class Region:
    """A box of voxels, (z, y, x), half open."""

    start: tuple[int, int, int]
    stop: tuple[int, int, int]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.stop[0] - self.start[0], self.stop[1] - self.start[1], self.stop[2] - self.start[2])


@dataclass(frozen=True)
class Level:
    """One scale as the source offers it. `read_unit` is the box that costs the source about as much as any box
    inside it (a compressed chunk, a strip of whole rows of a TIFF page); reads are grouped towards its multiples
    along y and x as far as memory allows. Reads are not necessarily aligned to it."""

    shape: tuple[int, int, int]
    dtype: str
    voxel_size_nm: tuple[float, float, float]
    translation_nm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    read_unit: tuple[int, int, int] = (1, 1, 1)


@dataclass(frozen=True)
class Description:
    """What a source offers. One level: the pipeline computes the pyramid. Several: every scale is copied as it is.

    `source_id` is `settings.source_id(source)`, letters, digits, `.`, `_` and `-` only (it is part of keys).
    `version` is what tells one version of the source data from another (ids, names, sizes, ETags, crop, shape, dtype);
    plain JSON, never a time. `provenance` is free JSON for the record and the root metadata, as timeless.
    """

    source: str
    source_id: str
    version: Mapping[str, JSON]
    levels: tuple[Level, ...]
    title: str
    description: str
    modality: str
    download_url: str
    provenance: Mapping[str, JSON] = field(default_factory=dict)
    imaging_start_date: date | None = None


class Source(Protocol):
    def describe(self) -> Description: ...

    def read(self, level: int, region: Region) -> Voxels:
        """The voxels of exactly this region of `levels[level]`, of its dtype (native byte order), shape (z, y, x)."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class Streamed(Source, Protocol):
    """A source that can be read from a place of its choice, but only to the end: it has to know the first place that matters."""

    def expect(self, regions: Iterable[tuple[int, Region]]) -> None:
        """Called once, after `describe` and before the first `read`: level and region of everything that may be read."""
        ...
