"""The EMPIAR source: what stands in the directory of an entry, and how many slices are kept at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from fixtures.archives import archives as served
from fixtures.archives.ebi import DATA_DIRECTORY, ebi_files
from fixtures.formats import BytesFile, dm3
from fixtures.volumes import Volume, dataset
from pipeline.errors import UnsupportedFile
from pipeline.sources.base import Region
from pipeline.sources.ebi import Ebi
from pipeline.sources.index import SourceIndex
from pipeline.sources.reading import Access
from pipeline.transfer import RetryPolicy
from tests.pipeline.sources.conftest import SCALE, Rehearse, whole


class Serve(Protocol):
    def __call__(self, **changes: Any) -> None: ...


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    """Changes what the entry's directory holds: name -> file, or None for a directory, or DELETE."""

    def with_changes(**changes: Any) -> None:
        def files(volume: Volume) -> Mapping[str, Any]:
            found: dict[str, Any] = dict(ebi_files(volume))
            for name, file in changes.items():
                found[f"{DATA_DIRECTORY}/{name.replace('__', '.')}"] = file
            return {path: file for path, file in found.items() if file != DELETE}

        monkeypatch.setattr(served, "ebi_files", files)

    return with_changes


DELETE = "delete"
OTHER_SHAPE = dm3(Volume("ebi", (1, 9, 9), "uint8", (50.0, 8.0, 8.0)), 0)
OTHER_TYPE = dm3(Volume("ebi", (1, *dataset("ebi", SCALE).shape[1:]), "int16", (50.0, 8.0, 8.0)), 0)
SLICE = "F57-8_test1_3VBSED_slice_{:04}__dm3"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stack__mrc": BytesFile(b"x")}, "stack.mrc: an image of a kind that is not read; only .dm3 slices are"),
        ({SLICE.format(5): DELETE}, "slice 5 is missing between 0 and 15"),
        ({SLICE.format(9): OTHER_SHAPE}, r"slice_0009.dm3: \(9, 9\) uint8 and the first slice is"),
        ({SLICE.format(9): OTHER_TYPE}, r"slice_0009.dm3: \(78, 78\) int16 and the first slice is \(78, 78\) uint8"),
        ({SLICE.format(3): BytesFile(bytes(500))}, r"slice_0003.dm3: not a DM3 file \(version 0\)"),
        ({SLICE.format(n): DELETE for n in range(16)}, "/data: no .dm3 slice; check EBI_ENTRY_ID"),
    ],
)
def test_given_files_that_are_no_stack_then_the_error_names_the_one(
    rehearse: Rehearse, serve: Serve, changes: Any, words: str
) -> None:
    serve(**changes)
    with rehearse() as rehearsal, pytest.raises(UnsupportedFile, match=words):
        whole(rehearsal.open("ebi"))


def test_given_a_directory_that_is_named_like_a_slice_then_it_is_ignored(
    rehearse: Rehearse, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    serve(**{SLICE.format(16): None})
    with rehearse() as rehearsal:
        assert rehearsal.open("ebi").describe().levels[0].shape[0] == 16
    assert "ignored: a directory" in caplog.messages


def test_given_little_scratch_then_slices_make_room_and_the_current_region_is_kept(
    rehearse: Rehearse, tmp_path: Path
) -> None:
    with rehearse() as rehearsal:
        environment = rehearsal.archives.environment_for("small")
        source = Ebi(
            environment["EM_SOURCE_EBI_API_URL"],
            environment["EM_SOURCE_EBI_FTP_URL"],
            entry_id="11759",
            source_id="EMPIAR-11759",
            scratch_dir=rehearsal.scratch_dir,
            access=Access(RetryPolicy(), 10),
            index=SourceIndex(tmp_path, "ebi", "EMPIAR-11759"),
            scratch_bytes_max=1,
        )
        rehearsal.opened.append(source)
        _, height, width = source.describe().levels[0].shape
        volume = dataset("ebi", SCALE)

        def check(z0: int, z1: int, y0: int, y1: int) -> int:
            region = Region((z0, y0, 3), (z1, y1, width - 2))
            np.testing.assert_array_equal(source.read(0, region), volume.region(region.start, region.stop))
            return len(rehearsal.asked("RETR"))

        assert check(0, 4, 0, 20) == 4
        assert check(0, 4, 20, height) == 4
        assert check(4, 8, 0, height) == 8
        assert check(6, 9, 5, 30) == 9
        assert check(0, 1, 0, 1) == 10
