"""Looks at the data sets in the sink from outside: their digest, shape and voxels, read with other code than wrote them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorstore as ts

Voxels = npt.NDArray[Any]
_SLAB_VOXELS = 1 << 24


@dataclass(frozen=True)
class StoredDataset:
    """One `<source>/<source id>/<version>.ome.zarr` of the sink, whole: `objects` are its bytes by key relative to its root."""

    source: str
    url: str
    objects: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """SHA-256 over the sorted lines `<key> <sha256 of the object>`."""
        total = hashlib.sha256()
        for key in sorted(self.objects):
            total.update(f"{key} {hashlib.sha256(self.objects[key]).hexdigest()}\n".encode())
        return total.hexdigest()

    @property
    def attributes(self) -> dict[str, Any]:
        """The root group's attributes."""
        found: dict[str, Any] = json.loads(self.objects["zarr.json"])["attributes"]
        return found

    @property
    def level_paths(self) -> list[str]:
        """The arrays of the pyramid, finest first, as the OME metadata lists them."""
        return [entry["path"] for entry in self.attributes["ome"]["multiscales"][0]["datasets"]]

    def open_level(self, path: str) -> Any:
        """The array as a tensorstore over a memory copy of the objects."""
        context = ts.Context()
        kvstore = ts.KvStore.open({"driver": "memory", "path": f"{path}/"}, context=context).result()
        for key, content in self.objects.items():
            if key.startswith(f"{path}/"):
                kvstore.write(key.removeprefix(f"{path}/"), content).result()
        spec = {"driver": "zarr3", "kvstore": {"driver": "memory", "path": f"{path}/"}}
        return ts.open(spec, context=context, open=True, read=True).result()

    def describe(self) -> tuple[tuple[int, ...], str]:
        """Shape (z, y, x) and dtype of the finest level."""
        array = json.loads(self.objects[f"{self.level_paths[0]}/zarr.json"])
        return tuple(array["shape"]), str(array["data_type"])


def split_datasets(base_url: str, objects: Mapping[str, bytes]) -> Iterator[StoredDataset]:
    """The data sets among all objects of a sink, by their keys; only those with a root `zarr.json` are visible as such."""
    roots = sorted(key.removesuffix("zarr.json") for key in objects if key.endswith(".ome.zarr/zarr.json"))
    for root in roots:
        inside = {key.removeprefix(root): content for key, content in objects.items() if key.startswith(root)}
        yield StoredDataset(root.split("/", 1)[0], f"{base_url}/{root.rstrip('/')}", inside)


def differs_from(
    dataset: StoredDataset, level: int, truth: Callable[[tuple[int, int, int], tuple[int, int, int]], Voxels]
) -> str | None:
    """Compare every voxel of a level with `truth(start, stop)`, slab by slab; the first difference in words, or None."""
    array = dataset.open_level(dataset.level_paths[level])
    depth, height, width = array.shape
    step = max(1, _SLAB_VOXELS // max(1, height * width))
    for z in range(0, depth, step):
        stop = min(depth, z + step)
        stored = array[z:stop].read().result()
        wanted = truth((z, 0, 0), (stop, height, width))
        if not np.array_equal(stored, wanted):
            where = np.argwhere(stored != wanted)[0]
            place = (int(where[0]) + z, int(where[1]), int(where[2]))
            found, expected = stored[tuple(where)], wanted[tuple(where)]
            return f"{dataset.url} level {level}: voxel (z, y, x) = {place} is {found}, the source has {expected}"
    return None
