"""The order in which a volume is read: groups of neighbouring shards along a z-order (Morton) curve.

On this curve a shard of the next level is complete as early as possible, so that few of them are open at a time. A group
is a box of shards read by one request to the source: one shard, or more along y and x where the source's own layout makes
a wider read as cheap (a TIFF page is rows). Its edges are powers of two shards, so groups lie on the same curve.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pipeline.volume.geometry import Index, LevelPlan, Shape, box


@dataclass(frozen=True)
class Group:
    """A box of shard indices, half open."""

    start: Index
    stop: Index

    def indices(self) -> list[Index]:
        return list(box(self.start, self.stop))


def groups(grid: Shape, size: Shape) -> Iterator[Group]:
    """The grid cut into groups of `size` shards (powers of two), in z-order."""
    span = max(*grid, *size)
    exponent = (span - 1).bit_length()
    yield from _walk((0, 0, 0), exponent, grid, size)


def _walk(origin: Index, exponent: int, grid: Shape, size: Shape) -> Iterator[Group]:
    if any(place >= count for place, count in zip(origin, grid, strict=True)):
        return
    if exponent == 0:
        stop = tuple(min(a + n, count) for a, n, count in zip(origin, size, grid, strict=True))
        yield Group(origin, (stop[0], stop[1], stop[2]))
        return
    half = 2 ** (exponent - 1)
    # An axis is split only down to the size of a group.
    steps = [(0, half) if half >= n else (0,) for n in size]
    for dz, dy, dx in itertools.product(*steps):
        yield from _walk((origin[0] + dz, origin[1] + dy, origin[2] + dx), exponent - 1, grid, size)


def runs(group: Group, wanted: Collection[Index]) -> list[Group]:
    """The fewest boxes, in order, that cover exactly the wanted shards of a group: all of it, or runs along x."""
    if len(wanted) == len(group.indices()):
        return [group]
    found: list[Group] = []
    for z, y, x in sorted(wanted):
        if found and found[-1].start[:2] == (z, y) and found[-1].stop[2] == x:
            found[-1] = Group(found[-1].start, (z + 1, y + 1, x + 1))
        else:
            found.append(Group((z, y, x), (z + 1, y + 1, x + 1)))
    return found


def sorted_keys(level: LevelPlan) -> Iterator[tuple[str, Index]]:
    """Keys of all shards of a level in byte order, without holding them."""
    zs, ys, xs = (sorted(range(count), key=str) for count in level.grid)
    for index in itertools.product(zs, ys, xs):
        yield level.key(index), index
