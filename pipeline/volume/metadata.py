"""Zarr v3 and OME-Zarr 0.5 metadata as bytes: a pure function of the plan, never of the time.

Each array has its dimension names, the root the multiscales with a scale and a translation in nanometers for every level,
and, beside `ome`, where the data came from (`em_pipeline`). Keys are sorted and the bytes stable, so that two writers
of the same data set write the same objects.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pipeline.sources.base import JSON
from pipeline.volume import shard
from pipeline.volume.geometry import LevelPlan

PROVENANCE: Final = "em_pipeline"
_AXES: Final = ("z", "y", "x")


def to_bytes(document: Mapping[str, JSON]) -> bytes:
    return (json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n").encode()


def array(level: LevelPlan) -> bytes:
    """`s<n>/zarr.json`."""
    return to_bytes(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": list(level.shape),
            "data_type": level.dtype,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [level.shard_edge] * 3}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "fill_value": 0.0 if level.dtype.startswith("float") else 0,
            "codecs": shard.codecs(),
            "attributes": {},
            "dimension_names": list(_AXES),
            "storage_transformers": [],
        }
    )


def root(levels: Sequence[LevelPlan], *, name: str, is_copy: bool, provenance: Mapping[str, JSON]) -> bytes:
    """`zarr.json` of the data set."""
    multiscale: dict[str, Any] = {
        "name": name,
        "axes": [{"name": axis, "type": "space", "unit": "nanometer"} for axis in _AXES],
        "datasets": [
            {
                "path": level.name,
                "coordinateTransformations": [
                    {"type": "scale", "scale": list(level.voxel_size_nm)},
                    {"type": "translation", "translation": list(level.translation_nm)},
                ],
            }
            for level in levels
        ],
    }
    if not is_copy and len(levels) > 1:
        multiscale["type"] = "mean"
        multiscale["metadata"] = {
            "description": "mean of 2x2x2 voxels of the level before, those that exist; integers rounded half up"
        }
    return to_bytes(
        {
            "zarr_format": 3,
            "node_type": "group",
            "attributes": {"ome": {"version": "0.5", "multiscales": [multiscale]}, PROVENANCE: provenance},
        }
    )
