"""The header of a Gatan DigitalMicrograph 3 file (.dm3): where the pixels are, their type and shape, the calibration.

A DM3 file is a tree of tags: groups (type 20) and data (type 21). The tree itself is big-endian; the data are in the order that the header
names. An encoded type is a list of 32-bit numbers: a plain type, a string (18), a struct (15) or an array (20). The pixels are an array in
`ImageList/<n>/ImageData/Data`; images that `Thumbnails` names are previews, of the others the largest grey one is taken. Pixels are skipped, not
read, and every length is checked against the size of the file before it is used.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import numpy as np

from pipeline.errors import UnsupportedFile
from pipeline.sources.units import nanometres
from pipeline.transfer.ranges import Fetch

# Encoded type -> struct code: 16 to 64 bit integers, floats, and three kinds of single bytes.
_PLAIN = {2: "h", 3: "i", 4: "H", 5: "I", 6: "f", 7: "d", 8: "B", 9: "b", 10: "B", 11: "q", 12: "Q"}
_STRUCT, _STRING, _ARRAY = 15, 18, 20
# ImageData.DataType -> numpy kind and size; what is missing here (complex, colour, packed) is no grey image.
_PIXELS = {1: "i2", 2: "f4", 6: "u1", 7: "i4", 9: "i1", 10: "u2", 11: "u4", 12: "f8"}
_DEPTH_MAX = 32


class Span(NamedTuple):
    """Where an array lies in the file."""

    offset: int
    size_bytes: int


Value = int | float | str | Span
Tags = dict[tuple[str, ...], Value]


@dataclass(frozen=True, slots=True)
class Dm3Image:
    """A grey image of a file: shape (y, x), and the size of a pixel in nm when the file is calibrated."""

    offset: int
    shape: tuple[int, int]
    dtype: np.dtype[np.generic]
    pixel_size_nm: tuple[float, float] | None

    @property
    def size_bytes(self) -> int:
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    def to_json(self) -> dict[str, Any]:
        pixel = list(self.pixel_size_nm) if self.pixel_size_nm is not None else None
        return {"offset": self.offset, "plane": list(self.shape), "dtype": self.dtype.str, "pixel_size_nm": pixel}

    @classmethod
    def from_json(cls, document: Any) -> Dm3Image:
        """ValueError, KeyError or TypeError when it cannot be one."""
        height, width = document["plane"]
        pixel = document["pixel_size_nm"]
        size_nm = None if pixel is None else (float(pixel[0]), float(pixel[1]))
        return cls(int(document["offset"]), (int(height), int(width)), np.dtype(document["dtype"]), size_nm)


def read_header(fetch: Fetch, size_bytes: int, place: str) -> Dm3Image:
    """The image of a file of `size_bytes`, of which `fetch(start, stop)` gives the bytes."""
    tags = _Reader(fetch, size_bytes, place).tags()
    previews = {
        value
        for path, value in tags.items()
        if isinstance(value, int) and path[0] == "Thumbnails" and path[-1] == "ImageIndex"
    }
    listed = {int(path[1]) for path in tags if path[0] == "ImageList" and len(path) > 2 and path[1].isdecimal()}
    order = "<" if tags[("",)] == 1 else ">"
    images = [_image(tags, ("ImageList", str(n), "ImageData"), order, place) for n in sorted(listed - previews)]
    found = [image for image in images if image is not None]
    if not found:
        raise UnsupportedFile(f"{place}: no grey 2-D image among its {len(images)} images; export it as a grey image")
    return max(found, key=lambda image: image.size_bytes)


class _Reader:
    def __init__(self, fetch: Fetch, size_bytes: int, place: str) -> None:
        self._fetch = fetch
        self._at = 0
        self._size_bytes = size_bytes
        self._place = place
        self._order = ">"

    def tags(self) -> Tags:
        """Paths to values. The path ("",) holds the byte order that the header names."""
        version, _length, little = self._unpack(">3i")
        if version != 3 or little not in {0, 1}:
            raise UnsupportedFile(f"{self._place}: not a DM3 file (version {version}); only .dm3 slices are read")
        self._order = "<" if little else ">"
        tags: Tags = {("",): little}
        self._group((), tags)
        return tags

    def _group(self, path: tuple[str, ...], tags: Tags) -> None:
        if len(path) > _DEPTH_MAX:
            raise self._damaged(f"its tags are nested deeper than {_DEPTH_MAX}")
        _sorted, _open, count = self._unpack(">2bi")
        for index in range(count):
            kind, name_bytes = self._unpack(">BH")
            # A tag without a name is an element of a list: its name is its place.
            name = self._bytes(name_bytes).decode("latin-1") or str(index)
            if kind == 20:
                self._group((*path, name), tags)
            elif kind == 21:
                value = self._value(name)
                if value is not None:
                    tags[(*path, name)] = value
            else:
                raise self._damaged(f"unknown kind {kind} of tag {name!r}")

    def _value(self, name: str) -> Value | None:
        """A number, the text of a unit, the place of an array; None for what this module has no use for."""
        mark, count = self._unpack(">4si")
        if mark != b"%%%%" or not 0 < count <= 1 << 16:
            raise self._damaged("a tag without its type")
        info = self._unpack(f">{count}i")
        if count == 1:
            (number,) = self._unpack(self._order + self._code(info[0]))
            return cast("int | float", number)
        size_bytes = self._size_of(info)
        span = Span(self._at, size_bytes)
        if size_bytes < 0 or span.offset + size_bytes > self._size_bytes:
            raise self._damaged(f"a value of {size_bytes} bytes at byte {span.offset} of {self._size_bytes}")
        if name == "Units" and size_bytes <= 256:
            return self._bytes(size_bytes).decode("utf-16-le" if self._order == "<" else "utf-16-be", "replace")
        self._at += size_bytes
        return span if info[0] == _ARRAY else None

    def _size_of(self, info: tuple[int, ...]) -> int:
        """The bytes of a string, a struct, or an array of plain values or structs."""
        if info[0] == _STRING and len(info) == 2:
            return info[1]
        if info[0] == _STRUCT and len(info) >= 3 and len(info) == 3 + 2 * info[2]:
            return sum(struct.calcsize("=" + self._code(code)) for code in info[4::2])
        if info[0] == _ARRAY and len(info) == 3:
            return struct.calcsize("=" + self._code(info[1])) * info[2]
        if info[0] == _ARRAY and len(info) > 3:
            return self._size_of(info[1:-1]) * info[-1]
        raise self._damaged(f"a value of unknown type {info[:4]}")

    def _code(self, code: int) -> str:
        if code not in _PLAIN:
            raise self._damaged(f"a value of unknown type {code}")
        return _PLAIN[code]

    def _unpack(self, form: str) -> tuple[Any, ...]:
        return struct.unpack(form, self._bytes(struct.calcsize(form)))

    def _bytes(self, count: int) -> bytes:
        if not 0 <= count <= self._size_bytes - self._at:
            raise self._damaged(f"it ends in the middle of its tags, at byte {self._size_bytes}")
        self._at += count
        return bytes(self._fetch(self._at - count, self._at)) if count else b""

    def _damaged(self, what: str) -> UnsupportedFile:
        return UnsupportedFile(f"{self._place}: {what}; the file is damaged or no DM3 file")


def _image(tags: Tags, path: tuple[str, ...], order: str, place: str) -> Dm3Image | None:
    data, kind = tags.get((*path, "Data")), tags.get((*path, "DataType"))
    width, height, depth = (tags.get((*path, "Dimensions", str(axis))) for axis in range(3))
    if not isinstance(data, Span) or not isinstance(kind, int) or kind not in _PIXELS or depth not in {None, 1}:
        return None
    if not isinstance(width, int) or not isinstance(height, int) or min(width, height) < 1:
        return None
    sizes = [_nanometres(tags, (*path, "Calibrations", "Dimension", str(axis))) for axis in (1, 0)]
    calibration = (sizes[0], sizes[1]) if sizes[0] is not None and sizes[1] is not None else None
    image = Dm3Image(data.offset, (height, width), np.dtype(order + _PIXELS[kind]), calibration)
    if data.size_bytes != image.size_bytes:
        raise UnsupportedFile(
            f"{place}: {data.size_bytes} bytes of pixels for {height}x{width} {image.dtype}; the file is damaged"
        )
    return image


def _nanometres(tags: Tags, path: tuple[str, ...]) -> float | None:
    scale, unit = tags.get((*path, "Scale")), tags.get((*path, "Units"))
    if not isinstance(scale, (int, float)) or not isinstance(unit, str) or scale <= 0:
        return None
    return nanometres(scale, unit.strip("\0 "))
