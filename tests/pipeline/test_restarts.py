"""A run killed in the middle and started again: what the archives are then asked for, by their own request log.

What is real here: the program with its settings, the sources, their protocols, the local store. What is not: the archives, and
their volumes, which are cut so that every source has committed and missing regions that lie in different slices, pages, blocks and chunks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixtures.archives import Archives, LoggedRequest
from fixtures.formats import tiff
from fixtures.volumes import DatasetName, Volume
from pipeline.sink import LocalSink
from pipeline.sources.index import SourceIndex
from pipeline.sources.tiff_layout import TiffLayout
from pipeline.sources.tiff_stack import GAP_BYTES_MAX, TiffStack
from tests.pipeline.services import SERVICES, Place

EDGE = 64
VOLUMES = {
    "ebi": Volume("ebi", (70, 20, 30), "uint8", (50.0, 8.0, 8.0)),
    "epfl": Volume("epfl", (70, 200, 130), "uint8", (5.0, 5.0, 5.0)),
    "flyem": Volume("flyem", (80, 70, 66), "uint8", (8.0, 8.0, 8.0)),
    "idr": Volume("idr", (80, 70, 40), "uint8", (20.0, 20.0, 20.0)),
    "openorganelle": Volume("openorganelle", (68, 70, 66), "int16", (2.96, 4.0, 4.0)),
}
# So many that some regions of every kind are committed; shards of the pyramid count too.
SHARDS = {"ebi": 1, "epfl": 17, "flyem": 5, "idr": 2, "openorganelle": 5}
Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]


class Killed(BaseException):
    """SIGKILL: nothing of the program catches it, and nothing is written any more."""


@pytest.fixture(scope="module")
def cut_archives() -> Iterator[Archives]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fixtures.archives.archives.dataset", lambda name, _scale: VOLUMES[name])
        with Archives(1, 1) as running:
            yield running


@dataclass(frozen=True)
class Stored:
    """The shards of a data set that are there, and those of its volume that are not, by level."""

    committed: list[tuple[int, Box]]
    missing: list[tuple[int, Box]]

    def needs(self, box: Box, level: int = 0) -> bool:
        """Whether a box of voxels touches a region that is missing."""
        return any(number == level and _touches(box, other) for number, other in self.missing)


def _touches(one: Box, other: Box) -> bool:
    return all(a < d and c < b for (a, b), (c, d) in zip(one, other, strict=True))


def stored(place: Place, service: str) -> Stored:
    levels = VOLUMES[service].levels() if service == "openorganelle" else (VOLUMES[service],)
    there = {
        (int(path.parts[-5][1:]), *(int(part) for part in path.parts[-3:]))
        for path in (place.store / service).glob("*/*.ome.zarr/s*/c/*/*/*")
    }
    committed: list[tuple[int, Box]] = []
    missing: list[tuple[int, Box]] = []
    for number, volume in enumerate(levels):
        z, y, x = (range(-(-size // EDGE)) for size in volume.shape)
        for index in ((a, b, c) for a in z for b in y for c in x):
            box = _box(index, volume.shape)
            (committed if (number, *index) in there else missing).append((number, box))
    return Stored(committed, missing)


def _box(index: tuple[int, int, int], shape: tuple[int, int, int]) -> Box:
    z, y, x = ((i * EDGE, min((i + 1) * EDGE, size)) for i, size in zip(index, shape, strict=True))
    return z, y, x


def run_killed_after(place: Place, service: str, shards: int, kill: Callable[[], None]) -> None:
    """Run a service that ends when so many shards are stored. Whatever was in its temporary files is gone."""
    create = LocalSink.create
    left = shards

    def counted(sink: LocalSink, key: str, body: bytes) -> str:
        nonlocal left
        made = create(sink, key, body)
        left -= "/c/" in key
        if left == 0:
            kill()
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LocalSink, "create", counted)
        scratch = place.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        try:
            code = place.run(service, "--scratch-dir", str(scratch))
        except Killed:
            shutil.rmtree(scratch)
            return
        assert code == 143
        assert list(scratch.iterdir()) == []


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def sigkill() -> None:
    raise Killed


@pytest.fixture(scope="module")
def undisturbed(cut_archives: Archives, tmp_path_factory: pytest.TempPathFactory) -> Place:
    place = Place(tmp_path_factory.mktemp("undisturbed"), cut_archives, "undisturbed")
    for service in SERVICES:
        assert place.run(service) == 0
    return place


@pytest.mark.parametrize("kill", [sigterm, sigkill])
@pytest.mark.parametrize("service", SERVICES)
def test_given_a_killed_run_when_it_is_started_again_then_no_committed_region_is_asked_for(
    cut_archives: Archives, undisturbed: Place, tmp_path: Path, service: DatasetName, kill: Callable[[], None]
) -> None:
    place = Place(tmp_path, cut_archives, "killed")
    run_killed_after(place, service, SHARDS[service], kill)
    before, since = stored(place, service), len(cut_archives.log)
    assert before.committed
    assert place.roots(service) == []
    assert place.run(service) == 0
    check_requests(service, before, place.asked(since))
    assert place.digest(service) == undisturbed.digest(service)


@pytest.mark.parametrize("service", ["epfl", "idr"])
def test_given_a_run_killed_twice_then_the_index_of_the_first_still_serves_the_third(
    cut_archives: Archives, undisturbed: Place, tmp_path: Path, service: DatasetName
) -> None:
    place = Place(tmp_path, cut_archives, "killed")
    for _ in range(2):
        run_killed_after(place, service, 1, sigterm)
    before, since = stored(place, service), len(cut_archives.log)
    assert place.run(service) == 0
    check_requests(service, before, place.asked(since))
    assert place.digest(service) == undisturbed.digest(service)


def check_requests(service: DatasetName, before: Stored, requests: list[LoggedRequest]) -> None:
    """Every request for voxels is for a region that was missing."""
    if service == "idr":
        (transfer,) = [request for request in requests if request.operation == "RETR"]
        pages = layout_of("idr").pages
        first = min(z for _, ((z, _), _, _) in before.missing)
        assert transfer.byte_range == (pages[first].runs[0].offset, tiff(VOLUMES["idr"]).size_bytes - 1)
    elif service == "epfl":
        check_ranges(before, requests)
    else:
        boxes = [found for request in requests if (found := box_of(service, request)) is not None]
        assert boxes
        assert all(before.needs(box, level) for level, box in boxes)


def box_of(service: DatasetName, request: LoggedRequest) -> tuple[int, Box] | None:
    """Level and voxels that a request moves; None for one that moves no voxels."""
    _, height, width = VOLUMES[service].shape
    if service == "ebi" and request.operation == "RETR":
        number = int(request.target.rpartition("_")[2].removesuffix(".dm3"))
        return 0, ((number, number + 1), (0, height), (0, width))
    if found := re.search(r"/raw/0_1_2/(\d+)_(\d+)_(\d+)/(\d+)_(\d+)_(\d+)$", request.target):
        dx, dy, dz, x, y, z = (int(number) for number in found.groups())
        return 0, ((z, z + dz), (y, y + dy), (x, x + dx))
    if found := re.search(r"/s(\d+)/(\d+)/(\d+)/(\d+)$", request.target):
        level, z, y, x = (int(number) for number in found.groups())
        return level, _box((z, y, x), VOLUMES[service].levels()[level].shape)
    return None


def layout_of(service: DatasetName) -> TiffLayout:
    file = tiff(VOLUMES[service])
    return TiffStack(lambda a, b: file.read(a, b - a), file.size_bytes, service).layout


def check_ranges(before: Stored, requests: list[LoggedRequest]) -> None:
    """Each range begins and ends with bytes that are needed; in between are at most gaps that are cheaper than a request."""
    pages = layout_of("epfl").pages
    needed = np.zeros(tiff(VOLUMES["epfl"]).size_bytes, bool)
    needed[: pages[0].runs[0].offset] = True
    for _, ((z0, z1), (y0, y1), _) in before.missing:
        for page in pages[z0:z1]:
            at = page.runs[0].offset
            needed[at + y0 * page.row_bytes : at + y1 * page.row_bytes] = True
    ranges = [request.byte_range for request in requests if request.byte_range is not None]
    assert ranges
    for first, last in ranges:
        inside = np.flatnonzero(needed[first : last + 1])
        assert (inside[0], inside[-1]) == (0, last - first)
        assert np.diff(inside).max() <= GAP_BYTES_MAX + 1


def damage_checksum(document: dict[str, Any]) -> str:
    document["layout"]["plane"][0] += 1
    return json.dumps(document)


def another_listing(document: dict[str, Any]) -> str:
    return json.dumps({**document, "listing": {}})


def cut_off(document: dict[str, Any]) -> str:
    return json.dumps(document)[:-20]


def not_an_index(document: dict[str, Any]) -> str:
    return "[]"


@pytest.mark.parametrize("damage", [damage_checksum, another_listing, cut_off, not_an_index])
@pytest.mark.parametrize("service", ["ebi", "idr"])
def test_given_an_index_that_cannot_be_relied_on_then_it_is_made_anew(
    cut_archives: Archives, undisturbed: Place, tmp_path: Path, service: DatasetName, damage: Callable[[Any], str]
) -> None:
    place = Place(tmp_path, cut_archives, "damaged")
    run_killed_after(place, service, 1, sigterm)
    (path,) = (tmp_path / "data/index").glob("*/*.json")
    good = path.read_text()
    path.write_text(damage(json.loads(good)))
    assert place.run(service) == 0
    assert path.read_text() == good
    assert place.digest(service) == undisturbed.digest(service)


def lie(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """An index with a right checksum and a wrong layout: what is left when the archive puts another file of the same name and size there."""
    document = json.loads(path.read_text())
    change(document["layout"])
    SourceIndex(path.parents[2], path.parent.name, path.stem).save(document["listing"], document["layout"])


def shift_pages(layout: dict[str, Any]) -> None:
    for group in layout["pages"]:
        group["first"][2] -= 1


@pytest.mark.parametrize("service", ["epfl", "idr"])
def test_given_pages_that_are_not_where_the_index_says_then_the_file_is_believed(
    cut_archives: Archives, undisturbed: Place, tmp_path: Path, service: DatasetName
) -> None:
    place = Place(tmp_path, cut_archives, "lied to")
    run_killed_after(place, service, 1, sigterm)
    (path,) = (tmp_path / "data/index").glob("*/*.json")
    good = json.loads(path.read_text())
    lie(path, shift_pages)
    assert place.run(service) == 0
    assert json.loads(path.read_text()) == good
    assert place.digest(service) == undisturbed.digest(service)


def test_given_slices_of_another_shape_than_the_index_says_then_the_run_fails_and_the_next_describes_them_anew(
    cut_archives: Archives, undisturbed: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = Place(tmp_path, cut_archives, "lied to")
    run_killed_after(place, "ebi", 1, sigterm)
    (path,) = (tmp_path / "data/index").glob("*/*.json")
    lie(path, lambda layout: layout.update(plane=[20, 29]))
    capsys.readouterr()
    assert place.run("ebi") == 1
    assert "slice_0000.dm3: (20, 30) uint8, and the first slice was (20, 29) uint8" in capsys.readouterr().err
    assert not path.exists()
    assert place.run("ebi") == 0
    assert place.digest("ebi") == undisturbed.digest("ebi")
