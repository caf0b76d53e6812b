"""TIFF files for tests, built page by page so that their layout is the test's, not a library's."""

import struct
from collections.abc import Callable
from typing import Literal

from pipeline.sources.base import Voxels

Blocks = list[tuple[int, int]]


class Counted:
    """Bytes behind a fetch that counts its calls, as a server would see them."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.requests: Blocks = []

    def __call__(self, start: int, stop: int) -> bytes:
        assert 0 <= start < stop <= len(self.content)
        self.requests.append((start, stop))
        return self.content[start:stop]


def scattered_tiff(
    voxels: Voxels, *, order: Literal["<", ">"] = "<", rows_per_strip: int = 4, pad: Callable[[int], int] = lambda _: 0
) -> bytes:
    """Rows, then the directory with its strip arrays behind it, page after page: what libtiff writes."""
    pages, height, width = voxels.shape
    body = bytearray(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0))
    link_at = 4
    for z in range(pages):
        body += bytes(pad(z) + (len(body) + pad(z)) % 2)
        row_bytes = width * voxels.itemsize
        at = len(body)
        body += voxels[z].astype(voxels.dtype.newbyteorder(order)).tobytes()
        body += bytes(len(body) % 2)
        strips = -(-height // rows_per_strip)
        offsets = [at + i * rows_per_strip * row_bytes for i in range(strips)]
        counts = [min(rows_per_strip, height - i * rows_per_strip) * row_bytes for i in range(strips)]
        ifd = len(body)
        struct.pack_into(order + "I", body, link_at, ifd)
        sample_format = {"u": 1, "i": 2, "f": 3}[voxels.dtype.kind]
        tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [voxels.itemsize * 8]), (259, 3, [1])]
        tags += [
            (273, 4, offsets),
            (277, 3, [1]),
            (278, 4, [rows_per_strip]),
            (279, 4, counts),
            (339, 3, [sample_format]),
        ]
        link_at = ifd + 2 + 12 * len(tags)
        behind = link_at + 4
        entries, values = bytearray(struct.pack(order + "H", len(tags))), bytearray()
        for tag, kind, numbers in tags:
            raw = struct.pack(f"{order}{len(numbers)}{'H' if kind == 3 else 'I'}", *numbers)
            if len(raw) > 4:
                entries += struct.pack(order + "HHII", tag, kind, len(numbers), behind + len(values))
                values += raw
            else:
                entries += struct.pack(order + "HHI", tag, kind, len(numbers)) + raw.ljust(4, b"\0")
        body += entries + bytes(4) + values
    return bytes(body)
