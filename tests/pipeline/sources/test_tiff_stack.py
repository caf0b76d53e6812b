from __future__ import annotations

import io
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.formats.tiff import tiff as fixture_tiff
from fixtures.volumes import dataset
from pipeline.errors import UnsupportedFile
from pipeline.sources.base import Region, Voxels
from pipeline.sources.tiff_stack import TiffStack
from tests.pipeline.sources.tiffs import Counted, scattered_tiff


def volume(shape: tuple[int, int, int] = (5, 7, 6), dtype: str = "u1") -> Voxels:
    return (np.arange(np.prod(shape)) * 7 % 251).astype(dtype).reshape(shape)


def written(voxels: Voxels, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, voxels, photometric="minisblack", **options)
    return file.getvalue()


def pages_written(voxels: Voxels, **options: Any) -> bytes:
    """One page a write call: directories between the pages, as an incremental writer leaves them."""
    file = io.BytesIO()
    with tifffile.TiffWriter(file, **options) as writer:
        for page in voxels:
            writer.write(page, photometric="minisblack", contiguous=False, rowsperstrip=3, metadata=None)
    return file.getvalue()


def stack_of(content: bytes, **options: Any) -> tuple[TiffStack, Counted]:
    fetch = Counted(content)
    return TiffStack(fetch, len(content), "file", **options), fetch


def whole(stack: TiffStack) -> Region:
    return Region((0, 0, 0), stack.shape)


KINDS: dict[str, Callable[[Voxels], bytes]] = {
    "little-endian, written at once": lambda v: written(v, byteorder="<"),
    "big-endian, written at once": lambda v: written(v, byteorder=">"),
    "BigTIFF": lambda v: written(v, bigtiff=True),
    "ImageJ": lambda v: written(v, imagej=True),
    "OME": lambda v: written(v, ome=True),
    "page by page": pages_written,
    "page by page, BigTIFF big-endian": lambda v: pages_written(v, bigtiff=True, byteorder=">"),
    "libtiff's order": scattered_tiff,
    "libtiff's order, big-endian": lambda v: scattered_tiff(v, order=">"),
    "irregular gaps": lambda v: scattered_tiff(v, pad=lambda page: 2 * (page * page % 5)),
}


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("kind", KINDS)
def test_given_a_stack_of_any_layout_then_shape_type_and_voxels_are_those_written(kind: str, dtype: str) -> None:
    voxels = volume(dtype=dtype)
    stack, _ = stack_of(KINDS[kind](voxels))
    assert (stack.shape, stack.dtype.newbyteorder("=")) == (voxels.shape, np.dtype(dtype))
    found = stack.read(whole(stack))
    assert found.dtype.isnative
    np.testing.assert_array_equal(found, voxels)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_given_few_pages_then_all_are_found(count: int) -> None:
    voxels = volume((count, 7, 6))
    stack, _ = stack_of(scattered_tiff(voxels))
    np.testing.assert_array_equal(stack.read(whole(stack)), voxels)


CUTS = st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted)
STACK_VOXELS = volume((6, 11, 9), "u2")
LAYOUTS = [scattered_tiff(STACK_VOXELS, order=">"), written(STACK_VOXELS), KINDS["irregular gaps"](STACK_VOXELS)]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(LAYOUTS),
    st.lists(st.tuples(CUTS, CUTS, CUTS), min_size=1, max_size=4),
    st.sampled_from([1, 40, 300, 1 << 20]),
    st.sampled_from([0, 30, 4096]),
)
def test_given_any_regions_in_any_order_then_each_is_the_cut_of_the_volume(
    content: bytes, cuts: Any, range_bytes_max: int, gap_bytes_max: int
) -> None:
    stack, _ = stack_of(content, range_bytes_max=range_bytes_max, gap_bytes_max=gap_bytes_max)
    for cut in cuts:
        start = tuple(a * size // 101 for (a, _), size in zip(cut, stack.shape, strict=True))
        stop = tuple(b * size // 101 + 1 for (_, b), size in zip(cut, stack.shape, strict=True))
        box = tuple(slice(a, b) for a, b in zip(start, stop, strict=True))
        np.testing.assert_array_equal(stack.read(Region(start, stop)), STACK_VOXELS[box])


def test_given_a_page_far_from_the_next_then_a_long_stack_is_described_in_few_requests() -> None:
    voxels = volume((300, 64, 256))
    stack, fetch = stack_of(scattered_tiff(voxels))
    assert stack.shape == voxels.shape
    assert len(fetch.requests) <= 7
    assert sum(b - a for a, b in fetch.requests) < 100_000


def test_given_directories_close_together_then_they_are_walked_in_few_requests() -> None:
    _, fetch = stack_of(written(volume((1065, 16, 64))))
    assert len(fetch.requests) <= 12


def test_given_whole_pages_then_rows_and_directories_come_in_joined_ranges() -> None:
    voxels = volume((100, 16, 64))
    stack, fetch = stack_of(scattered_tiff(voxels))
    fetch.requests.clear()
    np.testing.assert_array_equal(stack.read(whole(stack)), voxels)
    assert len(fetch.requests) == 1


def test_given_a_region_then_only_its_rows_are_fetched_and_directories_only_once() -> None:
    voxels = volume((20, 512, 512))
    stack, fetch = stack_of(scattered_tiff(voxels), gap_bytes_max=1024)
    region = Region((4, 100, 0), (12, 120, 512))
    fetch.requests.clear()
    stack.read(region)
    first = len(fetch.requests)
    stack.read(region)
    assert first == 16
    assert len(fetch.requests) - first == 8
    assert sum(b - a for a, b in fetch.requests[first:]) == 8 * 20 * 512


def moved_page(voxels: Voxels, page: int) -> bytes:
    """Regular at the beginning, in the middle and at the end, with two pages that have swapped places."""
    content = bytearray(scattered_tiff(voxels))
    stack, _ = stack_of(bytes(content))
    a, b = stack._pages[page], stack._pages[page + 1]
    rows = a.height * a.row_bytes
    at, to = a.runs[0].offset, b.runs[0].offset
    content[at : at + rows], content[to : to + rows] = content[to : to + rows], content[at : at + rows]
    strips = -(-a.height // 4)
    for own, other in ((a, to), (b, at)):
        offsets_at = own.offset + 2 + 12 * 9 + 4
        struct.pack_into(f"<{strips}I", content, offsets_at, *(other + i * 4 * a.row_bytes for i in range(strips)))
    return bytes(content)


def test_given_a_page_that_is_not_where_the_others_say_then_its_own_directory_is_followed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    voxels = volume((40, 16, 16))
    stack, _ = stack_of(moved_page(voxels, 7))
    np.testing.assert_array_equal(stack.read(Region((3, 0, 0), (20, 16, 16))), voxels[3:20])
    assert "walking the list" in caplog.text
    np.testing.assert_array_equal(stack.read(whole(stack)), voxels)


def one_page(**options: Any) -> bytes:
    return written(volume((1, 32, 32))[0], **options)


UNREADABLE = {
    "not TIFF": (b"\x89PNG" + bytes(60), "not a TIFF file"),
    "too short": (b"II*\0", "damaged or cut off"),
    "deflate": (one_page(compression="zlib"), r"compressed with Deflate \(8\); convert it"),
    "tiles": (one_page(tile=(16, 16)), "tiled; convert it"),
    "bilevel": (written(np.zeros((8, 8), bool)), "1-bit samples"),
    "no directory": (struct.pack("<2sHI", b"II", 42, 8) + bytes(64), "0 entries"),
    "far directory": (struct.pack("<2sHI", b"II", 42, 1 << 30) + bytes(64), "damaged or cut off"),
    "cut off": (one_page()[:-100], "cut off"),
    "circle": (None, "in a circle"),
}


def circle() -> bytes:
    content = bytearray(scattered_tiff(volume((2, 8, 8))))
    stack, _ = stack_of(bytes(content))
    second = stack._pages[1].offset
    struct.pack_into("<I", content, second + 2 + 12 * 9, stack._pages[0].offset)
    return bytes(content)


@pytest.mark.parametrize("case", UNREADABLE)
def test_given_a_file_that_cannot_be_read_then_the_error_says_what_was_found(case: str) -> None:
    content, words = UNREADABLE[case]
    with pytest.raises(UnsupportedFile, match=words):
        stack_of(circle() if content is None else content)


def test_given_colour_then_it_is_refused() -> None:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((8, 8, 3), "u1"), photometric="rgb")
    with pytest.raises(UnsupportedFile, match="3 samples a pixel"):
        stack_of(file.getvalue())


def test_given_pages_of_different_sizes_then_they_are_no_volume() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        for size in (8, 8, 9):
            writer.write(np.zeros((size, 8), "u1"), photometric="minisblack", contiguous=False, metadata=None)
    with pytest.raises(UnsupportedFile, match="page 2 is 9x8 uint8 and page 0 8x8 uint8"):
        stack_of(file.getvalue())


def test_given_a_large_imagej_stack_with_one_directory_then_its_description_counts() -> None:
    voxels = volume((6, 8, 8))
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(
            voxels[0], photometric="minisblack", description="ImageJ=1.53\nimages=6\nslices=6\n", metadata=None
        )
    content = bytearray(file.getvalue())
    at = tifffile.TiffFile(io.BytesIO(bytes(content))).pages[0].dataoffsets[0]
    content[at:] = voxels.tobytes()
    stack, _ = stack_of(bytes(content))
    np.testing.assert_array_equal(stack.read(whole(stack)), voxels)
    with pytest.raises(UnsupportedFile, match="announces 6 images"):
        stack_of(bytes(content[:-70]))


def test_given_the_stand_in_archive_file_then_its_voxels_are_found() -> None:
    voxels = dataset("epfl", 0.0001)
    file = fixture_tiff(voxels)
    stack = TiffStack(lambda a, b: file.read(a, b - a), file.size_bytes, "volumedata.tif")
    assert stack.shape == voxels.shape
    np.testing.assert_array_equal(stack.read(whole(stack)), voxels.region((0, 0, 0), voxels.shape))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_given_a_damaged_file_then_it_is_refused_or_read_and_nothing_outside_is_touched(data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(LAYOUTS)))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.integers(0, len(content)))]
    with suppress(UnsupportedFile):
        stack, _ = stack_of(bytes(content))
        assert stack.read(Region((0, 0, 0), (1, 1, 1))).shape == (1, 1, 1)
