"""Data sets of a sink: what counts as one, its digest, its shape, and every voxel against the source."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore as ts

from harness.world.datasets import StoredDataset, differs_from, split_datasets

ROOT = "idr/6001240/0123456789ab.ome.zarr/"
VOXELS = np.arange(4 * 6 * 8, dtype="uint16").reshape(4, 6, 8)


@pytest.fixture
def objects(tmp_path: Path) -> dict[str, bytes]:
    """One data set of one level, written by tensorstore as plain Zarr v3, and a root that lists it."""
    metadata: dict[str, Any] = {
        "shape": VOXELS.shape,
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 4, 4]}},
    }
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/s0/"}, "metadata": metadata}
    ts.open(spec, create=True).result().write(VOXELS).result()
    root = {"attributes": {"ome": {"multiscales": [{"datasets": [{"path": "s0"}]}]}}}
    written = {
        ROOT + path.relative_to(tmp_path).as_posix(): path.read_bytes()
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    return written | {f"{ROOT}zarr.json": json.dumps(root).encode()}


def only(objects: dict[str, bytes]) -> StoredDataset:
    (found,) = split_datasets("s3://bucket", objects)
    return found


def source(start: tuple[int, int, int], stop: tuple[int, int, int]) -> Any:
    return VOXELS[tuple(slice(low, high) for low, high in zip(start, stop, strict=True))]


def test_given_a_data_set_then_it_is_described_and_its_voxels_compare_equal(objects: dict[str, bytes]) -> None:
    dataset = only(objects)
    assert (dataset.source, dataset.url) == ("idr", f"s3://bucket/{ROOT.rstrip('/')}")
    assert dataset.level_paths == ["s0"]
    assert dataset.describe() == ((4, 6, 8), "uint16")
    assert differs_from(dataset, 0, source) is None


def test_given_one_other_voxel_then_the_difference_names_its_place_and_both_values(
    objects: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.world.datasets._SLAB_VOXELS", 6 * 8)  # a plane at a time
    other = VOXELS.copy()
    other[3, 5, 7] = 9
    said = differs_from(only(objects), 0, lambda start, stop: other[start[0] : stop[0]])
    assert said == f"s3://bucket/{ROOT.rstrip('/')} level 0: voxel (z, y, x) = (3, 5, 7) is 191, the source has 9"


def test_given_no_root_metadata_then_nothing_is_visible(objects: dict[str, bytes]) -> None:
    del objects[f"{ROOT}zarr.json"]
    assert list(split_datasets("s3://bucket", objects)) == []


def test_given_two_data_sets_and_strange_keys_then_each_has_its_own_objects(objects: dict[str, bytes]) -> None:
    second = {key.replace("idr/6001240", "epfl/5"): content for key, content in objects.items()}
    found = list(split_datasets("s3://bucket", {**objects, **second, "readme.txt": b"", "idr/zarr.json": b"{}"}))
    assert [one.source for one in found] == ["epfl", "idr"]
    assert set(found[0].objects) == set(found[1].objects) == {key.removeprefix(ROOT) for key in objects}
    assert found[0].digest == found[1].digest


def test_the_digest_is_over_sorted_keys_and_the_objects_hashes() -> None:
    def line(key: str, content: bytes) -> str:
        return f"{key} {hashlib.sha256(content).hexdigest()}\n"

    wanted = hashlib.sha256((line("a", b"1") + line("b/c", b"2")).encode()).hexdigest()
    assert StoredDataset("s", "u", {"b/c": b"2", "a": b"1"}).digest == wanted
    assert StoredDataset("s", "u", {"b/c": b"2", "a": b"3"}).digest != wanted
