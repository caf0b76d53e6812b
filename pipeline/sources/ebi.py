"""EMPIAR (EMBL-EBI): the slices of an entry, stacked to one volume. Metadata from the EMPIAR API, DM3 files from anonymous FTP.

A slice is a file, the number at the end of its name is its z. Its header stands around the pixels, so the first slice is fetched to describe
the volume (the sizes that the API gives do not agree with the files); what it says is kept in the index, for the next run. FTP serves no ranges:
a slice is fetched once, whole, into a slot of one unnamed temporary file, and only when a region needs it. There are as many slots as slices fit
into `scratch_bytes_max`, and at least as many as the region that is read has.
"""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import UnsupportedFile
from pipeline.sources.base import Description, Level, Region, Voxels
from pipeline.sources.dm3 import Dm3Image, read_header
from pipeline.sources.index import SourceIndex
from pipeline.sources.reading import Access, member
from pipeline.sources.slots import Slots
from pipeline.transfer import FtpClient
from pipeline.transfer.errors import NotFound, SourceChanged, UnexpectedAnswer
from pipeline.transfer.ranges import Fetch

log = logging.getLogger(__name__)

PUBLIC_URL = "https://ftp.ebi.ac.uk"
DATA_PATH = "/empiar/world_availability/{entry_id}/data"
SCRATCH_BYTES_MAX = 1024**3
SLICE_DISTANCE_NM = 50.0

_COUNTS = ("num_images_or_tilt_series", "num_images")

_NUMBER = re.compile(r"(\d+)(?=\.[^.]+$)")
# What an entry may hold beside its slices: images of these kinds are data that would be lost silently.
_OTHER_IMAGES = re.compile(
    r"\.(dm4|mrcs?|map|rec|st|ali|ser|em|raw|hdf5?|h5|n5|tiff?|png|jpe?g|jp2|bmp)$", re.IGNORECASE
)

_LENGTH = r"(\d+(?:\.\d+)?)\s*nm"
_BY = r"\s*(?:nm)?\s*[x\u00d7]\s*"
# In the order in which they are trusted: three lengths; a length with its axis behind it; one with its axis before it.
_SLICE_DISTANCES = (
    re.compile(rf"\d+(?:\.\d+)?{_BY}\d+(?:\.\d+)?{_BY}{_LENGTH}", re.IGNORECASE),
    re.compile(
        rf"{_LENGTH}[\s-]*(?:(?:in|along|for)\s+)?(?:the\s+)?(?:z\b|sections?\b|slices?\b|thick)", re.IGNORECASE
    ),
    re.compile(
        rf"(?:\bz\b|\bthickness|\bsection(?:s|ing)?|\bslic(?:e|es|ing)|\bcut)[^\d.;,]{{0,30}}{_LENGTH}", re.IGNORECASE
    ),
)


class Ebi:
    def __init__(
        self,
        api_url: str,
        ftp_url: str,
        *,
        entry_id: str,
        source_id: str,
        scratch_dir: Path,
        access: Access,
        index: SourceIndex,
        scratch_bytes_max: int = SCRATCH_BYTES_MAX,
    ) -> None:
        self._entry_url = f"{api_url.rstrip('/')}/entry/{entry_id}/"
        self._entry_id = entry_id
        self._directory = DATA_PATH.format(entry_id=entry_id)
        self._source_id = source_id
        self._scratch_dir = scratch_dir
        self._scratch_bytes_max = scratch_bytes_max
        self._http = access.http()
        self._ftp = FtpClient(ftp_url, access.policy, timeout_s=access.timeout_s)
        self._index = index
        self._lock = threading.Lock()
        self._slices: list[tuple[str, int]] = []
        self._first: Dm3Image | None = None
        self._is_from_index = False
        self._slots: Slots | None = None

    def describe(self) -> Description:
        key = f"EMPIAR-{self._entry_id}"
        entry = member(self._http.get_json(self._entry_url), key, dict, self._entry_url)
        names = order_slices(self._ftp.list_names(self._directory), self._ftp.place(self._directory))
        self._slices = self._with_sizes(names)
        image_set = _image_set(entry, len(self._slices))
        with self._lock:
            first = self._first = self._first_image()
        voxel_size_nm, origin_of_size = voxel_size(image_set, first, self._entry_url)
        shape = (len(self._slices), *first.shape)
        dtype = first.dtype.newbyteorder("=").name
        return Description(
            source="ebi",
            source_id=self._source_id,
            version={
                "entry": key,
                "files": [{"name": name, "size_bytes": size_bytes} for name, size_bytes in self._slices],
                "shape": list(shape),
                "dtype": dtype,
                "voxel_size_nm_zyx": list(voxel_size_nm),
            },
            levels=(Level(shape=shape, dtype=dtype, voxel_size_nm=voxel_size_nm, read_unit=(1, *first.shape)),),
            title=str(entry.get("title") or key),
            description=str(entry.get("title") or f"Slices of {key}"),
            modality="SEM" if "SEM" in str(entry.get("experiment_type", "")).upper() else "EM",
            download_url=f"{PUBLIC_URL}{self._directory}/",
            provenance={
                "entry": key,
                "experiment_type": entry.get("experiment_type"),
                "image_set": {name: image_set.get(name) for name in ("name", "details", "pixel_width", "pixel_height")},
                "voxel_size_from": origin_of_size,
                "files": [name for name, _ in self._slices],
            },
        )

    def read(self, level: int, region: Region) -> Voxels:  # noqa: ARG002 - the archive offers one level
        if self._first is None:
            raise RuntimeError("Ebi.read before Ebi.describe")
        (z0, y0, x0), (z1, y1, x1) = region.start, region.stop
        voxels = np.empty(region.shape, self._first.dtype.newbyteorder("="))
        with self._lock:
            self._room().make_room_for(z1 - z0)
            for z in range(z0, z1):
                fetch = self._fetch(z)
                image = self._header(z, fetch)
                row_bytes = image.shape[1] * image.dtype.itemsize
                rows = fetch(image.offset + y0 * row_bytes, image.offset + y1 * row_bytes)
                voxels[z - z0] = np.frombuffer(rows, image.dtype).reshape(y1 - y0, -1)[:, x0:x1]
        return voxels

    def close(self) -> None:
        if self._slots is not None:
            self._slots.close()
        self._http.close()
        self._ftp.close()

    def _with_sizes(self, names: list[str]) -> list[tuple[str, int]]:
        sizes: list[tuple[str, int]] = []
        for name in names:
            path = f"{self._directory}/{name}"
            try:
                sizes.append((name, self._ftp.size(path)))
            except NotFound:
                if not self._ftp.is_directory(path):
                    raise
                log.info("ignored: a directory", extra={"place": self._ftp.place(path)})
        if not sizes:
            raise UnsupportedFile(f"{self._ftp.place(self._directory)}: no .dm3 slice; check EBI_ENTRY_ID")
        return sizes

    def _first_image(self) -> Dm3Image:
        """The image of the first slice, from the index or from the slice."""
        listing = [list(one) for one in self._slices]
        known = self._index.load(listing, Dm3Image.from_json)
        self._is_from_index = known is not None
        if known is not None:
            return known
        found = self._header(0, self._fetch(0))
        self._index.save(listing, found.to_json())
        return found

    def _room(self) -> Slots:
        if self._slots is None:
            slot_bytes = max(size_bytes for _, size_bytes in self._slices)
            self._slots = Slots(self._scratch_dir, slot_bytes=slot_bytes, bytes_max=self._scratch_bytes_max)
        return self._slots

    def _fetch(self, z: int) -> Fetch:
        name, size_bytes = self._slices[z]
        path = f"{self._directory}/{name}"
        return self._room().get(name, lambda sink: self._ftp.fetch(path, sink, size_bytes=size_bytes))

    def _header(self, z: int, fetch: Fetch) -> Dm3Image:
        name, size_bytes = self._slices[z]
        place = self._ftp.place(f"{self._directory}/{name}")
        image = read_header(fetch, size_bytes, place)
        if self._first is None:
            return image
        is_like_first = (image.shape, image.dtype) == (self._first.shape, self._first.dtype)
        if self._is_from_index and not is_like_first:
            # Which of the two is the stranger is not known: this slice, or the first one, which was not looked at in this run.
            self._index.forget(place)
            raise SourceChanged(
                place, f"{_words(image)}, and the first slice was {_words(self._first)} when it was described"
            )
        if not is_like_first:
            raise UnsupportedFile(
                f"{place}: {_words(image)} and the first slice is {_words(self._first)}; "
                "slices of one volume have one shape and type"
            )
        # Seen with its own bytes: from here on a slice that differs is the stranger.
        self._is_from_index = self._is_from_index and z != 0
        return image


def _words(image: Dm3Image) -> str:
    return f"{image.shape} {image.dtype}"


def order_slices(names: list[str], place: str) -> list[str]:
    """The .dm3 files by their numbers; what is no image is left out, an image of another kind is refused."""
    slices: dict[int, str] = {}
    for name in names:
        if _OTHER_IMAGES.search(name):
            raise UnsupportedFile(f"{place}/{name}: an image of a kind that is not read; only .dm3 slices are")
        if not name.lower().endswith(".dm3"):
            log.info("ignored: no image", extra={"place": f"{place}/{name}"})
            continue
        number = _NUMBER.search(name)
        if number is None or int(number[1]) in slices:
            raise UnsupportedFile(f"{place}/{name}: its name does not end in a number of its own, its z is unknown")
        slices[int(number[1])] = name
    missing = [number for number in range(min(slices, default=0), max(slices, default=0)) if number not in slices]
    if missing:
        raise UnsupportedFile(f"{place}: slice {missing[0]} is missing between {min(slices)} and {max(slices)}")
    return [slices[number] for number in sorted(slices)]


def slice_distance_nm(details: str) -> float | None:
    """The distance of slices that a free text states."""
    matches = (pattern.search(details) for pattern in _SLICE_DISTANCES)
    return next((float(match[1]) for match in matches if match), None)


def voxel_size(image_set: dict[str, Any], image: Dm3Image, place: str) -> tuple[tuple[float, float, float], str]:
    """(z, y, x) in nm and where it was found. The API gives pixels in angstrom, the distance of slices only in words."""
    distance = slice_distance_nm(str(image_set.get("details") or ""))
    z, z_from = (distance, "details") if distance is not None else (SLICE_DISTANCE_NM, "default")
    pixel = [_positive(image_set.get(name)) for name in ("pixel_height", "pixel_width")]
    if pixel[0] is not None and pixel[1] is not None:
        return (z, pixel[0] / 10, pixel[1] / 10), f"pixel size: API, slice distance: {z_from}"
    if image.pixel_size_nm is not None:
        return (z, *image.pixel_size_nm), f"pixel size: DM3 calibration, slice distance: {z_from}"
    raise UnexpectedAnswer(place, "neither the API nor the slices say the size of a pixel", "choose another entry")


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number > 0 else None


def _image_set(entry: dict[str, Any], count: int) -> dict[str, Any]:
    """The image set with as many images as there are slices, else the first one."""
    found = [item for item in entry.get("imagesets") or [] if isinstance(item, dict)]
    return next(
        (item for item in found if str(count) in {str(item.get(name)) for name in _COUNTS}), found[0] if found else {}
    )
