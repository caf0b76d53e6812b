"""A multi-page TIFF as a volume: page = z. Finds the pages with few reads, and reads rows of them as byte ranges.

The directories of a TIFF are a linked list. In a file of many pages they usually stand either close together, where a growing read-ahead
walks the list in a few reads, or one behind each page at a fixed distance, where every step would cost a read. In the second case the place
of each page is predicted from the first three and checked on the last and the middle one; every other page is checked when its rows are
read for the first time, with its directory in the same range as the rows where they touch. A page that is not where it was predicted
makes the whole list be walked: the prediction saves reads, it never decides what is read. A layout that was kept from an earlier run is
such a prediction too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from pipeline.errors import UnsupportedFile
from pipeline.sources.base import Region, Voxels
from pipeline.sources.tiff import Page, Run, read_description, read_header, read_page
from pipeline.sources.tiff_layout import TiffLayout
from pipeline.transfer.ranges import ByteRange, Fetch, coalesce

log = logging.getLogger(__name__)

GAP_BYTES_MAX = 64 * 1024
RANGE_BYTES_MAX = 8 * 1024 * 1024
_AHEAD_BYTES_MIN = 8 * 1024
_AHEAD_BYTES_MAX = 1024 * 1024

_IMAGEJ_IMAGES = re.compile(r"^images=(\d+)$", re.MULTILINE)


class _Piece(NamedTuple):
    """Rows of one page that lie together in the file."""

    range: ByteRange
    z: int
    row_start: int
    row_stop: int


class _RegularPages(Sequence[Page]):
    """Pages at a fixed distance, all like the second one; the first may differ, and the last ends the list."""

    def __init__(self, first: Page, second: Page, stride: int, count: int) -> None:
        self._first, self._second, self._stride, self._count = first, second, stride, count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self._count:
            raise IndexError(index)
        if index == 0:
            return self._first
        page = self._second.shifted((index - 1) * self._stride)
        return replace(page, next_offset=0) if index == self._count - 1 else page


class _Window:
    """The bytes read last, with a read-ahead that grows while reads follow one another and starts small again after a jump."""

    def __init__(self, fetch: Fetch, size_bytes: int) -> None:
        self._fetch = fetch
        self._size_bytes = size_bytes
        self._start = 0
        self._body: bytes | bytearray = b""
        self._ahead_bytes = _AHEAD_BYTES_MIN

    def read(self, start: int, stop: int) -> bytes:
        end = self._start + len(self._body)
        if not self._start <= start <= stop <= end:
            is_next = bool(self._body) and self._start <= start <= end + self._ahead_bytes
            self._ahead_bytes = min(2 * self._ahead_bytes, _AHEAD_BYTES_MAX) if is_next else _AHEAD_BYTES_MIN
            self._body = self._fetch(start, max(stop, min(start + self._ahead_bytes, self._size_bytes)))
            self._start = start
        return bytes(self._body[start - self._start : stop - self._start])


class TiffStack:
    """`fetch(start, stop)` gives bytes of the file; ranges it is asked for lie inside `size_bytes`.

    With a `layout` that is known nothing is read before the first region. `directories_checked` says that the layout was compared with the file
    by other means, so that directories need not be there.
    """

    def __init__(
        self,
        fetch: Fetch,
        size_bytes: int,
        place: str,
        *,
        gap_bytes_max: int = GAP_BYTES_MAX,
        range_bytes_max: int = RANGE_BYTES_MAX,
        layout: TiffLayout | None = None,
        directories_checked: bool = False,
    ) -> None:
        self._fetch = fetch
        self._size_bytes = size_bytes
        self._place = place
        self._gap_bytes_max = gap_bytes_max
        self._range_bytes_max = range_bytes_max
        self._pages: Sequence[Page]
        if layout is not None:
            self._header, self._pages = layout.header, layout.pages
        else:
            window = _Window(self._bounded, size_bytes)
            self._header = read_header(window.read, place)
            self._pages = self._find_pages(window)
        was_walked = layout is None and isinstance(self._pages, list)
        self._is_checked = np.full(len(self._pages), was_walked or directories_checked, dtype=bool)
        self.shape = self.layout.shape
        self.dtype = self.layout.dtype

    @property
    def layout(self) -> TiffLayout:
        """What is known of the pages now: a page that was not where it was predicted changes it."""
        return TiffLayout(self._header, self._pages)

    def read(self, region: Region) -> Voxels:
        """The voxels of a region in native byte order."""
        wanted = [z for z in range(region.start[0], region.stop[0]) if not self._is_checked[z]]
        voxels, misplaced = self._read_rows(region, wanted)
        if misplaced:
            log.warning(
                "a page is not where the others say; walking the list",
                extra={"place": self._place, "page": misplaced[0]},
            )
            self._walk_again()
            voxels, _ = self._read_rows(region, [])
        self._is_checked[region.start[0] : region.stop[0]] = True
        return voxels

    def _read_rows(self, region: Region, unchecked: list[int]) -> tuple[Voxels, list[int]]:
        """The rows of a region where the pages are thought to be, and the pages whose directory says otherwise."""
        voxels = np.empty(region.shape, dtype=self.dtype.newbyteorder("="))
        pieces = sorted(self._pieces(region))
        directories = {z: self._pages[z].directory for z in unchecked}
        ranges = [piece.range for piece in pieces] + [part for parts in directories.values() for part in parts]
        if any(part.stop > self._size_bytes for part in ranges):
            return voxels, unchecked or [region.start[0]]
        arrived: dict[ByteRange, bytes] = {}
        index = 0
        for whole in coalesce(ranges, gap_bytes_max=self._gap_bytes_max, size_bytes_max=self._range_bytes_max):
            body = memoryview(self._bounded(whole.start, whole.stop))
            while index < len(pieces) and pieces[index].range.stop <= whole.stop:
                self._place_rows(voxels, region, pieces[index], body[pieces[index].range.start - whole.start :])
                index += 1
            for parts in directories.values():
                for part in parts:
                    if whole.start <= part.start and part.stop <= whole.stop:
                        arrived[part] = bytes(body[part.start - whole.start : part.stop - whole.start])
        return voxels, [z for z in unchecked if not self._is_as_predicted(self._pages[z], arrived)]

    def _pieces(self, region: Region) -> Iterator[_Piece]:
        for z in range(region.start[0], region.stop[0]):
            page = self._pages[z]
            rows_max = max(1, self._range_bytes_max // page.row_bytes)
            for run in page.runs:
                first, last = max(run.row_start, region.start[1]), min(run.row_stop, region.stop[1])
                for row in range(first, last, rows_max):
                    stop = min(row + rows_max, last)
                    at = run.offset + (row - run.row_start) * page.row_bytes
                    yield _Piece(ByteRange(at, at + (stop - row) * page.row_bytes), z, row, stop)

    def _place_rows(self, voxels: Voxels, region: Region, piece: _Piece, body: memoryview) -> None:
        width = self.shape[2]
        rows = np.frombuffer(body, self.dtype, (piece.row_stop - piece.row_start) * width).reshape(-1, width)
        z, y = piece.z - region.start[0], piece.row_start - region.start[1]
        voxels[z, y : y + len(rows)] = rows[:, region.start[2] : region.stop[2]]

    def _is_as_predicted(self, page: Page, arrived: dict[ByteRange, bytes]) -> bool:
        def read(start: int, stop: int) -> bytes:
            for part in page.directory:
                if part.start <= start and stop <= part.stop:
                    return arrived[part][start - part.start : stop - part.start]
            raise UnsupportedFile(f"{self._place}: byte {start} is not where the directory was predicted")

        try:
            return read_page(read, self._header, page.offset, self._place) == page
        except UnsupportedFile:
            return False

    def _find_pages(self, window: _Window) -> list[Page] | _RegularPages:
        first = self._page(window, self._header.first)
        if not first.next_offset:
            return self._imagej_pages(window, first)
        second = self._page(window, first.next_offset)
        if second.next_offset:
            third = self._page(window, second.next_offset)
            pages = self._regular(window, first, second, third)
            if pages is not None:
                return pages
        return self._walk(window)

    def _regular(self, window: _Window, first: Page, second: Page, third: Page) -> _RegularPages | None:
        """The predicted pages when the first three, the middle and the last one agree with the prediction."""
        stride = third.offset - second.offset
        if stride <= 0 or second.image != first.image or second.shifted(stride) != third:
            return None
        count = 2 + (self._size_bytes - second.end) // stride
        pages = _RegularPages(first, second, stride, count)
        try:
            agree = all(self._page(window, pages[k].offset) == pages[k] for k in (count // 2, count - 1))
        except UnsupportedFile:
            return None
        return pages if agree else None

    def _walk(self, window: _Window) -> list[Page]:
        pages: list[Page] = []
        seen: set[int] = set()
        offset = self._header.first
        while offset:
            if offset in seen:
                raise UnsupportedFile(f"{self._place}: its list of pages runs in a circle; the file is damaged")
            seen.add(offset)
            pages.append(self._page(window, offset))
            if pages[-1].image != pages[0].image:
                raise UnsupportedFile(
                    f"{self._place}: page {len(pages) - 1} is {_words(pages[-1])} and page 0 {_words(pages[0])}; "
                    "give a stack of equal pages"
                )
            offset = pages[-1].next_offset
        return pages

    def _walk_again(self) -> None:
        window = _Window(self._bounded, self._size_bytes)
        self._header = read_header(window.read, self._place)
        pages = self._walk(window)
        if (len(pages), *pages[0].image) != (*self.shape, self.dtype):
            raise UnsupportedFile(
                f"{self._place}: it has {len(pages)} pages of {_words(pages[0])}, and its first and last pages "
                f"promise {self.shape[0]}; convert it to a TIFF of regular pages"
            )
        self._pages = pages
        self._is_checked[:] = True

    def _imagej_pages(self, window: _Window, first: Page) -> list[Page]:
        """ImageJ writes stacks that do not fit a classic TIFF as one directory and says in its description how many images follow."""
        description = read_description(window.read, self._header, first, self._place)
        match = _IMAGEJ_IMAGES.search(description) if description.startswith("ImageJ=") else None
        count = int(match[1]) if match else 1
        page_bytes = first.height * first.row_bytes
        if count > 1 and (len(first.runs) != 1 or first.runs[0].offset + count * page_bytes > self._size_bytes):
            raise UnsupportedFile(f"{self._place}: ImageJ announces {count} images and the file does not hold them")
        if first.end > self._size_bytes:
            raise UnsupportedFile(
                f"{self._place}: the image ends at byte {first.end} of {self._size_bytes}; it is cut off"
            )
        if count == 1:
            return [first]
        at = first.runs[0].offset
        return [replace(first, runs=(Run(0, first.height, at + k * page_bytes),)) for k in range(count)]

    def _page(self, window: _Window, offset: int) -> Page:
        page = read_page(window.read, self._header, offset, self._place)
        if page.end > self._size_bytes:
            raise UnsupportedFile(
                f"{self._place}: a page ends at byte {page.end} of a file of {self._size_bytes}; it is cut off"
            )
        return page

    def _bounded(self, start: int, stop: int) -> bytes | bytearray:
        if not 0 <= start < stop <= self._size_bytes:
            raise UnsupportedFile(
                f"{self._place}: it points to bytes {start}-{stop} of {self._size_bytes}; the file is damaged or cut off"
            )
        return self._fetch(start, stop)


def _words(page: Page) -> str:
    return f"{page.height}x{page.width} {page.dtype.newbyteorder('=')}"
