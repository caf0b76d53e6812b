"""The directories (IFDs) of a TIFF file: TIFF 6.0 and BigTIFF, both byte orders, uncompressed grey pages in strips.

Nothing here reads by itself: a function that fetches bytes comes in, so the same rules serve a file behind HTTP ranges and one on disk.
Anything that the rules do not cover (compression, tiles, colour, bits that are no whole bytes) is an `UnsupportedFile` that says what was found.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np

from pipeline.errors import UnsupportedFile
from pipeline.transfer.ranges import ByteRange, Fetch, coalesce

_DESCRIPTION = 270
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _OFFSETS, _SAMPLES, _ROWS, _COUNTS = 256, 257, 258, 259, 273, 277, 278, 279
_TILE_WIDTH, _SAMPLE_FORMAT = 322, 339
_USED = {_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _OFFSETS, _SAMPLES, _ROWS, _COUNTS, _TILE_WIDTH, _SAMPLE_FORMAT}

# TIFF field type -> struct code; only the types that the tags above may have.
_CODES = {1: "B", 2: "s", 3: "H", 4: "I", 16: "Q"}
_COMPRESSIONS = {
    2: "CCITT",
    3: "CCITT",
    4: "CCITT",
    5: "LZW",
    7: "JPEG",
    8: "Deflate",
    32773: "PackBits",
    32946: "Deflate",
    50000: "zstd",
}
_KINDS = {1: "u", 2: "i", 3: "f"}
_NEAR_BYTES = 4096
_VALUES_MAX = 1 << 22


@dataclass(frozen=True, slots=True)
class Header:
    order: str
    is_big: bool
    first: int

    @property
    def entry_bytes(self) -> int:
        return 20 if self.is_big else 12


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that lie in the file one after the other."""

    row_start: int
    row_stop: int
    offset: int


@dataclass(frozen=True, slots=True)
class Page:
    """One directory: where it stands, what its image is, where the rows are, and which bytes say so."""

    offset: int
    next_offset: int
    height: int
    width: int
    dtype: np.dtype[np.generic]
    runs: tuple[Run, ...]
    directory: tuple[ByteRange, ...]

    @property
    def row_bytes(self) -> int:
        return self.width * self.dtype.itemsize

    @property
    def end(self) -> int:
        rows = (run.offset + (run.row_stop - run.row_start) * self.row_bytes for run in self.runs)
        return max(*rows, *(part.stop for part in self.directory))

    @property
    def image(self) -> tuple[int, int, np.dtype[np.generic]]:
        return (self.height, self.width, self.dtype)

    def shifted(self, by: int) -> Page:
        return replace(
            self,
            offset=self.offset + by,
            next_offset=self.next_offset + by if self.next_offset else 0,
            runs=tuple(replace(run, offset=run.offset + by) for run in self.runs),
            directory=tuple(ByteRange(start + by, stop + by) for start, stop in self.directory),
        )


def read_header(fetch: Fetch, place: str) -> Header:
    raw = bytes(fetch(0, 16))
    order = {b"II": "<", b"MM": ">"}.get(raw[:2])
    if order is not None:
        magic, first = struct.unpack(order + "HI", raw[2:8])
        if magic == 42:
            return Header(order, False, first)
        if magic == 43:
            offset_bytes, zero, first = struct.unpack(order + "HHQ", raw[4:16])
            if (offset_bytes, zero) == (8, 0):
                return Header(order, True, first)
    raise UnsupportedFile(
        f"{place}: not a TIFF file, it begins with {raw[:4].hex()}; check the settings of this source"
    )


def read_page(fetch: Fetch, header: Header, offset: int, place: str) -> Page:
    """The directory at `offset`, checked."""
    where = f"{place}, TIFF directory at byte {offset}"
    count_format, next_format = ("Q", "Q") if header.is_big else ("H", "I")
    count_bytes, next_bytes = struct.calcsize("=" + count_format), struct.calcsize("=" + next_format)
    (count,) = struct.unpack(header.order + count_format, fetch(offset, offset + count_bytes))
    if not 0 < count <= 4096:
        raise UnsupportedFile(f"{where}: {count} entries, this is no directory; the file is damaged")
    body_bytes = count_bytes + count * header.entry_bytes + next_bytes
    raw = bytes(fetch(offset, offset + body_bytes))
    parts = [ByteRange(offset, offset + body_bytes)]
    tags: dict[int, tuple[int, ...]] = {}
    for index in range(count):
        entry = raw[count_bytes + index * header.entry_bytes :][: header.entry_bytes]
        tag = struct.unpack(header.order + "H", entry[:2])[0]
        if tag in _USED:
            value = _value(fetch, header, entry, parts, where)
            tags[tag] = struct.unpack(header.order + value[0], value[1])
    (next_offset,) = struct.unpack(header.order + next_format, raw[-next_bytes:])
    height, width, dtype = _image(tags, header, where)
    runs = _runs(height, width * dtype.itemsize, tags, where)
    directory = tuple(coalesce(parts, gap_bytes_max=_NEAR_BYTES, size_bytes_max=1 << 40))
    return Page(offset, next_offset, height, width, dtype, runs, directory)


def read_description(fetch: Fetch, header: Header, page: Page, place: str) -> str:
    """The ImageDescription of a page, empty when it has none."""
    start, stop = next(part for part in page.directory if part.start <= page.offset < part.stop)
    raw = bytes(fetch(start, stop))[page.offset - start :]
    count_bytes = 8 if header.is_big else 2
    (count,) = struct.unpack(header.order + ("Q" if header.is_big else "H"), raw[:count_bytes])
    for index in range(count):
        entry = raw[count_bytes + index * header.entry_bytes :][: header.entry_bytes]
        if struct.unpack(header.order + "H", entry[:2])[0] == _DESCRIPTION:
            return _value(fetch, header, entry, [], place)[1].rstrip(b"\0").decode("utf-8", "replace")
    return ""


def _value(fetch: Fetch, header: Header, entry: bytes, parts: list[ByteRange], where: str) -> tuple[str, bytes]:
    """The struct format and the bytes of an entry's value, fetched when it does not stand in the entry itself."""
    if header.is_big:
        tag, kind, count, inline = struct.unpack(header.order + "HHQ8s", entry)
        pointer = "Q"
    else:
        tag, kind, count, inline = struct.unpack(header.order + "HHI4s", entry)
        pointer = "I"
    code = _CODES.get(kind)
    if code is None or not 0 < count <= _VALUES_MAX:
        raise UnsupportedFile(f"{where}: tag {tag} has {count} values of type {kind}; the file is damaged")
    form = f"{count}{code}"
    size_bytes = struct.calcsize("=" + form)
    if size_bytes <= len(inline):
        return form, inline[:size_bytes]
    (at,) = struct.unpack(header.order + pointer, inline)
    parts.append(ByteRange(at, at + size_bytes))
    return form, bytes(fetch(at, at + size_bytes))


def _image(tags: dict[int, tuple[int, ...]], header: Header, where: str) -> tuple[int, int, np.dtype[np.generic]]:
    """Height, width and type of the samples; everything that is no plain grey image is refused here."""

    def one(tag: int, default: int) -> int:
        values = tags.get(tag, (default,))
        if len(set(values)) != 1:
            raise UnsupportedFile(
                f"{where}: tag {tag} has differing values {values[:4]}; convert it to one grey channel"
            )
        return values[0]

    compression, samples = one(_COMPRESSION, 1), one(_SAMPLES, 1)
    if compression != 1:
        name = _COMPRESSIONS.get(compression, "an unknown method")
        raise UnsupportedFile(f"{where}: compressed with {name} ({compression}); convert it to an uncompressed TIFF")
    if samples != 1:
        raise UnsupportedFile(f"{where}: {samples} samples a pixel; convert it to one grey channel")
    if _TILE_WIDTH in tags:
        raise UnsupportedFile(f"{where}: tiled; convert it to a TIFF in strips")
    bits, form = one(_BITS, 1), one(_SAMPLE_FORMAT, 1)
    if bits not in {8, 16, 32, 64} or form not in _KINDS or (form == 3 and bits < 32):
        raise UnsupportedFile(f"{where}: {bits}-bit samples of format {form}; convert it to 8 or 16 bit integers")
    dtype = np.dtype(f"{header.order}{_KINDS[form]}{bits // 8}")
    height, width = one(_HEIGHT, 0), one(_WIDTH, 0)
    if not height or not width or _OFFSETS not in tags:
        raise UnsupportedFile(f"{where}: no image (height {height}, width {width}); the file is damaged")
    return height, width, dtype


def _runs(height: int, row_bytes: int, tags: dict[int, tuple[int, ...]], where: str) -> tuple[Run, ...]:
    """The strips, joined where one follows the other."""
    offsets, counts = tags[_OFFSETS], tags.get(_COUNTS, ())
    strip_rows = min(tags.get(_ROWS, (height,))[0], height)
    if strip_rows < 1 or len(offsets) != -(-height // strip_rows):
        raise UnsupportedFile(f"{where}: {len(offsets)} strips of {strip_rows} rows for {height} rows; it is damaged")
    # StripByteCounts may be absent when nothing is compressed and there is one strip (TIFF 6.0, page 39).
    if counts and len(counts) != len(offsets):
        raise UnsupportedFile(f"{where}: {len(offsets)} strips and {len(counts)} strip sizes; it is damaged")
    runs: list[Run] = []
    for index, offset in enumerate(offsets):
        first = index * strip_rows
        rows = min(strip_rows, height - first)
        if counts and counts[index] < rows * row_bytes:
            raise UnsupportedFile(f"{where}: strip {index} has {counts[index]} bytes for {rows} rows of {row_bytes}")
        if runs and offset == runs[-1].offset + (first - runs[-1].row_start) * row_bytes:
            runs[-1] = replace(runs[-1], row_stop=first + rows)
        else:
            runs.append(Run(first, first + rows, offset))
    return tuple(runs)
