"""Source region -> shards -> store, the pyramid on the way, the commit at the end.

The level-0 shards are visited group by group on the z-order curve. A shard that is stored is never read from the source
again; only where a shard of the next level is missing are its stored children read back from the sink. Every shard that is
done puts its half-size mean into the open buffer of its parent; a parent is stored when its last child is done, and
so on upwards, so at most a few buffers a level are open whatever the size of the volume. Scales that the source has are copied the
same way, without parents.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline import __version__
from pipeline.errors import SourceError
from pipeline.lanes import Lanes
from pipeline.settings import Settings
from pipeline.sink.base import Sink
from pipeline.sources.base import Description, Region, Source, Streamed, Voxels
from pipeline.volume import metadata, shard
from pipeline.volume.budget import Plan, make_plan
from pipeline.volume.dataset import Dataset, statistics
from pipeline.volume.geometry import CHUNK_EDGE, Index, LevelPlan, children, parent
from pipeline.volume.mean import halve
from pipeline.volume.order import Group, groups, runs

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """A data set that is there: where, the digest of its root, what the root says, and whether this run made it."""

    url: str
    prefix: str
    root_sha256: str
    facts: dict[str, Any]
    is_new: bool


@dataclass
class _Open:
    """A parent shard some of whose children are done. Without voxels when it is stored already."""

    missing: int
    voxels: Voxels | None


@dataclass(frozen=True)
class _Done:
    """A shard that is stored; its half-size mean when its parent still has to be made."""

    index: Index
    half: Voxels | None = field(repr=False)


def ingest(
    source: Source,
    description: Description,
    sink: Sink,
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
) -> Outcome:
    """Make the data set whole, or find that it is. `progress` hears shards done and shards in all."""
    dataset = Dataset(sink, description)
    committed = dataset.root()
    if committed is not None:
        log.info("already ingested", extra={"url": dataset.url})
        return Outcome(dataset.url, dataset.prefix, dataset.root_digest(), committed, is_new=False)
    plan = _claimed_plan(dataset, description, settings)
    dataset.plan_levels(plan.levels)
    done, total = dataset.count()
    log.info(
        "ingesting",
        extra={
            "url": dataset.url,
            "shards_done": done,
            "shards_total": total,
            "shard_edge": plan.shard_edge,
            "group_sizes": plan.group_sizes,
            "workers": plan.workers,
        },
    )
    run = _Run(source, dataset, plan, progress)
    read_levels = plan.levels if plan.is_copy else plan.levels[:1]
    if isinstance(source, Streamed):
        source.expect(_missing(dataset, read_levels))
    for level in read_levels:
        run.level(level)
    return _commit(dataset, description, plan)


def _claimed_plan(dataset: Dataset, description: Description, settings: Settings) -> Plan:
    def plan(claimed_edge: int | None) -> Plan:
        return make_plan(
            description,
            shard_bytes_max=settings.zarr_chunk_size_mb * 1e6,
            memory_bytes_max=settings.memory_limit_gb * 1e9,
            workers_max=settings.max_workers,
            claimed_edge=claimed_edge,
        )

    claimed = dataset.claimed_edge()
    made = plan(claimed)
    if claimed is None:
        claimed = dataset.claim(made.shard_edge)
    return made if claimed == made.shard_edge else plan(claimed)


def _missing(dataset: Dataset, levels: Sequence[LevelPlan]) -> Iterator[tuple[int, Region]]:
    """What has to be read from the source."""
    for level in levels:
        for index in level.indices():
            if not dataset.has(level, index):
                yield level.number, level.region(index)


class _Run:
    def __init__(
        self, source: Source, dataset: Dataset, plan: Plan, progress: Callable[[int, int], None] | None
    ) -> None:
        self._source = source
        self._dataset = dataset
        self._plan = plan
        self._progress = progress
        self._lanes = Lanes(plan.workers)
        self._open: dict[tuple[int, Index], _Open] = {}
        self._visited, self._total = 0, dataset.count()[1]

    def level(self, level: LevelPlan) -> None:
        """All shards of a level that the source has, and the pyramid over it."""
        size = self._plan.group_sizes[level.number]
        tasks = (_Task(self, level, group) for group in groups(level.grid, size))
        for results in self._lanes.in_order(tasks):
            for result in results:
                self._arrive(level, result)

    def read_group(self, level: LevelPlan, group: Group) -> list[_Done]:
        """Store the shards of a group that are missing; in a lane."""
        missing = [index for index in group.indices() if not self._dataset.has(level, index)]
        results: list[_Done] = []
        for box in runs(group, missing):
            results += self._read_box(level, box)
        results += [_Done(i, self._stored_half(level, i)) for i in group.indices() if i not in set(missing)]
        return sorted(results, key=lambda result: result.index)

    def _read_box(self, level: LevelPlan, box: Group) -> Iterator[_Done]:
        last = tuple(stop - 1 for stop in box.stop)
        region = Region(level.region(box.start).start, level.region((last[0], last[1], last[2])).stop)
        with self._lanes.outside():
            voxels = self._source.read(level.number, region)
        if voxels.shape != region.shape or voxels.dtype != np.dtype(level.dtype):
            raise SourceError(
                f"{level.name} {region.start}-{region.stop}: the source gave {voxels.shape} {voxels.dtype}, "
                f"wanted {region.shape} {level.dtype}"
            )
        for index in box.indices():
            part = level.region(index)
            inside = tuple(
                slice(a - origin, b - origin) for a, b, origin in zip(part.start, part.stop, region.start, strict=True)
            )
            piece = voxels[inside]
            self._store(level, index, piece)
            yield _Done(index, halve(piece) if self._is_wanted(level, index) else None)

    def _stored_half(self, level: LevelPlan, index: Index) -> Voxels | None:
        if not self._is_wanted(level, index):
            return None
        with self._lanes.outside():
            return halve(self._dataset.get(level, index, self._plan.workers))

    def _store(self, level: LevelPlan, index: Index, voxels: Voxels) -> None:
        body = shard.encode(voxels, level.shard_edge, self._plan.workers)
        with self._lanes.outside():
            self._dataset.put(level, index, body)

    def _is_wanted(self, level: LevelPlan, index: Index) -> bool:
        """Whether the next level has a shard, still to be made, that this one goes into."""
        above = self._above(level)
        return above is not None and not self._dataset.has(above, parent(index))

    def _above(self, level: LevelPlan) -> LevelPlan | None:
        if self._plan.is_copy or level.number + 1 == len(self._plan.levels):
            return None
        return self._plan.levels[level.number + 1]

    def _arrive(self, level: LevelPlan, done: _Done) -> None:
        """A shard is stored: count it, and hand it upwards; in the main thread, in order."""
        self._visited += 1
        if self._progress is not None:
            self._progress(self._visited, self._total)
        above = self._above(level)
        if above is None:
            return
        place = (above.number, parent(done.index))
        if place not in self._open:
            stored = self._dataset.has(above, place[1])
            voxels = None if stored else np.empty(above.region(place[1]).shape, above.dtype)
            self._open[place] = _Open(len(children(place[1], level.grid)), voxels)
        waiting = self._open[place]
        if waiting.voxels is not None and done.half is not None:
            _paste(waiting.voxels, done.index, done.half, level.shard_edge // 2)
        waiting.missing -= 1
        if waiting.missing:
            return
        del self._open[place]
        if waiting.voxels is None:
            half = self._stored_half(above, place[1])
        else:
            self._store(above, place[1], waiting.voxels)
            half = halve(waiting.voxels) if self._is_wanted(above, place[1]) else None
        self._arrive(above, _Done(place[1], half))


@dataclass(frozen=True)
class _Task:
    run: _Run
    level: LevelPlan
    group: Group

    def __call__(self) -> list[_Done]:
        return self.run.read_group(self.level, self.group)


def _paste(target: Voxels, index: Index, half: Voxels, half_edge: int) -> None:
    start = [(i % 2) * half_edge for i in index]
    place = tuple(slice(a, a + n) for a, n in zip(start, half.shape, strict=True))
    target[place] = half


def _commit(dataset: Dataset, description: Description, plan: Plan) -> Outcome:
    totals = dataset.put_arrays()
    base, last = plan.levels[0], plan.levels[-1]
    facts = {
        "pipeline_version": __version__,
        "source": description.source,
        "source_id": description.source_id,
        "source_version": dict(description.version),
        "title": description.title,
        "description": description.description,
        "modality": description.modality,
        "download_url": description.download_url,
        "imaging_start_date": description.imaging_start_date and description.imaging_start_date.isoformat(),
        "provenance": dict(description.provenance),
        "shape": list(base.shape),
        "data_type": base.dtype,
        "voxel_size_nm": list(base.voxel_size_nm),
        "shard_edge": plan.shard_edge,
        "chunk_edge": CHUNK_EDGE,
        "levels": len(plan.levels),
        "digest": totals.digest,
        "size_bytes": totals.size_bytes,
        "objects": totals.objects,
        "statistics": statistics(dataset, last, plan.workers),
    }
    body = metadata.root(plan.levels, name=description.title, is_copy=plan.is_copy, provenance=facts)
    root_sha256 = dataset.commit(body)
    log.info("ingested", extra={"url": dataset.url, "digest": totals.digest, "size_bytes": totals.size_bytes})
    return Outcome(dataset.url, dataset.prefix, root_sha256, facts, is_new=True)
