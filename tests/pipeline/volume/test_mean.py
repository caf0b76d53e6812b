"""The 2x2x2 mean against exact fractions."""

from __future__ import annotations

import itertools
from fractions import Fraction
from math import floor

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sources.base import Voxels
from pipeline.volume.geometry import DATA_TYPES
from pipeline.volume.mean import halve

INTEGERS = [name for name in DATA_TYPES if "int" in name]


def exact(voxels: Voxels) -> Voxels:
    """One voxel at a time, in fractions, over the voxels that exist."""
    shape = tuple(-(-size // 2) for size in voxels.shape)
    result = np.empty(shape, voxels.dtype)
    for index in itertools.product(*(range(size) for size in shape)):
        box = voxels[tuple(slice(2 * i, 2 * i + 2) for i in index)]
        result[index] = floor(Fraction(sum(int(value) for value in box.flat), box.size) + Fraction(1, 2))
    return result


@given(
    data=st.data(),
    dtype=st.sampled_from(INTEGERS),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 5)),
)
def test_integers_are_rounded_half_up_exactly(data: st.DataObject, dtype: str, shape: tuple[int, int, int]) -> None:
    voxels = data.draw(arrays.arrays(dtype, shape))
    found = halve(voxels)
    assert found.dtype == voxels.dtype
    np.testing.assert_array_equal(found, exact(voxels))


@pytest.mark.parametrize(
    ("pair", "mean"), [((0, 1), 1), ((-1, 0), 0), ((-1, -2), -1), ((-3, 0), -1), ((254, 255), 255), ((7, 7), 7)]
)
def test_halves_go_up_also_below_zero(pair: tuple[int, int], mean: int) -> None:
    assert halve(np.array([[pair]], "int16")).item() == mean


@pytest.mark.parametrize("dtype", INTEGERS)
def test_extreme_values_do_not_overflow(dtype: str) -> None:
    limits = np.iinfo(dtype)
    for value in (limits.min, limits.max):
        assert halve(np.full((2, 2, 2), value, dtype)).item() == value


def test_floats_are_averaged_and_not_rounded() -> None:
    assert halve(np.array([[[0.0, 0.5]], [[1.0, 1.0]]], "float32")).item() == 0.625


def test_slabs_do_not_show_when_the_volume_is_taller_than_one() -> None:
    voxels = np.random.default_rng(5).integers(0, 255, (37, 3, 4), "uint8")
    np.testing.assert_array_equal(halve(voxels), exact(voxels))
