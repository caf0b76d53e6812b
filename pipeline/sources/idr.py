"""Image Data Resource: one image of a study, its description from the OMERO JSON API, its pixels from a TIFF on FTP.

The file is fetched into an unnamed temporary file when its voxels are first needed; a lost connection continues where it broke off. FTP
transfers have a beginning (REST) and no end. So the first run fetches the whole file and keeps in the index where the pages are; a run
that continues asks for what follows the first page that is still missing, and passes over later pages that are not missing because they stand in
the way. A TIFF says only at its beginning where its pages are, which such a run does not see: the index is compared with the first row
of every page that arrives, and when they disagree the file is fetched whole.
"""

from __future__ import annotations

import os
import re
import threading
import zlib
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.errors import UnsupportedFile
from pipeline.sources.base import Description, Level, Region, Voxels
from pipeline.sources.index import SourceIndex
from pipeline.sources.reading import Access, member
from pipeline.sources.slots import scratch_file
from pipeline.sources.tiff_layout import TiffLayout
from pipeline.sources.tiff_stack import TiffStack
from pipeline.sources.units import nanometres
from pipeline.transfer import FtpClient
from pipeline.transfer.errors import UnexpectedAnswer
from pipeline.transfer.ranges import Fetch

PUBLIC_URL = "https://ftp.ebi.ac.uk"
# Study -> directory of its volumes below the root of the FTP server; the API does not tell it.
DIRECTORIES = {
    "idr0086": "/pub/databases/IDR/idr0086-miron-micrographs/20200610-ftp/experimentD/Miron_FIB-SEM/Miron_FIB-SEM_processed"
}
_SIZE_IN_NAME = re.compile(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)nm", re.IGNORECASE)
_AXES = ("Z", "Y", "X")


@dataclass(frozen=True, slots=True)
class Known:
    """What the index keeps: where the pages are, and the CRC-32 of the first row of each."""

    layout: TiffLayout
    first_rows: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        return {**self.layout.to_json(), "first_rows_crc32": list(self.first_rows)}

    @classmethod
    def from_json(cls, document: Any, size_bytes: int) -> Known:
        layout = TiffLayout.from_json(document, size_bytes)
        first_rows = tuple(int(value) for value in document["first_rows_crc32"])
        if len(first_rows) != len(layout.pages):
            raise ValueError(f"{len(first_rows)} checks of {len(layout.pages)} pages")
        return cls(layout, first_rows)


class Idr:
    def __init__(
        self,
        api_url: str,
        ftp_url: str,
        *,
        dataset_id: str,
        image_id: str,
        source_id: str,
        scratch_dir: Path,
        access: Access,
        index: SourceIndex,
    ) -> None:
        if dataset_id not in DIRECTORIES:
            raise UnsupportedFile(
                f"IDR_DATASET_ID={dataset_id}: the FTP directory of this study is not known; use {', '.join(DIRECTORIES)}"
            )
        self._directory = DIRECTORIES[dataset_id]
        self._image_url = f"{api_url.rstrip('/')}/m/images/{image_id}/"
        self._dataset_id = dataset_id
        self._image_id = image_id
        self._source_id = source_id
        self._scratch_dir = scratch_dir
        self._http = access.http()
        self._ftp = FtpClient(ftp_url, access.policy, timeout_s=access.timeout_s)
        self._lock = threading.Lock()
        self._open_files = ExitStack()
        self._path = ""
        self._size_bytes = 0
        self._index = index
        self._listing: dict[str, str | int] = {}
        self._known: Known | None = None
        self._first_page = 0
        self._expected: tuple[tuple[int, int, int], str] | None = None
        self._stack: TiffStack | None = None

    def describe(self) -> Description:
        data = member(self._http.get_json(self._image_url), "data", dict, self._image_url)
        name = member(data, "Name", str, self._image_url)
        if "/" in name or name in {"", ".", ".."} or not name.isprintable():
            raise UnexpectedAnswer(self._image_url, f"{name!r} is no file name", "check IDR_IMAGE_IDS")
        self._path = f"{self._directory}/{name}"
        pixels = data.get("Pixels", {})
        voxel_size_nm = voxel_size(pixels, name, self._image_url)
        self._size_bytes = self._ftp.size(self._path)
        self._listing = {"name": name, "size_bytes": self._size_bytes}
        self._known = self._index.load(self._listing, lambda layout: Known.from_json(layout, self._size_bytes))
        shape, dtype = self._expected = self._shape_and_type(pixels)
        return Description(
            source="idr",
            source_id=self._source_id,
            version={
                "image": self._image_id,
                "name": name,
                "size_bytes": self._size_bytes,
                "shape": list(shape),
                "dtype": dtype,
                "voxel_size_nm_zyx": list(voxel_size_nm),
            },
            levels=(Level(shape=shape, dtype=dtype, voxel_size_nm=voxel_size_nm, read_unit=(1, 1, shape[2])),),
            title=name,
            description=f"Image {self._image_id} of IDR study {self._dataset_id}",
            modality="FIB-SEM",
            download_url=f"{PUBLIC_URL}{self._path}",
            provenance={
                "image_id": self._image_id,
                "dataset_id": self._dataset_id,
                "file_size_bytes": self._size_bytes,
            },
        )

    def expect(self, regions: Iterable[tuple[int, Region]]) -> None:
        self._first_page = min((region.start[0] for _, region in regions), default=0)

    def read(self, level: int, region: Region) -> Voxels:  # noqa: ARG002 - the archive offers one level
        if region.start[0] < self._first_page:
            raise RuntimeError(f"Idr.read of page {region.start[0]}, which Idr.expect did not name")
        with self._lock:
            stack = self._stack or self._fetch()
            return stack.read(region)

    def close(self) -> None:
        self._open_files.close()
        self._http.close()
        self._ftp.close()

    def _shape_and_type(self, pixels: dict[str, Any]) -> tuple[tuple[int, int, int], str]:
        """From the JSON document; from the file itself when the document is silent."""
        for axis in ("SizeC", "SizeT"):
            if pixels.get(axis, 1) != 1:
                raise UnsupportedFile(f"{self._image_url}: {axis} is {pixels[axis]}; only single grey volumes are read")
        kind = pixels.get("Type")
        z, y, x = (pixels.get(f"Size{axis}") for axis in _AXES)
        if isinstance(kind, dict) and isinstance(z, int) and isinstance(y, int) and isinstance(x, int):
            return (z, y, x), _data_type(str(kind.get("value")), self._image_url)
        known: TiffLayout | TiffStack = self._known.layout if self._known is not None else self._stack or self._fetch()
        return known.shape, known.dtype.newbyteorder("=").name

    def _fetch(self) -> TiffStack:
        file = scratch_file(self._scratch_dir)
        self._open_files.enter_context(file)
        try:
            stack = self._fetch_rest(file, self._known) if self._known is not None else None
            if stack is None:
                stack = self._fetch_whole(file)
            self._check(stack)
        except BaseException:
            file.close()
            raise
        self._stack = stack
        return stack

    def _fetch_whole(self, file: BinaryIO) -> TiffStack:
        file.seek(0)
        self._ftp.fetch(self._path, file, size_bytes=self._size_bytes)
        stack = TiffStack(_reader(file), self._size_bytes, self._ftp.place(self._path))
        layout = stack.layout
        first_rows = tuple(_first_row(file, layout, number) for number in range(len(layout.pages)))
        self._index.save(self._listing, Known(layout, first_rows).to_json())
        return stack

    def _fetch_rest(self, file: BinaryIO, known: Known) -> TiffStack | None:
        """From the first page that is needed; None when what arrives is not what the index says."""
        numbers = range(self._first_page, len(known.layout.pages))
        start = min(run.offset for number in numbers for run in known.layout.pages[number].runs)
        file.seek(start)
        self._ftp.fetch(self._path, file, size_bytes=self._size_bytes, start=start)
        wrong = [number for number in numbers if _first_row(file, known.layout, number) != known.first_rows[number]]
        if wrong:
            self._index.forget(f"page {wrong[0]} of {self._ftp.place(self._path)}")
            return None
        return TiffStack(
            _reader(file),
            self._size_bytes,
            self._ftp.place(self._path),
            layout=known.layout,
            directories_checked=True,
        )

    def _check(self, stack: TiffStack) -> None:
        found = (stack.shape, stack.dtype.newbyteorder("=").name)
        if self._expected is not None and found != self._expected:
            raise UnexpectedAnswer(
                self._ftp.place(self._path),
                f"the file holds {found[0]} {found[1]} and its description says {self._expected[0]} {self._expected[1]}",
                "check IDR_IMAGE_IDS",
            )


def voxel_size(pixels: dict[str, Any], name: str, place: str) -> tuple[float, float, float]:
    """(z, y, x) in nm: what the document says, else what the name says (x, y, z)."""
    found: list[float] = []
    for axis in _AXES:
        length = pixels.get(f"PhysicalSize{axis}")
        if isinstance(length, dict) and isinstance(length.get("Value"), (int, float)) and length["Value"] > 0:
            size = nanometres(length["Value"], str(length.get("Unit", "")))
            if size is not None:
                found.append(size)
    if len(found) == 3:
        return found[0], found[1], found[2]
    match = _SIZE_IN_NAME.search(name)
    if match is None:
        raise UnexpectedAnswer(
            place, "neither the document nor the file name says the voxel size", "choose another image"
        )
    return float(match[3]), float(match[2]), float(match[1])


def _data_type(omero: str, place: str) -> str:
    """OMERO's names of pixel types are numpy's, except the two floating ones."""
    name = {"float": "float32", "double": "float64"}.get(omero, omero)
    if name not in {"uint8", "uint16", "uint32", "int8", "int16", "int32", "float32", "float64"}:
        raise UnsupportedFile(f"{place}: pixels of type {omero}; choose an image of whole or floating numbers")
    return name


def _reader(file: BinaryIO) -> Fetch:
    return lambda start, stop: os.pread(file.fileno(), stop - start, start)


def _first_row(file: BinaryIO, layout: TiffLayout, number: int) -> int:
    page = layout.pages[number]
    return zlib.crc32(os.pread(file.fileno(), page.row_bytes, page.runs[0].offset))
