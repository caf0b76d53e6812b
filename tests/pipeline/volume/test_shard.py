"""Shards as bytes: stable, complete, and readable by others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05.image import Image

from pipeline.errors import VolumeError
from pipeline.sources.base import Region
from pipeline.volume import metadata, shard
from pipeline.volume.geometry import DATA_TYPES, plan_levels
from tests.pipeline.synthetic import SyntheticSource, one_level, voxels_of

REGION = Region((0, 0, 0), (70, 64, 100))


@pytest.mark.parametrize("dtype", DATA_TYPES)
def test_equal_voxels_give_equal_bytes_and_come_back(dtype: str) -> None:
    voxels = voxels_of(REGION, dtype)
    body = shard.encode(voxels, 128, 1)
    assert body == shard.encode(voxels[:, ::-1][:, ::-1], 128, 2)
    np.testing.assert_array_equal(shard.decode(body, REGION.shape, dtype, 128, 1), voxels)


def test_a_shard_of_zeros_is_an_object_too() -> None:
    body = shard.encode(np.zeros((3, 3, 3), "uint8"), 64, 1)
    assert not shard.decode(body, (3, 3, 3), "uint8", 64, 1).any()


@pytest.mark.parametrize("body", [b"", b"not a shard", bytes(200)])
def test_what_is_not_a_shard_is_refused(body: bytes) -> None:
    with pytest.raises(VolumeError, match="not a shard of shape"):
        shard.decode(body, (3, 3, 3), "uint8", 64, 1)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_zarr_python_reads_the_array(tmp_path: Path, dtype: str) -> None:
    level = plan_levels(SyntheticSource(one_level(REGION.shape, dtype)).describe(), 128)[0]
    folder = tmp_path / "s0"
    (folder / "c/0/0").mkdir(parents=True)
    (folder / "zarr.json").write_bytes(metadata.array(level))
    (folder / "c/0/0/0").write_bytes(shard.encode(voxels_of(REGION, dtype), 128, 1))
    array = zarr.open_array(folder, mode="r")
    assert (array.chunks, array.shards) == ((64, 64, 64), (128, 128, 128))
    np.testing.assert_array_equal(array[:], voxels_of(REGION, dtype))


def test_the_root_is_valid_ome_zarr_with_nanometers_on_every_axis() -> None:
    levels = plan_levels(SyntheticSource(one_level((300, 65, 70))).describe(), 64)
    root = json.loads(metadata.root(levels, name="volume", is_copy=False, provenance={"digest": "x"}))
    image = Image.model_validate({"attributes": root["attributes"], "members": _members(levels)})
    multiscale = image.attributes.ome.multiscales[0]
    assert [(axis.name, axis.unit) for axis in multiscale.axes] == [(name, "nanometer") for name in "zyx"]
    assert [dataset.path for dataset in multiscale.datasets] == ["s0", "s1", "s2", "s3"]
    assert root["attributes"]["em_pipeline"] == {"digest": "x"}


def _members(levels: object) -> dict[str, object]:
    return {level.name: json.loads(metadata.array(level)) for level in levels}  # type: ignore[attr-defined]
