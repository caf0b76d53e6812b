from __future__ import annotations

import json
from typing import Any

import numcodecs  # type: ignore[import-untyped]
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import SourceError, TransientError
from pipeline.sources.base import Region, Voxels
from pipeline.sources.zarr_v2 import ZarrV2Array

VOXELS = (np.arange(7 * 9 * 5) - 100).astype("i2").reshape(7, 9, 5)
CODECS = {
    "blosc lz4": numcodecs.Blosc("lz4", 1, numcodecs.Blosc.BITSHUFFLE),
    "blosc zstd": numcodecs.Blosc("zstd", 3),
    "zstd": numcodecs.Zstd(3),
    "gzip": numcodecs.GZip(1),
    "none": None,
}


def written(voxels: Voxels = VOXELS, **options: Any) -> dict[str, bytes]:
    """Key -> bytes of an array that zarr-python wrote."""
    store = zarr.storage.MemoryStore()
    options = {"chunks": (4, 4, 4), "compressors": CODECS["zstd"], "fill_value": 7, **options}
    array = zarr.create_array(store, shape=voxels.shape, dtype=voxels.dtype, zarr_format=2, **options)
    array[:] = voxels
    return {key: value.to_bytes() for key, value in store._store_dict.items()}


def read(objects: dict[str, bytes], region: Region) -> Voxels:
    array = ZarrV2Array(objects[".zarray"], "s3://b/a")
    voxels = np.empty(region.shape, array.dtype)
    for chunk in array.chunks_of(region):
        box = tuple(
            slice(a - o, b - o) for a, b, o in zip(chunk.part.start, chunk.part.stop, region.start, strict=True)
        )
        voxels[box] = array.decode(chunk, objects.get(chunk.key))
    return voxels


WHOLE = Region((0, 0, 0), VOXELS.shape)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("separator", [".", "/"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_given_an_array_of_another_writer_then_its_voxels_are_read(codec: str, separator: str, order: str) -> None:
    objects = written(compressors=CODECS[codec], chunk_key_encoding={"name": "v2", "separator": separator}, order=order)
    np.testing.assert_array_equal(read(objects, WHOLE), VOXELS)


@pytest.mark.parametrize("dtype", [">i2", "<u2", "|u1", "<f4"])
def test_given_any_byte_order_then_voxels_are_native(dtype: str) -> None:
    voxels = VOXELS.astype(dtype)
    found = read(written(voxels), WHOLE)
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, voxels)


OBJECTS = written()
AXES = [st.tuples(st.integers(0, n - 1), st.integers(1, n)).filter(lambda cut: cut[0] < cut[1]) for n in VOXELS.shape]


@settings(max_examples=40, deadline=None)
@given(st.tuples(*AXES))
def test_given_any_region_then_it_is_the_cut_and_only_its_chunks_are_asked_for(cuts: Any) -> None:
    region = Region(tuple(a for a, _ in cuts), tuple(b for _, b in cuts))
    np.testing.assert_array_equal(read(OBJECTS, region), VOXELS[tuple(slice(a, b) for a, b in cuts)])
    array = ZarrV2Array(OBJECTS[".zarray"], "p")
    asked = {tuple(int(i) for i in chunk.key.split(".")) for chunk in array.chunks_of(region)}
    cut_indices = np.indices(VOXELS.shape)[(slice(None), *(slice(a, b) for a, b in cuts))]
    assert asked == {tuple(index) for index in (cut_indices.reshape(3, -1).T // 4).tolist()}


def test_given_an_absent_chunk_then_it_is_fill_value_also_after_another_was_decoded() -> None:
    objects = written()
    del objects["0.0.0"]
    found = read(objects, WHOLE)
    assert (found[:4, :4, :4] == 7).all()
    np.testing.assert_array_equal(found[4:], VOXELS[4:])


def document(**changes: Any) -> bytes:
    return json.dumps({**json.loads(OBJECTS[".zarray"]), **changes}).encode()


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (b"<Error>", "s3://b/a/.zarray: not JSON"),
        (document(zarr_format=3), "only version 2 is read"),
        (document(shape=[4, 4], chunks=[4, 4]), r"shape is \[4, 4\]; only \(z, y, x\) arrays"),
        (document(compressor={"id": "lzma"}), 's3://b/a: this array cannot be read: .*"lzma" is not registered'),
        (document(dtype="<M8[s]"), "cannot be read"),
    ],
)
def test_given_an_array_that_cannot_be_read_then_the_error_says_why(metadata: bytes, words: str) -> None:
    with pytest.raises(SourceError, match=words) as raised:
        ZarrV2Array(metadata, "s3://b/a")
    assert "tensorstore_spec" not in str(raised.value)


def test_given_a_damaged_chunk_then_it_is_named() -> None:
    with pytest.raises(TransientError, match=r"s3://b/a/0\.0\.0: this chunk cannot be decoded"):
        read({**OBJECTS, "0.0.0": OBJECTS["0.0.0"][:-3]}, WHOLE)
