"""OpenOrganelle (Janelia COSEM): a multiscale group of a Zarr v2 hierarchy in a public S3 bucket; every scale is copied as it is.

The hierarchy has no consolidated metadata. The scales and their places come from the `multiscales` of the group (OME-NGFF 0.4) when it has
them. Otherwise the arrays `s0`, `s1`, ... are found by a listing and scaled by what their shapes say: each scale halves (or thirds ...) the one
before it and drops what does not fill a voxel, so the factor from one to the next is the rounded ratio of their sizes.
"""

from __future__ import annotations

import functools
import json
import logging
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from pipeline.errors import SettingsError, UnsupportedFile
from pipeline.sources.base import Description, Level, Region, Voxels
from pipeline.sources.reading import Access
from pipeline.sources.units import nanometres
from pipeline.sources.zarr_v2 import Chunk, ZarrV2Array
from pipeline.transfer import AnonymousBucket, StoredObject
from pipeline.transfer.errors import BrokenData, NotFound

log = logging.getLogger(__name__)

# What the archive's page states of the default volume, for a group without transformations.
VOXEL_SIZE_NM = (2.96, 4.0, 4.0)

_ARRAY_NAME = re.compile(r"^s(\d+)$")
Sizes = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Scale:
    path: str
    voxel_size_nm: Sizes
    translation_nm: Sizes


class OpenOrganelle:
    def __init__(self, url: str, uri: str, *, source_id: str, access: Access) -> None:
        parts = urlsplit(uri)
        if parts.scheme != "s3" or not parts.netloc or not parts.path.strip("/"):
            raise SettingsError(f"OPENORGANELLE_URI={uri}: give s3://bucket/path of a multiscale Zarr group")
        self._uri = uri
        self._group = parts.path.strip("/")
        self._source_id = source_id
        self._bucket = AnonymousBucket(
            url, parts.netloc, access.policy, timeout_s=access.timeout_s, connections_max=access.connections_max
        )
        self._arrays: list[tuple[str, ZarrV2Array]] = []

    def describe(self) -> Description:
        attributes = self._json(".zattrs") or {}
        if self._json(".zgroup") is None and not attributes:
            raise NotFound(self._uri, "there is no Zarr v2 group")
        scales = ngff_scales(attributes)
        paths = [scale.path for scale in scales] or self._list_arrays()
        described: list[dict[str, Any]] = []
        self._arrays = []
        for path in paths:
            array, etag = self._open(path)
            self._arrays.append((path, array))
            described.append(
                {
                    "path": path,
                    "shape": list(array.shape),
                    "chunks": list(array.chunks),
                    "dtype": array.dtype.name,
                    "etag": etag,
                }
            )
        if not scales:
            scales = scales_of_shapes(paths, [array.shape for _, array in self._arrays])
        levels = tuple(
            Level(array.shape, array.dtype.name, scale.voxel_size_nm, scale.translation_nm, read_unit=array.chunks)
            for scale, (_, array) in zip(scales, self._arrays, strict=True)
        )
        name = self._group.rsplit("/", 1)[-1]
        return Description(
            source="openorganelle",
            source_id=self._source_id,
            version={
                "uri": self._uri,
                "scales": described,
                "voxel_sizes_nm_zyx": [list(level.voxel_size_nm) for level in levels],
            },
            levels=levels,
            title=f"{self._group.split('/', 1)[0]} {name}",
            description=f"Multiscale FIB-SEM volume {name} of {self._group.split('/', 1)[0]}, {len(levels)} scales",
            modality="FIB-SEM",
            download_url=self._uri,
            provenance={"internal_zarr_path": self._group, "scales": described},
        )

    def read(self, level: int, region: Region) -> Voxels:
        path, array = self._arrays[level]
        voxels = np.empty(region.shape, array.dtype)
        for chunk in array.chunks_of(region):
            box = tuple(
                slice(a - origin, b - origin)
                for a, b, origin in zip(chunk.part.start, chunk.part.stop, region.start, strict=True)
            )
            decode = functools.partial(_decoded, array, chunk)
            voxels[box] = self._bucket.get(f"{self._group}/{path}/{chunk.key}", decode)
        return voxels

    def close(self) -> None:
        self._bucket.close()

    def _list_arrays(self) -> list[str]:
        """Names s0, s1, ... below the group, in the order of their numbers."""
        found = sorted(
            int(match[1])
            for name in self._bucket.list_prefixes(f"{self._group}/")
            if (match := _ARRAY_NAME.match(name)) is not None
        )
        if not found or found != list(range(len(found))):
            raise NotFound(self._uri, f"arrays s0, s1, ... were expected, found {[f's{n}' for n in found]}")
        return [f"s{number}" for number in found]

    def _open(self, path: str) -> tuple[ZarrV2Array, str]:
        """The array and the ETag of its metadata."""
        place = f"{self._uri}/{path}"

        def decode(stored: StoredObject | None) -> tuple[ZarrV2Array, str]:
            if stored is None:
                raise NotFound(f"{place}/.zarray", "there is no such object")
            return ZarrV2Array(stored.body, place), stored.etag

        return self._bucket.get(f"{self._group}/{path}/.zarray", decode)

    def _json(self, name: str) -> dict[str, Any] | None:
        def decode(stored: StoredObject | None) -> Any:
            try:
                return None if stored is None else json.loads(stored.body)
            except ValueError as error:
                raise BrokenData(f"{self._uri}/{name}", f"not JSON ({error})") from error

        document = self._bucket.get(f"{self._group}/{name}", decode)
        return document if isinstance(document, dict) else None


def _decoded(array: ZarrV2Array, chunk: Chunk, stored: StoredObject | None) -> Voxels:
    return array.decode(chunk, None if stored is None else stored.body)


def ngff_scales(attributes: dict[str, Any]) -> list[Scale]:
    """The scales of OME-NGFF 0.4 `multiscales`; none when there are none, or when they are written in a way that is not known."""
    try:
        multiscale = attributes["multiscales"][0]
        axes = [str(axis["name"]) for axis in multiscale["axes"]]
        units = [str(axis.get("unit", "nanometer")) for axis in multiscale["axes"]]
        if axes != ["z", "y", "x"]:
            raise UnsupportedFile(f"multiscales: axes {axes}; only z, y, x volumes are read")
        outer = multiscale.get("coordinateTransformations", [])
        return [_ngff_scale(dataset, outer, units) for dataset in multiscale["datasets"]]
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        if "multiscales" in attributes:
            log.warning(
                "multiscales of an unknown form, scales are taken from the shapes", extra={"reason": repr(error)}
            )
        return []


def _ngff_scale(dataset: dict[str, Any], outer: list[dict[str, Any]], units: list[str]) -> Scale:
    """The transformations of a dataset, then those of the multiscale, each a scale or a translation."""
    scale, shift = np.ones(3), np.zeros(3)
    for transformation in [*dataset["coordinateTransformations"], *outer]:
        values = np.array(transformation[transformation["type"]], dtype=float)
        if transformation["type"] == "scale":
            scale, shift = scale * values, shift * values
        else:
            shift = shift + values
    return Scale(str(dataset["path"]), _in_nm(scale, units), _in_nm(shift, units))


def _in_nm(values: np.ndarray[tuple[int], np.dtype[np.float64]], units: list[str]) -> Sizes:
    found = [nanometres(float(value), unit) for value, unit in zip(values, units, strict=True)]
    if found[0] is None or found[1] is None or found[2] is None:
        raise UnsupportedFile(f"multiscales: units {units}; only lengths are read")
    return found[0], found[1], found[2]


def scales_of_shapes(paths: list[str], shapes: list[tuple[int, int, int]]) -> list[Scale]:
    """Scales without metadata: factors from the shapes, voxels placed by their centres as averaging leaves them."""
    factor = [1, 1, 1]
    scales: list[Scale] = []
    for number, (path, shape) in enumerate(zip(paths, shapes, strict=True)):
        if number:
            factor = [f * max(1, round(a / b)) for f, a, b in zip(factor, shapes[number - 1], shape, strict=True)]
        sizes = [size * f for size, f in zip(VOXEL_SIZE_NM, factor, strict=True)]
        shifts = [size * (f - 1) / 2 for size, f in zip(VOXEL_SIZE_NM, factor, strict=True)]
        scales.append(Scale(path, (sizes[0], sizes[1], sizes[2]), (shifts[0], shifts[1], shifts[2])))
    return scales
