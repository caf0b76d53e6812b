"""Where the pages of a TIFF are, as a value: what a stack finds out, and what the index of a source keeps as JSON.

Pages that follow one another at a fixed distance are kept as the first one, the step and their number, so that a file of a thousand regular
pages takes a few lines and one of scattered pages a line each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.sources.tiff import Header, Page, Run
from pipeline.transfer.ranges import ByteRange


@dataclass(frozen=True, slots=True)
class TiffLayout:
    header: Header
    pages: Sequence[Page]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.pages), self.pages[0].height, self.pages[0].width)

    @property
    def dtype(self) -> np.dtype[np.generic]:
        return self.pages[0].dtype

    def to_json(self) -> dict[str, Any]:
        first = self.pages[0]
        return {
            "byte_order": self.header.order,
            "is_big": self.header.is_big,
            "first_directory": self.header.first,
            "plane": [first.height, first.width],
            "dtype": first.dtype.str,
            "pages": _joined(self.pages),
        }

    @classmethod
    def from_json(cls, document: Any, size_bytes: int) -> TiffLayout:
        """The layout of a file of `size_bytes`; ValueError, KeyError or TypeError when it cannot be one."""
        header = Header(document["byte_order"], document["is_big"], document["first_directory"])
        height, width = document["plane"]
        dtype = np.dtype(document["dtype"])
        pages = [page for group in document["pages"] for page in _pages(group, height, width, dtype)]
        if not pages or any(page.end > size_bytes for page in pages):
            raise ValueError(f"pages outside of {size_bytes} bytes")
        return cls(header, pages)


def _joined(pages: Sequence[Page]) -> list[dict[str, Any]]:
    """Runs of pages whose places grow by the same steps."""
    groups: list[dict[str, Any]] = []
    last: list[int] = []
    for page in pages:
        rows, places = [[run.row_start, run.row_stop] for run in page.runs], _places(page)
        group = groups[-1] if groups else None
        if group is not None and group["rows"] == rows and len(last) == len(places):
            step = [b - a for a, b in zip(last, places, strict=True)]
            if group["count"] == 1:
                group["step"] = step
            if group["step"] == step:
                group["count"] += 1
                last = places
                continue
        groups.append({"count": 1, "rows": rows, "first": places, "step": [0] * len(places)})
        last = places
    return groups


def _places(page: Page) -> list[int]:
    runs = [run.offset for run in page.runs]
    return [page.offset, page.next_offset, *runs, *(place for part in page.directory for place in part)]


def _pages(group: dict[str, Any], height: int, width: int, dtype: np.dtype[np.generic]) -> list[Page]:
    first, step, rows = group["first"], group["step"], group["rows"]
    found = []
    for number in range(group["count"]):
        places = [a + number * b for a, b in zip(first, step, strict=True)]
        if min(places) < 0:
            raise ValueError("a page before the beginning of the file")
        runs = tuple(Run(a, b, at) for (a, b), at in zip(rows, places[2 : 2 + len(rows)], strict=True))
        parts = places[2 + len(rows) :]
        directory = tuple(ByteRange(a, b) for a, b in zip(parts[::2], parts[1::2], strict=True))
        found.append(Page(places[0], places[1], height, width, dtype, runs, directory))
    return found
