"""The IDR source, when the document says less or something else than the file."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pytest

from fixtures.archives import idr as served
from fixtures.formats import omero_image
from fixtures.volumes import Volume, dataset
from pipeline.errors import SourceError, UnsupportedFile
from tests.pipeline.sources.conftest import SCALE, Rehearse, whole


class Documented(Protocol):
    def __call__(self, **changes: Any) -> None: ...


@pytest.fixture
def documented(monkeypatch: pytest.MonkeyPatch) -> Documented:
    """Changes the `Pixels` of the document; None takes a member away."""
    original = omero_image

    def with_changes(**changes: Any) -> None:
        def image(number: int, name: str, volume: Volume) -> dict[str, Any]:
            document = original(number, name, volume)
            pixels = {**document["data"]["Pixels"], **changes}
            document["data"]["Pixels"] = {key: value for key, value in pixels.items() if value is not None}
            return document

        monkeypatch.setattr(served, "omero_image", image)

    return with_changes


def test_given_a_document_without_type_then_the_file_is_fetched_once_to_describe_it(
    rehearse: Rehearse, documented: Documented
) -> None:
    documented(Type=None, PhysicalSizeX=None)
    with rehearse() as rehearsal:
        source = rehearsal.open("idr")
        level = source.describe().levels[0]
        voxels = whole(source)
        assert len(rehearsal.asked("RETR")) == 1
    volume = dataset("idr", SCALE)
    assert (level.shape, level.dtype, level.voxel_size_nm) == (volume.shape, "uint8", (20, 20, 20))
    np.testing.assert_array_equal(voxels, volume.region((0, 0, 0), volume.shape))


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"SizeX": 5}, SourceError, r"the file holds \(\d+, \d+, \d+\) uint8 and its description says \(\d+, \d+, 5\)"),
        ({"Type": {"value": "uint16"}}, SourceError, "uint8 and its description says .* uint16; check IDR_IMAGE_IDS"),
        ({"Type": {"value": "bit"}}, UnsupportedFile, "/m/images/9846137/: pixels of type bit; choose an image"),
        ({"SizeC": 3}, UnsupportedFile, "SizeC is 3; only single grey volumes are read"),
    ],
)
def test_given_a_document_of_another_image_then_it_is_refused(
    rehearse: Rehearse, documented: Documented, changes: Any, kind: type[Exception], words: str
) -> None:
    documented(**changes)
    with rehearse() as rehearsal, pytest.raises(kind, match=words):
        whole(rehearsal.open("idr"))


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\r\nDELE b", ""])
def test_given_a_name_that_is_no_file_name_then_it_is_refused(
    rehearse: Rehearse, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    original = omero_image
    monkeypatch.setattr(served, "omero_image", lambda number, _, volume: original(number, name, volume))
    with rehearse() as rehearsal, pytest.raises(SourceError, match="is no file name"):
        rehearsal.open("idr").describe()
