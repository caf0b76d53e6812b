"""What the store holds of one data set, and how it becomes whole.

Keys lie under `<source>/<source_id>/<version12>.ome.zarr/`. The shard edge is fixed by a claim beside it
(`<version12>.plan.json`, created once), so that a run with other settings continues what was begun instead of mixing two
grids. Shards come first, then the metadata of each array, and the root `zarr.json` last, each created and never
overwritten: without its root there is no data set, with it there is a whole one.

A shard costs 40 bytes of memory here, about a millionth of its voxels.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import fsum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import SinkConflict, SinkError, SinkNotFound, VolumeError
from pipeline.sink.base import Sink
from pipeline.sources.base import Description, Voxels
from pipeline.volume import metadata, shard
from pipeline.volume.geometry import Index, LevelPlan
from pipeline.volume.order import sorted_keys

log = logging.getLogger(__name__)

ROOT: Final = "zarr.json"
_SAFE: Final = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Totals:
    """What the root metadata says of all other objects together."""

    digest: str
    size_bytes: int
    objects: int


def version12(version: Mapping[str, Any]) -> str:
    """The name of a source version: a function of its content, not of key order or spacing."""
    canonical = json.dumps(version, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(canonical.encode()).hexdigest()[:12]


class Dataset:
    """One data set of a sink. `plan_levels` is called once, before anything is stored or looked up."""

    def __init__(self, sink: Sink, description: Description) -> None:
        for part in (description.source, description.source_id):
            if not _SAFE.fullmatch(part):
                raise VolumeError(f"{part!r}: not a name for a key, use letters, digits, '.', '_' and '-'")
        self._sink = sink
        folder = f"{description.source}/{description.source_id}/{version12(description.version)}"
        self.prefix = f"{folder}.ome.zarr"
        self._claim_key = f"{folder}.plan.json"
        self._levels: tuple[LevelPlan, ...] = ()
        self._sizes: list[NDArray[np.int64]] = []
        self._digests: list[NDArray[np.uint8]] = []

    @property
    def url(self) -> str:
        return f"{self._sink.url}/{self.prefix}"

    def root(self) -> dict[str, Any] | None:
        """What the committed root says under `em_pipeline`, or None: there is no data set yet."""
        try:
            body = self._sink.get(self._key(ROOT))
        except SinkNotFound:
            return None
        try:
            found: dict[str, Any] = json.loads(body)["attributes"][metadata.PROVENANCE]
        except (ValueError, KeyError, TypeError) as error:
            raise SinkError(f"{self.url}/{ROOT}: not a root of this pipeline, delete the data set") from error
        return found

    def root_digest(self) -> str:
        found = self._sink.stat(self._key(ROOT))
        if found is None or found.sha256 is None:
            raise SinkError(f"{self.url}/{ROOT}: gone while it was looked at")
        return found.sha256

    def claimed_edge(self) -> int | None:
        """The shard edge that this data set was begun with."""
        try:
            body = self._sink.get(self._claim_key)
        except SinkNotFound:
            return None
        try:
            return int(json.loads(body)["shard_edge"])
        except (ValueError, KeyError, TypeError) as error:
            raise SinkError(f"{self._sink.url}/{self._claim_key}: not a plan of this pipeline, delete it") from error

    def claim(self, edge: int) -> int:
        """Begin the data set with this shard edge, or learn with which one somebody else began it at the same time."""
        try:
            self._sink.create(self._claim_key, metadata.to_bytes({"shard_edge": edge}))
        except SinkConflict:
            claimed = self.claimed_edge()
            if claimed is None:
                raise
            return claimed
        return edge

    def plan_levels(self, levels: tuple[LevelPlan, ...]) -> None:
        """Take the plan and look up which of its shards are there."""
        self._levels = levels
        self._sizes = [np.full(level.grid, -1, np.int64) for level in levels]
        self._digests = [np.zeros((*level.grid, 32), np.uint8) for level in levels]
        for found in self._sink.list(self._key("")):
            parts = found.key[len(self.prefix) + 1 :].split("/")
            if len(parts) != 5 or not parts[0].startswith("s"):
                continue
            number, z, y, x = int(parts[0][1:]), int(parts[2]), int(parts[3]), int(parts[4])
            self._sizes[number][z, y, x] = found.size_bytes

    def has(self, level: LevelPlan, index: Index) -> bool:
        return bool(self._sizes[level.number][index] >= 0)

    def count(self) -> tuple[int, int]:
        """Shards that are there, and shards in all."""
        return sum(int((sizes >= 0).sum()) for sizes in self._sizes), sum(sizes.size for sizes in self._sizes)

    def put(self, level: LevelPlan, index: Index, body: bytes) -> None:
        made = self._sink.create(self._key(level.key(index)), body)
        self._digests[level.number][index] = np.frombuffer(bytes.fromhex(made), np.uint8)
        self._sizes[level.number][index] = len(body)

    def get(self, level: LevelPlan, index: Index, threads: int) -> Voxels:
        body = self._sink.get(self._key(level.key(index)))
        try:
            return shard.decode(body, level.region(index).shape, level.dtype, level.shard_edge, threads)
        except VolumeError as error:
            raise VolumeError(f"{self.url}/{level.key(index)}: {error}; delete this object") from error

    def put_arrays(self) -> Totals:
        """Store the metadata of the arrays, and add up every object but the root."""
        lines = sha256()
        size_bytes = objects = 0
        # "c" sorts before "zarr.json", and "s1/" before "s10/": this is the byte order of all keys.
        for level in sorted(self._levels, key=lambda level: level.name + "/"):
            for key, index in sorted_keys(level):
                lines.update(f"{key} {self._digest(level, index)}\n".encode())
            body = metadata.array(level)
            made = self._sink.create(self._key(f"{level.name}/{ROOT}"), body)
            lines.update(f"{level.name}/{ROOT} {made}\n".encode())
            size_bytes += int(self._sizes[level.number].sum()) + len(body)
            objects += self._sizes[level.number].size + 1
        return Totals(lines.hexdigest(), size_bytes, objects)

    def commit(self, body: bytes) -> str:
        """Store the root; from here on the data set is there. Returns the digest of the root that is there."""
        try:
            return self._sink.create(self._key(ROOT), body)
        except SinkConflict:
            # Another version of this program may have committed the same shards under other words.
            theirs, ours = self.root(), json.loads(body)["attributes"][metadata.PROVENANCE]
            if theirs is None or theirs.get("digest") != ours["digest"]:
                raise
            log.info("committed by another writer", extra={"url": self.url})
            return self.root_digest()

    def _digest(self, level: LevelPlan, index: Index) -> str:
        known = self._digests[level.number][index]
        if known.any():
            return bytes(known).hex()
        key = level.key(index)
        found = self._sink.stat(self._key(key))
        if found is None or found.sha256 is None:
            raise SinkError(f"{self.url}/{key}: gone since this run began, run again")
        return found.sha256

    def _key(self, relative: str) -> str:
        return f"{self.prefix}/{relative}"


def statistics(dataset: Dataset, level: LevelPlan, threads: int) -> dict[str, Any]:
    """Minimum, maximum and mean of one (small) level, from the stored shards, so that a resumed run says the same."""
    count = 0
    total: float | int = 0
    low, high = [], []
    for index in level.indices():
        voxels = dataset.get(level, index, threads)
        count += voxels.size
        low.append(voxels.min().item())
        high.append(voxels.max().item())
        # Exact in both cases, whatever instructions the machine has: these numbers are part of the root's bytes.
        if voxels.dtype.kind == "f":
            total = fsum([total, *_planes(voxels)])
        else:
            total += int(voxels.sum(dtype=np.uint64 if voxels.dtype.kind == "u" else np.int64))
    return {"level": level.name, "minimum": min(low), "maximum": max(high), "mean": total / count}


def _planes(voxels: Voxels) -> Iterator[float]:
    for plane in voxels:
        yield from plane.ravel().tolist()
