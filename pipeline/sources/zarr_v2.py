"""One array of a Zarr v2 hierarchy (specification version 2): its `.zarray`, the keys of its chunks, and how a chunk is decoded.

Decoding is TensorStore's: the metadata and one encoded chunk at a time are put into a store in memory, and the voxels of that chunk are read
from it. So codecs, byte order, fill value, C and F order and cut chunks at the far ends follow a kept implementation, and TensorStore never
talks to the network.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorstore as ts

from pipeline.errors import UnsupportedFile
from pipeline.sources.base import Region, Voxels
from pipeline.transfer.errors import BrokenData

Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk and the part of it that lies in a region; key relative to the array."""

    key: str
    part: Region


class ZarrV2Array:
    def __init__(self, metadata: bytes, place: str) -> None:
        self._place = place
        document = _parse(metadata, place)
        self.shape = _triple(document, "shape", place)
        self.chunks = _triple(document, "chunks", place)
        self._separator = document.get("dimension_separator", ".")
        self._lock = threading.Lock()
        context = ts.Context()
        store: dict[str, Any] = {"driver": "memory"}
        self._store = ts.KvStore.open(store, context=context).result()
        self._store[".zarray"] = metadata
        try:
            self._array = ts.open({"driver": "zarr", "kvstore": store}, context=context, open=True, read=True).result()
        except ValueError as error:
            raise UnsupportedFile(f"{place}: this array cannot be read: {_first_line(error)}") from error
        self.dtype = np.dtype(self._array.dtype.numpy_dtype).newbyteorder("=")

    def chunks_of(self, region: Region) -> Iterator[Chunk]:
        """The chunks that a region touches, in C order."""
        spans = [
            range(a // size, -(-b // size)) for a, b, size in zip(region.start, region.stop, self.chunks, strict=True)
        ]
        for index in itertools.product(*spans):
            start = [max(i * size, a) for i, size, a in zip(index, self.chunks, region.start, strict=True)]
            stop = [min((i + 1) * size, b) for i, size, b in zip(index, self.chunks, region.stop, strict=True)]
            part = Region((start[0], start[1], start[2]), (stop[0], stop[1], stop[2]))
            yield Chunk(self._separator.join(str(i) for i in index), part)

    def decode(self, chunk: Chunk, body: bytes | None) -> Voxels:
        """The voxels of the chunk's part; None is a chunk that is absent, all fill value."""
        box = tuple(slice(a, b) for a, b in zip(chunk.part.start, chunk.part.stop, strict=True))
        # The store is shared by the readers of this array, and a chunk may be cut into parts of several regions.
        with self._lock:
            if body is not None:
                self._store[chunk.key] = body
            try:
                voxels: Voxels = self._array[box].read().result()
            except ValueError as error:
                place = f"{self._place}/{chunk.key}"
                raise BrokenData(place, f"this chunk cannot be decoded ({_first_line(error)})") from error
            finally:
                if body is not None:
                    self._store.delete_range(ts.KvStore.KeyRange(chunk.key, chunk.key + "\0"))
        return voxels


def _parse(metadata: bytes, place: str) -> dict[str, Any]:
    try:
        document = json.loads(metadata)
    except ValueError as error:
        raise BrokenData(f"{place}/.zarray", f"not JSON ({error})") from error
    if not isinstance(document, dict) or document.get("zarr_format") != 2:
        raise UnsupportedFile(f"{place}/.zarray: not a Zarr v2 array; only version 2 is read")
    return document


def _triple(document: dict[str, Any], name: str, place: str) -> Triple:
    values = document.get(name)
    if not isinstance(values, list) or len(values) != 3 or not all(isinstance(n, int) and n > 0 for n in values):
        raise UnsupportedFile(f"{place}/.zarray: {name} is {values}; only (z, y, x) arrays are read")
    return (values[0], values[1], values[2])


def _first_line(error: BaseException) -> str:
    # TensorStore appends its whole specification in brackets.
    return str(error).splitlines()[0].split(" [tensorstore_spec=")[0].split(" [source locations=")[0]
