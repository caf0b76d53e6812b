"""Every source against its archive: what it says, what it reads, how it behaves when the archive fails."""

from __future__ import annotations

import json

import numpy as np
import pytest

from fixtures.archives import FailureRule
from fixtures.volumes import DatasetName, dataset
from pipeline import errors
from pipeline.sources.base import Region, Voxels
from tests.pipeline.sources.conftest import SCALE, Rehearse, whole

SERVICES = ("ebi", "epfl", "flyem", "idr", "openorganelle")
VOXEL_SIZE = {
    "ebi": (50, 8, 8),
    "epfl": (5, 5, 5),
    "flyem": (8, 8, 8),
    "idr": (20, 20, 20),
    "openorganelle": (2.96, 4, 4),
}


def expected(service: DatasetName, scale: float = SCALE) -> Voxels:
    volume = dataset(service, scale)
    return volume.region((0, 0, 0), volume.shape)


@pytest.mark.parametrize("service", SERVICES)
def test_given_an_archive_then_its_volume_is_described_and_read_voxel_by_voxel(
    rehearse: Rehearse, service: DatasetName
) -> None:
    with rehearse() as rehearsal:
        source = rehearsal.open(service)
        description = source.describe()
        level = description.levels[0]
        voxels = whole(source)
    volume = dataset(service, SCALE)
    assert (level.shape, level.dtype, level.voxel_size_nm) == (volume.shape, volume.dtype, VOXEL_SIZE[service])
    assert voxels.dtype.isnative
    np.testing.assert_array_equal(voxels, expected(service))
    assert description.source == service
    assert description.download_url.startswith(("https://", "s3://"))


@pytest.mark.parametrize("service", SERVICES)
def test_given_the_same_archive_at_other_ports_then_the_description_is_the_same_json(
    rehearse: Rehearse, service: DatasetName
) -> None:
    seen = []
    for _ in range(2):
        with rehearse() as rehearsal:
            description = rehearsal.open(service).describe()
            assert "127.0.0.1" not in repr(description)
            seen.append(json.dumps([description.version, description.provenance], sort_keys=True))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("service", SERVICES)
def test_given_another_size_of_the_volume_then_the_version_differs(rehearse: Rehearse, service: DatasetName) -> None:
    seen = set()
    for scale in (SCALE, SCALE * 4):
        with rehearse(scale=scale) as rehearsal:
            seen.add(json.dumps(rehearsal.open(service).describe().version, sort_keys=True))
    assert len(seen) == 2


def test_given_a_dropped_file_then_the_rest_is_asked_for_and_not_the_whole(rehearse: Rehearse) -> None:
    with rehearse(FailureRule("ftp-drop", archive="idr-ftp", operation="RETR", nth=1)) as rehearsal:
        whole(rehearsal.open("idr"))
        transfers = [record for record in rehearsal.archives.log if record.operation == "RETR"]
    assert len(transfers) == 2
    size_bytes = transfers[0].size_bytes + transfers[1].size_bytes
    assert transfers[1].size_bytes == size_bytes - size_bytes // 2


def test_given_idr_then_describing_moves_no_file_and_reading_moves_it_once(rehearse: Rehearse) -> None:
    with rehearse() as rehearsal:
        source = rehearsal.open("idr")
        source.describe()
        assert rehearsal.asked("RETR") == []
        whole(source)
        assert len(rehearsal.asked("RETR")) == 1


def test_given_ebi_then_a_slice_is_fetched_once_and_what_is_no_slice_never(
    rehearse: Rehearse, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with rehearse() as rehearsal:
        whole(rehearsal.open("ebi"))
        fetched = rehearsal.asked("RETR")
    assert len(fetched) == len(set(fetched)) == 16
    assert all(name.endswith(".dm3") for name in fetched)
    ignored = [
        str(record.__dict__["place"]).rsplit("/", 1)[1]
        for record in caplog.records
        if record.message.startswith("ignored")
    ]
    assert ignored == ["F57-8_test1_3VBSED.xml.gz", "trakem2.1433425721000.1411580.1024"]


def test_given_a_region_of_epfl_then_only_its_part_of_the_file_is_moved(rehearse: Rehearse) -> None:
    with rehearse(scale=0.01) as rehearsal:
        source = rehearsal.open("epfl")
        shape = source.describe().levels[0].shape
        asked = len(rehearsal.archives.log)
        source.read(0, Region((10, 0, 0), (14, shape[1], shape[2])))
        requests = rehearsal.archives.log[asked:]
    assert len(requests) == 1
    assert requests[0].size_bytes == 4 * shape[1] * shape[2]


def test_given_flyem_then_a_smaller_crop_lies_where_the_seed_says(rehearse: Rehearse) -> None:
    with rehearse(scale=0.01) as rehearsal:
        found = {}
        for seed in range(8):
            source = rehearsal.open("flyem", "--flyem-crop-size", "60,70,80", "--flyem-seed", str(seed))
            origin = tuple(source.describe().version["origin_zyx"])
            found[origin] = source.read(0, Region((1, 2, 3), (5, 7, 9)))
            assert source.describe().levels[0].shape == (60, 70, 80)
    assert len(found) > 2
    volume = dataset("flyem", 0.01)
    for (z, y, x), voxels in found.items():
        np.testing.assert_array_equal(voxels, volume.region((z + 1, y + 2, x + 3), (z + 5, y + 7, x + 9)))


@pytest.mark.slow
def test_given_openorganelle_then_every_scale_is_offered_and_copied(rehearse: Rehearse) -> None:
    with rehearse(scale=0.003) as rehearsal:
        source = rehearsal.open("openorganelle")
        levels = source.describe().levels
        volumes = dataset("openorganelle", 0.003).levels()
        assert [level.shape for level in levels] == [volume.shape for volume in volumes]
        for number, (level, volume) in enumerate(zip(levels, volumes, strict=True)):
            voxels = source.read(number, Region((0, 0, 0), volume.shape))
            np.testing.assert_array_equal(voxels, volume.region((0, 0, 0), volume.shape))
            assert level.voxel_size_nm == pytest.approx(volume.voxel_size_nm)
            assert level.translation_nm == pytest.approx([s * (2**number - 1) / 2 for s in (2.96, 4, 4)])


def test_given_a_group_without_transformations_then_scales_are_found_by_listing(rehearse: Rehearse) -> None:
    with rehearse(FailureRule("not-found", archive="openorganelle", target="*/.zattrs"), scale=0.003) as rehearsal:
        levels = rehearsal.open("openorganelle").describe().levels
        assert len(rehearsal.asked("ListObjectsV2")) == 1
    volumes = dataset("openorganelle", 0.003).levels()
    assert [level.voxel_size_nm for level in levels] == [pytest.approx(v.voxel_size_nm) for v in volumes]


def test_given_an_absent_chunk_then_it_is_fill_value(rehearse: Rehearse) -> None:
    with rehearse(FailureRule("not-found", archive="openorganelle", target="*/s0/0/0/1")) as rehearsal:
        voxels = whole(rehearsal.open("openorganelle"))
    wanted = expected("openorganelle")
    assert voxels.shape[2] > 64
    assert not voxels[:64, :64, 64:128].any()
    np.testing.assert_array_equal(voxels[:, :, :64], wanted[:, :, :64])


UNKNOWN = [
    ("ebi", ("--ebi-entry-id", "1"), errors.NotFound, "/entry/1/: the server answered 404; check the settings"),
    ("flyem", ("--flyem-instance", "segmentation"), errors.SourceError, "segmentation/info: the server answered 400"),
    ("idr", ("--idr-image-ids", "5"), errors.NotFound, "/m/images/5/: the server answered 404"),
    ("idr", ("--idr-dataset-id", "idr0001"), errors.UnsupportedFile, "IDR_DATASET_ID=idr0001: the FTP directory"),
    (
        "openorganelle",
        ("--openorganelle-uri", "s3://other/a/b"),
        errors.NotFound,
        "s3://other/a/b/.zattrs: .*NoSuchBucket",
    ),
    ("openorganelle", ("--openorganelle-uri", "s3://janelia-cosem-datasets/x"), errors.NotFound, "no Zarr v2 group"),
    (
        "openorganelle",
        ("--openorganelle-uri", "https://a/b"),
        errors.SettingsError,
        "OPENORGANELLE_URI=https://a/b: give s3:",
    ),
]


@pytest.mark.parametrize(("service", "flags", "kind", "words"), UNKNOWN)
def test_given_settings_that_name_nothing_then_the_error_says_which(
    rehearse: Rehearse, service: DatasetName, flags: tuple[str, ...], kind: type[Exception], words: str
) -> None:
    with rehearse() as rehearsal, pytest.raises(kind, match=words):
        rehearsal.open(service, *flags).describe()
