"""The reading order: complete, without repetition, and with few open parents."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.volume.geometry import LevelPlan, ceil_divide, children, parent
from pipeline.volume.order import Group, groups, runs, sorted_keys

grids = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 13))
sizes = st.tuples(st.just(1), st.sampled_from([1, 2, 4]), st.sampled_from([1, 2, 4, 8, 16]))


def level(grid: tuple[int, int, int], number: int = 0) -> LevelPlan:
    shape = (grid[0] * 64, grid[1] * 64, grid[2] * 64)
    return LevelPlan(number, shape, "uint8", (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), 64, (1, 1, 1))


@given(grid=grids, size=sizes)
def test_groups_cover_every_shard_once(grid: tuple[int, int, int], size: tuple[int, int, int]) -> None:
    visited = [index for group in groups(grid, size) for index in group.indices()]
    assert sorted(visited) == sorted(itertools.product(*(range(count) for count in grid)))
    assert len(visited) == len(set(visited))


@given(grid=grids, size=sizes)
def test_open_parents_are_bounded_by_the_group_and_not_by_the_grid(
    grid: tuple[int, int, int], size: tuple[int, int, int]
) -> None:
    waiting: dict[tuple[int, int, int], int] = {}
    most = 0
    for group in groups(grid, size):
        for index in group.indices():
            above = parent(index)
            waiting.setdefault(above, len(children(above, grid)))
            waiting[above] -= 1
            if not waiting[above]:
                del waiting[above]
            most = max(most, len(waiting))
    wide = ceil_divide(size, (2, 2, 2))
    assert most <= wide[0] * wide[1] * wide[2]
    assert not waiting


@given(data=st.data(), size=sizes)
def test_runs_cover_exactly_what_is_wanted(data: st.DataObject, size: tuple[int, int, int]) -> None:
    group = Group((3, 4, 5), (3 + size[0], 4 + size[1], 5 + size[2]))
    wanted = data.draw(st.sets(st.sampled_from(group.indices())))
    found = [index for run in runs(group, wanted) for index in run.indices()]
    assert sorted(found) == sorted(wanted)


def test_a_whole_group_is_one_read() -> None:
    group = Group((0, 0, 0), (1, 2, 4))
    assert runs(group, group.indices()) == [group]


@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 11, 3), (12, 1, 101)])
def test_keys_come_in_byte_order_without_sorting_them_all(grid: tuple[int, int, int]) -> None:
    keys = [key for key, _ in sorted_keys(level(grid))]
    assert keys == sorted(keys)
    assert len(keys) == grid[0] * grid[1] * grid[2]
