"""Sizes, places and names of the levels and shards of a volume. Everything is (z, y, x); regions are half open.

Level n of a computed pyramid has half the voxels of level n-1 along every axis, rounded up. Its voxel i covers the
voxels [2^n i, 2^n (i+1)) of level 0 that exist, so its scale is 2^n on every axis and its origin, the centre of its
first voxel, lies (2^n - 1) / 2 voxels of level 0 further in (OME-NGFF 0.5 places voxels by their centres).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np

from pipeline.errors import VolumeError
from pipeline.sources.base import Description, Level, Region

Index = tuple[int, int, int]
Shape = tuple[int, int, int]

CHUNK_EDGE: Final = 64
DATA_TYPES: Final = ("uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64")


@dataclass(frozen=True)
class LevelPlan:
    """One level of the data set: an array `s<number>` of cubic shards, those at the far ends cut by the volume."""

    number: int
    shape: Shape
    dtype: str
    voxel_size_nm: tuple[float, float, float]
    translation_nm: tuple[float, float, float]
    shard_edge: int
    read_unit: Shape

    @property
    def name(self) -> str:
        return f"s{self.number}"

    @property
    def item_size_bytes(self) -> int:
        return np.dtype(self.dtype).itemsize

    @property
    def grid(self) -> Shape:
        return ceil_divide(self.shape, (self.shard_edge,) * 3)

    @property
    def shard_bytes_max(self) -> int:
        return prod(min(self.shard_edge, size) for size in self.shape) * self.item_size_bytes

    def region(self, index: Index) -> Region:
        """The voxels of a shard that exist."""
        start = tuple(i * self.shard_edge for i in index)
        stop = tuple(min(a + self.shard_edge, size) for a, size in zip(start, self.shape, strict=True))
        return Region((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))

    def key(self, index: Index) -> str:
        return f"{self.name}/c/{index[0]}/{index[1]}/{index[2]}"

    def indices(self) -> Iterator[Index]:
        return box((0, 0, 0), self.grid)


def box(start: Index, stop: Index) -> Iterator[Index]:
    """The indices from start to stop, x fastest."""
    return itertools.product(range(start[0], stop[0]), range(start[1], stop[1]), range(start[2], stop[2]))


def ceil_divide(shape: Shape, by: Shape) -> Shape:
    """How many boxes cover the shape."""
    return (-(-shape[0] // by[0]), -(-shape[1] // by[1]), -(-shape[2] // by[2]))


def parent(index: Index) -> Index:
    """The shard of the next level that a shard goes into."""
    return (index[0] // 2, index[1] // 2, index[2] // 2)


def children(index: Index, grid: Shape) -> list[Index]:
    """The shards of a level of this grid that go into a shard of the next one."""
    stop = tuple(min(2 * i + 2, count) for i, count in zip(index, grid, strict=True))
    return list(box((2 * index[0], 2 * index[1], 2 * index[2]), (stop[0], stop[1], stop[2])))


def shard_edge(item_size_bytes: int, shard_bytes_max: float) -> int:
    """The largest 64 * 2^k whose cube is within the bound, and 64 when none is."""
    edge = CHUNK_EDGE
    while (2 * edge) ** 3 * item_size_bytes <= shard_bytes_max:
        edge *= 2
    return edge


def plan_levels(description: Description, edge: int) -> tuple[LevelPlan, ...]:
    """The levels of the data set: the source's own scales, or the pyramid over its one scale."""
    offered = description.levels
    for number, level in enumerate(offered):
        _check(description, number, level)
    if len(offered) > 1:
        return tuple(
            LevelPlan(n, level.shape, level.dtype, level.voxel_size_nm, level.translation_nm, edge, level.read_unit)
            for n, level in enumerate(offered)
        )
    return tuple(_pyramid(offered[0], edge))


def _pyramid(base: Level, edge: int) -> Iterator[LevelPlan]:
    """Levels until one fits into a single chunk."""
    shape = base.shape
    for number in itertools.count():
        factor = 2**number
        scale = tuple(size * factor for size in base.voxel_size_nm)
        translation = tuple(
            place + size * (factor - 1) / 2 for place, size in zip(base.translation_nm, base.voxel_size_nm, strict=True)
        )
        yield LevelPlan(
            number,
            shape,
            base.dtype,
            (scale[0], scale[1], scale[2]),
            (translation[0], translation[1], translation[2]),
            edge,
            base.read_unit if number == 0 else (1, 1, 1),
        )
        if max(shape) <= CHUNK_EDGE:
            return
        shape = ceil_divide(shape, (2, 2, 2))


def _check(description: Description, number: int, level: Level) -> None:
    place = f"{description.source} {description.source_id} level {number}"
    if level.dtype not in DATA_TYPES:
        raise VolumeError(f"{place}: data type {level.dtype!r}, wanted one of {', '.join(DATA_TYPES)}")
    if min(level.shape) < 1:
        raise VolumeError(f"{place}: shape {level.shape} holds no voxel")
    if min(level.voxel_size_nm) <= 0:
        raise VolumeError(f"{place}: voxel size {level.voxel_size_nm} nm, wanted sizes above 0")
    if number and any(a > b for a, b in zip(level.shape, description.levels[number - 1].shape, strict=True)):
        raise VolumeError(f"{place}: shape {level.shape} is larger than the level before it, wanted finest first")
