"""A shard as bytes, and back: Zarr v3 `sharding_indexed`, chunks of 64^3, zstd.

The bytes are made by tensorstore in memory and go to the store as one object. tensorstore orders the chunks of a
shard row by row, so equal voxels give equal bytes (zarrs does not: same chunks, any order). A shard of nothing but
the fill value is stored like any other, so that what is missing is never mistaken for what is empty.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np
import tensorstore

from pipeline.errors import VolumeError
from pipeline.sources.base import Voxels
from pipeline.volume.geometry import CHUNK_EDGE, Shape

ZSTD_LEVEL: Final = 3


def codecs() -> list[dict[str, Any]]:
    """The codec chain of every array, as Zarr v3 metadata."""
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    return [
        {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [CHUNK_EDGE] * 3,
                "codecs": [little, {"name": "zstd", "configuration": {"level": ZSTD_LEVEL, "checksum": False}}],
                "index_codecs": [little, {"name": "crc32c"}],
                "index_location": "end",
            },
        }
    ]


def encode(voxels: Voxels, edge: int, threads: int) -> bytes:
    """The object of a shard; `voxels` is the part of it that lies in the volume."""
    store = _open(voxels.shape, str(voxels.dtype), edge, threads)
    store.write(voxels).result()
    return bytes(store.kvstore["c/0/0/0"])


def decode(body: bytes, shape: Shape, dtype: str, edge: int, threads: int) -> Voxels:
    """The voxels of a stored shard, or a VolumeError when it is not one of this shape."""
    store = _open(shape, dtype, edge, threads)
    try:
        store.kvstore["c/0/0/0"] = body
        voxels: Voxels = np.asarray(store.read().result())
    except ValueError as error:
        raise VolumeError(
            f"stored shard of {len(body)} bytes: not a shard of shape {shape} {dtype}: {error}"
        ) from error
    return voxels


def _open(shape: tuple[int, ...], dtype: str, edge: int, threads: int) -> Any:
    spec = {
        "driver": "zarr3",
        "kvstore": {"driver": "memory"},
        "store_data_equal_to_fill_value": True,
        "metadata": {
            "shape": list(shape),
            "data_type": dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [edge] * 3}},
            "chunk_key_encoding": {"name": "default"},
            "fill_value": 0,
            "codecs": codecs(),
        },
    }
    # A kvstore of its own for each shard: it is dropped with the shard.
    own = tensorstore.Context({"memory_key_value_store": {}}, parent=_context(threads))
    return tensorstore.open(spec, create=True, context=own).result()


@lru_cache
def _context(threads: int) -> Any:
    # Made at first use and not at import: a pool of threads does not survive a fork.
    return tensorstore.Context({"data_copy_concurrency": {"limit": threads}, "cache_pool": {"total_bytes_limit": 0}})
