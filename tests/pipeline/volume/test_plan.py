"""Levels, shard edges and the memory budget."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import VolumeError
from pipeline.sources.base import Description, Level
from pipeline.volume.budget import make_plan, working_set_bytes
from pipeline.volume.geometry import plan_levels, shard_edge
from tests.pipeline.synthetic import SyntheticSource, one_level


def describe(*levels: Level) -> Description:
    return SyntheticSource(levels).describe()


@pytest.mark.parametrize(
    ("item_size_bytes", "bound_mb", "edge"),
    [(1, 64, 256), (2, 64, 256), (4, 64, 128), (1, 134.217728, 512), (1, 134.217727, 256), (1, 0.001, 64), (2, 8, 128)],
)
def test_a_shard_is_the_largest_cube_within_the_bound(item_size_bytes: int, bound_mb: float, edge: int) -> None:
    assert shard_edge(item_size_bytes, bound_mb * 1e6) == edge


def test_levels_halve_up_to_one_chunk_with_right_scales_and_half_voxel_translations() -> None:
    levels = plan_levels(describe(*one_level((130, 65, 257))), 64)
    assert [level.shape for level in levels] == [(130, 65, 257), (65, 33, 129), (33, 17, 65), (17, 9, 33)]
    assert [level.voxel_size_nm for level in levels] == [
        (50.0, 8.0, 4.0),
        (100.0, 16.0, 8.0),
        (200.0, 32.0, 16.0),
        (400.0, 64.0, 32.0),
    ]
    # Level n starts (2^n - 1) / 2 voxels of level 0 after it.
    assert [level.translation_nm for level in levels] == [
        (5.0, 0.0, 1.0),
        (30.0, 4.0, 3.0),
        (80.0, 12.0, 7.0),
        (180.0, 28.0, 15.0),
    ]


@given(
    shape=st.tuples(st.integers(1, 5000), st.integers(1, 5000), st.integers(1, 5000)),
)
def test_the_centre_of_a_level_voxel_is_the_mean_of_the_centres_below(shape: tuple[int, int, int]) -> None:
    levels = plan_levels(describe(*one_level(shape)), 64)
    for below, above in itertools.pairwise(levels):
        for axis in range(3):
            centres = [below.translation_nm[axis] + i * below.voxel_size_nm[axis] for i in (2, 3)]
            found = above.translation_nm[axis] + 1 * above.voxel_size_nm[axis]
            assert found == pytest.approx(sum(centres) / 2)


def test_scales_of_the_source_are_kept_as_they_are() -> None:
    fine = Level((99, 50, 51), "int16", (3.0, 4.0, 4.0))
    coarse = Level((49, 25, 25), "int16", (6.1, 8.0, 8.0), (1.5, 2.0, 2.0))
    levels = plan_levels(describe(fine, coarse), 64)
    assert [(level.shape, level.voxel_size_nm, level.translation_nm) for level in levels] == [
        (fine.shape, fine.voxel_size_nm, fine.translation_nm),
        (coarse.shape, coarse.voxel_size_nm, coarse.translation_nm),
    ]


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ((Level((1, 1, 1), "uint64", (1.0, 1.0, 1.0)),), "data type 'uint64'"),
        ((Level((0, 1, 1), "uint8", (1.0, 1.0, 1.0)),), "holds no voxel"),
        ((Level((1, 1, 1), "uint8", (1.0, 0.0, 1.0)),), "voxel size"),
        ((Level((2, 2, 2), "uint8", (1.0, 1.0, 1.0)), Level((4, 4, 4), "uint8", (1.0, 1.0, 1.0))), "finest first"),
    ],
)
def test_a_volume_that_cannot_be_stored_is_refused(levels: tuple[Level, ...], words: str) -> None:
    with pytest.raises(VolumeError, match=words):
        plan_levels(describe(*levels), 64)


def plan(description: Description, *, memory_gb: float = 0.3, workers: int = 1, claimed_edge: int | None = None):  # type: ignore[no-untyped-def]
    return make_plan(
        description,
        shard_bytes_max=64e6,
        memory_bytes_max=memory_gb * 1e9,
        workers_max=workers,
        claimed_edge=claimed_edge,
    )


def test_the_whole_hemibrain_fits_into_the_default_memory() -> None:
    made = plan(describe(*one_level((41408, 39725, 34432))))
    assert made.shard_edge == 256
    assert working_set_bytes(made.levels, made.is_copy, (1, 1, 1), 1) <= 300e6


def test_less_memory_makes_smaller_shards_and_then_a_refusal() -> None:
    volume = describe(*one_level((4096, 4096, 4096), "int16"))
    assert plan(volume, memory_gb=1).shard_edge == 256
    assert plan(volume, memory_gb=0.2).shard_edge == 128
    with pytest.raises(VolumeError, match=r"need 0\.10 GB, MEMORY_LIMIT_GB allows 0\.01; raise it"):
        plan(volume, memory_gb=0.01)


def test_workers_are_taken_as_far_as_memory_allows_and_never_change_the_shards() -> None:
    volume = describe(*one_level((4096, 4096, 4096)))
    edges = {(memory_gb, n): plan(volume, memory_gb=memory_gb, workers=n) for memory_gb in (0.3, 4) for n in (1, 16)}
    assert {made.shard_edge for made in edges.values()} == {256}
    assert 1 <= edges[0.3, 16].workers < 4
    assert edges[4, 16].workers == 16


def test_a_page_wide_source_is_read_in_whole_rows_when_memory_allows() -> None:
    volume = describe(*one_level((1065, 1536, 2048), read_unit=(1, 1, 2048)))
    assert plan(volume, memory_gb=1).group_sizes == ((1, 1, 8),)
    assert plan(volume, memory_gb=0.25).group_sizes[0][2] < 8


def test_a_begun_data_set_keeps_its_shards_or_is_refused() -> None:
    volume = describe(*one_level((4096, 4096, 4096), "int16"))
    assert plan(volume, memory_gb=1, claimed_edge=64).shard_edge == 64
    with pytest.raises(VolumeError, match="MEMORY_LIMIT_GB"):
        plan(volume, memory_gb=0.2, claimed_edge=256)
