from __future__ import annotations

import io
import struct
from contextlib import suppress
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixtures.formats.dm3 import dm3
from fixtures.volumes import Volume
from pipeline.errors import UnsupportedFile
from pipeline.sources.dm3 import Dm3Image, read_header


def as_dtype(name: str) -> Literal["uint8", "int16"]:
    return "int16" if name == "int16" else "uint8"


def content_of(shape: tuple[int, int, int] = (2, 40, 50), dtype: str = "uint8", plane: int = 0) -> bytes:
    file = dm3(Volume("ebi", shape, as_dtype(dtype), (50.0, 8.0, 8.0)), plane)
    return file.read(0, file.size_bytes)


def header_of(content: bytes) -> Dm3Image:
    return read_header(lambda a, b: content[a:b], len(content), "slice.dm3")


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
@pytest.mark.parametrize("plane", [0, 1])
def test_given_a_slice_with_a_preview_then_the_image_is_found_without_reading_its_pixels(
    dtype: str, plane: int
) -> None:
    volume = Volume("ebi", (2, 40, 50), as_dtype(dtype), (50.0, 8.0, 8.0))
    content = content_of(dtype=dtype, plane=plane)
    read: list[tuple[int, int]] = []

    def fetch(start: int, stop: int) -> bytes:
        read.append((start, stop))
        return content[start:stop]

    image = read_header(fetch, len(content), "slice.dm3")
    assert (image.shape, image.dtype, image.pixel_size_nm) == ((40, 50), np.dtype(dtype), (8.0, 8.0))
    pixels = np.frombuffer(content, image.dtype, 40 * 50, image.offset).reshape(40, 50)
    np.testing.assert_array_equal(pixels, volume.region((plane, 0, 0), (plane + 1, 40, 50))[0])
    assert all(stop <= image.offset or start >= image.offset + image.size_bytes for start, stop in read)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_given_a_damaged_file_then_it_is_refused_and_nothing_outside_is_touched(data: st.DataObject) -> None:
    content = bytearray(content_of((1, 6, 5)))
    cut = data.draw(st.integers(0, len(content)))
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    content = content[:cut]

    def fetch(start: int, stop: int) -> bytes:
        assert 0 <= start < stop <= len(content)
        return bytes(content[start:stop])

    with suppress(UnsupportedFile):
        image = read_header(fetch, len(content), "slice.dm3")
        assert image.offset + image.size_bytes <= len(content)


CASES = {
    "DM4": (struct.pack(">3i", 4, 0, 1) + bytes(90), r"not a DM3 file \(version 4\); only .dm3 slices are read"),
    "empty": (b"", "ends in the middle of its tags, at byte 0"),
    "no image": (struct.pack(">3i2bi", 3, 0, 1, 0, 0, 0), "no grey 2-D image among its 0 images"),
    "pixels of another size": (content_of().replace(struct.pack(">3I", 20, 10, 2000), struct.pack(">3I", 20, 10, 1999)),
                               "damaged"),
    "cut off": (content_of()[:3000], "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_given_a_file_that_is_no_slice_then_the_error_says_what_was_found(case: str) -> None:
    content, words = CASES[case]
    with pytest.raises(UnsupportedFile, match=words):
        header_of(content)


def test_given_an_image_smaller_than_its_preview_then_the_image_is_taken() -> None:
    assert header_of(content_of((1, 6, 5))).shape == (6, 5)


def test_given_nesting_without_end_then_it_is_refused() -> None:
    group = b"".join([struct.pack(">2bi", 0, 0, 1) + struct.pack(">BH", 20, 0)] * 40)
    with pytest.raises(UnsupportedFile, match="nested deeper"):
        header_of(struct.pack(">3i", 3, 0, 1) + group)


def test_given_big_endian_values_strings_and_structs_then_they_are_passed_over() -> None:
    out = io.BytesIO()
    out.write(struct.pack(">3i2bi", 3, 0, 0, 0, 0, 3))

    def tag(name: bytes, info: list[int], data: bytes) -> None:
        out.write(
            struct.pack(">BH", 21, len(name)) + name + b"%%%%" + struct.pack(f">i{len(info)}i", len(info), *info) + data
        )

    tag(b"text", [18, 6], b"\0a\0b\0c")
    tag(b"rect", [15, 0, 2, 0, 2, 0, 6], bytes(6))
    out.write(struct.pack(">BH", 20, 9) + b"ImageList" + struct.pack(">2bi", 0, 0, 1))
    out.write(struct.pack(">BH", 20, 0) + struct.pack(">2bi", 0, 0, 1))
    out.write(struct.pack(">BH", 20, 9) + b"ImageData" + struct.pack(">2bi", 0, 0, 4))
    tag(b"clut", [20, 15, 0, 3, 0, 4, 0, 4, 0, 4, 5], bytes(30))
    tag(b"Data", [20, 4, 6], struct.pack(">6H", *range(6)))
    tag(b"DataType", [3], struct.pack(">i", 10))
    out.write(struct.pack(">BH", 20, 10) + b"Dimensions" + struct.pack(">2bi", 0, 0, 2))
    tag(b"", [3], struct.pack(">i", 3))
    tag(b"", [3], struct.pack(">i", 2))
    image = header_of(out.getvalue())
    assert (image.shape, image.dtype, image.pixel_size_nm) == ((2, 3), np.dtype(">u2"), None)
    assert np.frombuffer(out.getvalue(), ">u2", 6, image.offset).tolist() == list(range(6))
