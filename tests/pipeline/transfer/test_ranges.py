from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.transfer.ranges import ByteRange, coalesce

ranges = st.lists(
    st.tuples(st.integers(0, 2000), st.integers(1, 100)).map(lambda pair: ByteRange(pair[0], pair[0] + pair[1])),
    max_size=40,
)


@settings(deadline=None)
@given(ranges, st.integers(0, 50), st.integers(1, 400))
def test_every_range_lies_in_one_joined_range_and_these_are_disjoint_and_ascending(
    wanted: list[ByteRange], gap: int, size: int
) -> None:
    joined = coalesce(wanted, gap_bytes_max=gap, size_bytes_max=size)
    for part in wanted:
        assert sum(whole.start <= part.start and part.stop <= whole.stop for whole in joined) == 1
    assert all(a.stop <= b.start for a, b in itertools.pairwise(joined))


@settings(deadline=None)
@given(ranges, st.integers(0, 50))
def test_what_is_fetched_in_vain_is_at_most_the_gaps(wanted: list[ByteRange], gap: int) -> None:
    joined = coalesce(wanted, gap_bytes_max=gap, size_bytes_max=1 << 30)
    useful = {byte for part in wanted for byte in range(part.start, part.stop)}
    fetched = sum(whole.size_bytes for whole in joined)
    assert fetched - len(useful) <= gap * max(0, len(wanted) - 1)
    assert all(b.start - a.stop > gap for a, b in itertools.pairwise(joined))


def test_neighbours_are_not_joined_beyond_the_size_bound() -> None:
    wanted = [ByteRange(0, 10), ByteRange(10, 20), ByteRange(20, 30)]
    assert coalesce(wanted, gap_bytes_max=0, size_bytes_max=20) == [ByteRange(0, 20), ByteRange(20, 30)]
