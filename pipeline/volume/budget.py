"""How much memory a run takes, and the largest plan that fits into the bound: pure arithmetic, done before anything is read.

What grows with the volume is only the number of levels, by one for every eightfold volume. First the shard is made small
enough for one worker, then reads are widened towards the source's own unit, then workers are taken as far as they fit: so
the stored bytes do not depend on the number of workers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Final

import numpy as np

from pipeline.errors import VolumeError
from pipeline.sources.base import Description
from pipeline.volume.geometry import CHUNK_EDGE, LevelPlan, Shape, ceil_divide, plan_levels, shard_edge

# The interpreter, its libraries and their allocators' slack, measured: private memory of a run on a tiny volume.
PROCESS_BYTES: Final = 90_000_000
# While a shard is encoded there are its chunks, its compressed form and the body of the request.
ENCODE_COPIES: Final = 3
# A source's own buffers while it assembles a region.
READ_FACTOR: Final = 1.25


@dataclass(frozen=True)
class Plan:
    """The levels, how many shards one read covers in each source level, and how many workers run."""

    levels: tuple[LevelPlan, ...]
    is_copy: bool
    group_sizes: tuple[Shape, ...]
    workers: int

    @property
    def shard_edge(self) -> int:
        return self.levels[0].shard_edge


def make_plan(
    description: Description,
    *,
    shard_bytes_max: float,
    memory_bytes_max: float,
    workers_max: int,
    claimed_edge: int | None = None,
) -> Plan:
    """The plan for a source. `claimed_edge` is the shard edge that the data set was begun with, if it was."""
    item_size_bytes = max(_item_size_bytes(description), 1)
    edge = claimed_edge or shard_edge(item_size_bytes, shard_bytes_max)
    is_copy = len(description.levels) > 1
    while True:
        levels = plan_levels(description, edge)
        one = (1, 1, 1)
        if working_set_bytes(levels, is_copy, one, 1) <= memory_bytes_max:
            break
        if claimed_edge or edge == CHUNK_EDGE:
            raise VolumeError(_refusal(description, levels, is_copy, memory_bytes_max))
        edge //= 2
    sources = levels if is_copy else levels[:1]
    sizes = tuple(_widest(level, levels, is_copy, memory_bytes_max) for level in sources)
    workers = max(
        n
        for n in range(1, workers_max + 1)
        if n == 1 or all(working_set_bytes(levels, is_copy, size, n) <= memory_bytes_max for size in sizes)
    )
    return Plan(levels, is_copy, sizes, workers)


def working_set_bytes(levels: Sequence[LevelPlan], is_copy: bool, group: Shape, workers: int) -> float:
    """Upper bound of the private memory: open shards of the pyramid, reads and encodings under way, the process."""
    shard = max(level.shard_bytes_max for level in levels)
    group_bytes = prod(group) * shard
    encode = ENCODE_COPIES * shard
    one_worker = READ_FACTOR * group_bytes + (0 if is_copy else group_bytes / 8) + encode
    # With more than one worker the main thread writes the pyramid meanwhile.
    total = PROCESS_BYTES + workers * one_worker + (encode if workers > 1 and not is_copy else 0)
    if not is_copy:
        open_shards = group
        for level in levels[1:]:
            open_shards = ceil_divide(open_shards, (2, 2, 2))
            total += min(prod(open_shards), prod(level.grid)) * level.shard_bytes_max
    return total


def _widest(level: LevelPlan, levels: Sequence[LevelPlan], is_copy: bool, memory_bytes_max: float) -> Shape:
    """The group of shards, widened along x and then y while the source's unit is wider and the memory allows."""
    size = [1, 1, 1]
    for axis in (2, 1):
        while size[axis] * level.shard_edge < min(level.read_unit[axis], level.shape[axis]):
            size[axis] *= 2
            if working_set_bytes(levels, is_copy, (size[0], size[1], size[2]), 1) > memory_bytes_max:
                size[axis] //= 2
                return (size[0], size[1], size[2])
    return (size[0], size[1], size[2])


def _item_size_bytes(description: Description) -> int:
    try:
        return max(np.dtype(level.dtype).itemsize for level in description.levels)
    except TypeError:
        return 1  # refused by plan_levels, with its reason


def _refusal(description: Description, levels: Sequence[LevelPlan], is_copy: bool, memory_bytes_max: float) -> str:
    needed_gb = working_set_bytes(levels, is_copy, (1, 1, 1), 1) / 1e9
    return (
        f"{description.source} {description.source_id}: shards of {levels[0].shard_edge}^3 voxels of {levels[0].dtype} "
        f"need {needed_gb:.2f} GB, MEMORY_LIMIT_GB allows {memory_bytes_max / 1e9:.2f}; raise it"
    )
