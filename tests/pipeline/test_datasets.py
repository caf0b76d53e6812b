"""The five data sets as others find them: valid OME-Zarr, right sizes and axes on every level, and not made twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import ome_zarr_models
import pytest
import zarr
from ome_zarr_models.v05 import Image

from fixtures.volumes import DatasetName, dataset
from pipeline.cli import main
from tests.pipeline.conftest import SCALE
from tests.pipeline.services import SERVICES, Place

VOXEL_SIZE_NM: dict[DatasetName, tuple[float, float, float]] = {
    "ebi": (50, 8, 8),
    "epfl": (5, 5, 5),
    "flyem": (8, 8, 8),
    "idr": (20, 20, 20),
    "openorganelle": (2.96, 4, 4),
}
"""z, y, x, as the pages of the public data sets state them."""


def group_of(place: Place, service: DatasetName) -> zarr.Group:
    (root,) = place.roots(service)
    return zarr.open_group(root.parent, mode="r")


@pytest.mark.parametrize("service", SERVICES)
def test_given_a_data_set_then_ome_zarr_models_opens_it(ingested: Place, service: DatasetName) -> None:
    opened = ome_zarr_models.open_ome_zarr(group_of(ingested, service), version="0.5")
    assert isinstance(opened, Image)
    (multiscale,) = opened.ome_attributes.multiscales
    assert [(axis.name, axis.type, axis.unit) for axis in multiscale.axes] == [
        (name, "space", "nanometer") for name in ("z", "y", "x")
    ]


@pytest.mark.parametrize("service", SERVICES)
def test_given_a_data_set_then_every_level_has_the_right_shape_voxel_size_place_and_axes(
    ingested: Place, service: DatasetName
) -> None:
    group, volume = group_of(ingested, service), dataset(service, SCALE)
    assert volume.voxel_size_nm == VOXEL_SIZE_NM[service]
    attributes: Any = group.attrs["ome"]
    described = attributes["multiscales"][0]["datasets"]
    for number, level in enumerate(described):
        kinds = {item["type"]: item[item["type"]] for item in level["coordinateTransformations"]}
        factor = 2**number
        assert kinds["scale"] == pytest.approx([size * factor for size in VOXEL_SIZE_NM[service]])
        assert kinds["translation"] == pytest.approx([size * (factor - 1) / 2 for size in VOXEL_SIZE_NM[service]])
        array = group[level["path"]]
        assert isinstance(array, zarr.Array)
        assert array.shape == shape_of_level(service, number)
        assert array.metadata.to_dict()["dimension_names"] == ("z", "y", "x")
    base = group["s0"]
    assert isinstance(base, zarr.Array)
    np.testing.assert_array_equal(base[:], volume.region((0, 0, 0), volume.shape))


def shape_of_level(service: DatasetName, number: int) -> tuple[int, ...]:
    """Copied scales drop what fills no voxel, computed ones keep it."""
    volume = dataset(service, SCALE)
    if service == "openorganelle":
        return volume.levels()[number].shape
    return tuple(-(-size // 2**number) for size in volume.shape)


@pytest.mark.parametrize("service", SERVICES)
def test_given_an_ingested_version_when_it_is_run_again_then_less_than_100_kb_are_moved(
    ingested: Place, service: DatasetName
) -> None:
    record, since = ingested.record(service), len(ingested.archives.log)
    assert ingested.run(service) == 0
    requests = ingested.asked(since)
    assert requests
    assert sum(request.size_bytes for request in requests) < 100_000
    assert [request for request in requests if request.operation == "RETR" or request.byte_range] == []
    assert ingested.record(service) == record


def test_given_all_five_then_consolidate_finds_nothing_wrong(
    ingested: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["consolidate"], ingested.environ()) == 0
    assert capsys.readouterr().err == ""
