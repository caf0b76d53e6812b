"""The 2x2x2 mean that makes a level from the one below it.

Integers are rounded half up, exactly: floor(mean + 1/2), also below zero. At an odd end only the voxels that exist count,
which equals repeating the last plane: both the sum and the count double. Floats are averaged in float64.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from pipeline.sources.base import Voxels

_SUM_TYPES: Final = {
    "uint8": "uint16",
    "uint16": "uint32",
    "uint32": "uint64",
    "int8": "int16",
    "int16": "int32",
    "int32": "int64",
    "float32": "float64",
    "float64": "float64",
}
_SLAB: Final = 16


def halve(voxels: Voxels) -> Voxels:
    """Half the voxels along every axis, rounded up; works in slabs so that the wide sums stay small."""
    shape = tuple(-(-size // 2) for size in voxels.shape)
    result: Voxels = np.empty(shape, voxels.dtype)
    for start in range(0, voxels.shape[0], _SLAB):
        result[start // 2 : (start + _SLAB) // 2] = _halve_slab(voxels[start : start + _SLAB])
    return result


def _halve_slab(slab: Voxels) -> Voxels:
    wide = np.dtype(_SUM_TYPES[slab.dtype.name])
    sums: Any = slab
    for axis in range(3):
        sums = _pair(sums, axis, wide)
    # An arithmetic shift rounds towards minus infinity, so adding half of eight rounds half up.
    mean = sums * 0.125 if wide.kind == "f" else (sums + wide.type(4)) >> wide.type(3)
    result: Voxels = mean.astype(slab.dtype)
    return result


def _pair(voxels: Any, axis: int, wide: np.dtype[Any]) -> Any:
    """Sums of neighbours along an axis; the last one of an odd number is added to itself."""
    before = (slice(None),) * axis
    even, odd = voxels[(*before, slice(0, None, 2))], voxels[(*before, slice(1, None, 2))]
    if even.shape == odd.shape:
        return np.add(even, odd, dtype=wide)
    sums = np.empty(even.shape, wide)
    pairs, rest = (*before, slice(0, odd.shape[axis])), (*before, slice(odd.shape[axis], None))
    np.add(even[pairs], odd, out=sums[pairs], dtype=wide)
    np.add(even[rest], even[rest], out=sums[rest], dtype=wide)
    return sums
