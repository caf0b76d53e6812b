"""FlyEM hemibrain: a crop of a DVID volume. DVID's HTTP API: `/info` and `/raw/0_1_2/<size>/<offset>`, sizes and places in x, y, z order.

The crop is placed by the seed: its origin is a multiple of the block size on every axis, so that blocks of the archive and chunks of the data
set coincide. A crop larger than the volume is clipped to it.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from pipeline.errors import UnsupportedFile
from pipeline.sources.base import Description, Level, Region, Voxels
from pipeline.sources.reading import Access, member
from pipeline.sources.units import nanometres
from pipeline.transfer.errors import UnexpectedAnswer

PUBLIC_URL = "https://hemibrain-dvid.janelia.org"

_DTYPES = {"uint8blk": "u1", "uint16blk": "<u2", "uint32blk": "<u4", "float32blk": "<f4"}

Triple = tuple[int, int, int]


class FlyEm:
    def __init__(
        self, url: str, *, uuid: str, instance: str, crop_size: Triple, seed: int, source_id: str, access: Access
    ) -> None:
        self._base = f"{url.rstrip('/')}/api/node/{uuid}/{instance}"
        self._uuid = uuid
        self._instance = instance
        self._crop_size = crop_size
        self._seed = seed
        self._source_id = source_id
        self._http = access.http()
        self._origin: Triple = (0, 0, 0)
        self._dtype = np.dtype("u1")

    def describe(self) -> Description:
        url = f"{self._base}/info"
        info = self._http.get_json(url)
        kind = member(info, "Base.TypeName", str, url)
        if kind not in _DTYPES:
            raise UnsupportedFile(f"{url}: instance {self._instance} is a {kind}; choose one of {', '.join(_DTYPES)}")
        self._dtype = np.dtype(_DTYPES[kind])
        low = _zyx(member(info, "Extents.MinPoint", list, url), int, url)
        high = tuple(size + 1 for size in _zyx(member(info, "Extents.MaxPoint", list, url), int, url))
        block = _zyx(member(info, "Extended.BlockSize", list, url), int, url)
        if any(b <= a for a, b in zip(low, high, strict=True)) or min(block) < 1:
            raise UnexpectedAnswer(url, f"an empty volume from {low} to {high}", "check FLYEM_UUID and FLYEM_INSTANCE")
        identity = f"{self._uuid}/{self._instance}/{self._seed}"
        placed = [
            place_crop(low[axis], high[axis], self._crop_size[axis], block[axis], f"{identity}/{'zyx'[axis]}")
            for axis in range(3)
        ]
        origin, shape = tuple(a for a, _ in placed), tuple(size for _, size in placed)
        self._origin = (origin[0], origin[1], origin[2])
        level = Level(
            shape=(shape[0], shape[1], shape[2]),
            dtype=self._dtype.newbyteorder("=").name,
            voxel_size_nm=_voxel_size(info, url),
            read_unit=(block[0], block[1], block[2]),
        )
        bounds = {"start_zyx": list(low), "stop_zyx": list(high)}
        crop = {"origin_zyx": list(origin), "shape_zyx": list(shape), "seed": self._seed}
        return Description(
            source="flyem",
            source_id=self._source_id,
            version={
                "uuid": self._uuid,
                "instance": self._instance,
                "type": kind,
                "extents": bounds,
                "origin_zyx": list(origin),
                "shape_zyx": list(shape),
                "voxel_size_nm_zyx": list(level.voxel_size_nm),
            },
            levels=(level,),
            title="FlyEM hemibrain, crop",
            description=f"Crop of the hemibrain grayscale volume at z, y, x = {origin}, of {shape} voxels",
            modality="FIB-SEM",
            download_url=f"{PUBLIC_URL}/api/node/{self._uuid}/{self._instance}",
            provenance={"uuid": self._uuid, "instance": self._instance, "dataset_bounds": bounds, "crop": crop},
        )

    def read(self, level: int, region: Region) -> Voxels:  # noqa: ARG002 - the archive offers one level
        size = "_".join(str(n) for n in reversed(region.shape))
        start = (a + b for a, b in zip(self._origin, region.start, strict=True))
        offset = "_".join(str(n) for n in reversed(tuple(start)))
        size_bytes = int(np.prod(region.shape, dtype=np.int64)) * self._dtype.itemsize
        body = self._http.get_exact(f"{self._base}/raw/0_1_2/{size}/{offset}", size_bytes)
        return np.frombuffer(body, self._dtype).reshape(region.shape).astype(self._dtype.newbyteorder("="), copy=False)

    def close(self) -> None:
        self._http.close()


def place_crop(low: int, high: int, size: int, block: int, identity: str) -> tuple[int, int]:
    """Origin and size of the crop along one axis of a volume from `low` to `high` (exclusive).

    The origin is a block boundary chosen by the hash of `identity`, or `low` when no block boundary leaves room for the crop.
    """
    size = min(size, high - low)
    first, last = -(-low // block), (high - size) // block
    if last < first:
        return low, size
    drawn = int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8], "big")
    return (first + drawn % (last - first + 1)) * block, size


def _zyx(values: list[Any], kind: type | tuple[type, ...], place: str) -> tuple[Any, Any, Any]:
    if len(values) != 3 or not all(isinstance(value, kind) and not isinstance(value, bool) for value in values):
        raise UnexpectedAnswer(place, f"{values!r} is no x, y, z triple", "check FLYEM_UUID and FLYEM_INSTANCE")
    return values[2], values[1], values[0]


def _voxel_size(info: dict[str, Any], place: str) -> tuple[float, float, float]:
    sizes = _zyx(member(info, "Extended.VoxelSize", list, place), (int, float), place)
    units = _zyx(member(info, "Extended.VoxelUnits", list, place), str, place)
    found = [nanometres(size, unit) for size, unit in zip(sizes, units, strict=True)]
    if found[0] is None or found[1] is None or found[2] is None:
        raise UnexpectedAnswer(place, f"voxel units {units}", "use an instance with lengths in nanometers")
    return found[0], found[1], found[2]
