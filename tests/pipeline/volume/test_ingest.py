"""Whole runs into a sink in memory: right voxels, right order, any interruption, any number of workers."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pipeline.errors import SinkConflict, SourceError, Terminated
from pipeline.settings import Settings
from pipeline.sink import LocalSink
from pipeline.sources.base import Level, Region, Voxels
from pipeline.volume import Outcome, ingest
from pipeline.volume.mean import halve
from tests.pipeline.sink.memory import MemorySink
from tests.pipeline.synthetic import Shape, SyntheticSource, one_level, settings, voxels_of

SHAPE = (70, 131, 200)
COPIED = (
    Level((65, 70, 130), "int16", (3.0, 4.0, 4.0)),
    Level((32, 35, 65), "int16", (6.0, 8.0, 8.0), (1.5, 2.0, 2.0)),
)


def run(source: SyntheticSource, sink: MemorySink, given: Settings | None = None) -> Outcome:
    return ingest(source, source.describe(), sink, given or settings("unused"))


def reference(levels: tuple[Level, ...] = one_level(SHAPE)) -> MemorySink:
    sink = MemorySink()
    run(SyntheticSource(levels), sink)
    return sink


def check_voxels(folder: Path, levels: tuple[Level, ...], count: int) -> None:
    group = zarr.open_group(folder, mode="r")
    expected: Voxels | None = None
    for number in range(count):
        if number < len(levels):
            expected = voxels_of(Region((0, 0, 0), levels[number].shape), levels[number].dtype, number)
        elif expected is not None:
            expected = halve(expected)
        array = group[f"s{number}"]
        assert isinstance(array, zarr.Array)
        np.testing.assert_array_equal(array[:], expected)


@pytest.mark.parametrize(
    ("levels", "count"),
    [
        (one_level(SHAPE), 3),
        (one_level((1, 65, 300), "int16"), 4),
        (one_level((5, 5, 5), "float32"), 1),
        (COPIED, 2),
    ],
)
def test_every_voxel_of_every_level_is_right(tmp_path: Path, levels: tuple[Level, ...], count: int) -> None:
    source = SyntheticSource(levels)
    outcome = ingest(source, source.describe(), LocalSink(tmp_path), settings(tmp_path))
    check_voxels(tmp_path / outcome.prefix, levels, count)
    assert outcome.facts["levels"] == count


@given(
    shape=st.tuples(st.integers(1, 140), st.integers(1, 140), st.integers(1, 200)),
    unit=st.sampled_from([(1, 1, 1), (1, 1, 200), (1, 128, 128)]),
    dtype=st.sampled_from(["uint8", "int16"]),
    workers=st.sampled_from(["1", "3"]),
)
@hypothesis_settings(max_examples=8, deadline=None)
@pytest.mark.slow
def test_any_shape_is_stored_right_however_it_is_read(
    tmp_path_factory: pytest.TempPathFactory, shape: Shape, unit: Shape, dtype: str, workers: str
) -> None:
    folder = tmp_path_factory.mktemp("store")
    source = SyntheticSource(one_level(shape, dtype, unit))
    outcome = ingest(source, source.describe(), LocalSink(folder), settings(folder, "data", "--max-workers", workers))
    check_voxels(folder / outcome.prefix, source.levels, outcome.facts["levels"])


def test_the_root_comes_last_after_arrays_after_shards() -> None:
    sink = reference()
    created = [key.partition(".ome.zarr/")[2] for key in sink.keys("create")]
    kinds = ["claim" if not key else "root" if key == "zarr.json" else key.split("/")[1] for key in created]
    order = ["claim", "c", "zarr.json", "root"]
    assert kinds == sorted(kinds, key=order.index)
    assert kinds.count("root") == 1


def test_the_digest_is_over_sorted_keys_and_their_sha256() -> None:
    sink = reference()
    prefix = next(key for key in sink.objects if key.endswith(".ome.zarr/zarr.json")).removesuffix("zarr.json")
    lines = "".join(
        f"{key.removeprefix(prefix)} {sha256(sink.objects[key]).hexdigest()}\n"
        for key in sorted(sink.objects)
        if key.startswith(prefix) and key != f"{prefix}zarr.json"
    )
    root = json.loads(sink.objects[f"{prefix}zarr.json"])
    assert root["attributes"]["em_pipeline"]["digest"] == sha256(lines.encode()).hexdigest()


def test_an_ingested_version_is_not_read_again() -> None:
    sink = reference()
    again = SyntheticSource(one_level(SHAPE))
    outcome = run(again, sink)
    assert (outcome.is_new, again.reads) == (False, [])
    assert outcome.facts["shape"] == list(SHAPE)


@pytest.mark.parametrize("levels", [one_level((65, 66, 130)), COPIED], ids=["pyramid", "copy"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.slow
def test_a_run_killed_at_any_write_continues_to_the_same_bytes_and_reads_nothing_twice(
    levels: tuple[Level, ...], moment: str
) -> None:
    whole = reference(levels)
    for stop_at in range(1, len(whole.objects) + 1):
        sink = MemorySink()

        def kill(count: int, key: str, stop_at: int = stop_at) -> None:
            if count == stop_at:
                raise Terminated

        killed = replace(sink, before_create=kill) if moment == "before" else replace(sink, after_create=kill)
        first = SyntheticSource(levels)
        with pytest.raises(Terminated):
            run(first, killed)
        is_whole = any(key.endswith(".ome.zarr/zarr.json") for key in sink.objects)
        assert is_whole == (moment == "after" and stop_at == len(whole.objects))
        second = SyntheticSource(levels)
        run(second, sink)
        assert sink.objects == whole.objects
        # Only the shard that was being written when the run was killed may be read a second time.
        stored_unread = [read for read in second.reads if read in first.reads]
        assert len(stored_unread) <= (1 if moment == "before" else 0)


def test_two_writers_at_once_are_harmless() -> None:
    sink = MemorySink()
    other = SyntheticSource(one_level(SHAPE))

    def second_writer(count: int, key: str) -> None:
        if count == 5:
            sink.before_create = None
            run(other, sink)

    sink.before_create = second_writer
    run(SyntheticSource(one_level(SHAPE)), sink)
    assert sink.objects == reference().objects


def test_several_workers_store_the_same_bytes() -> None:
    sink = MemorySink()
    run(
        SyntheticSource(one_level(SHAPE)),
        sink,
        settings("unused", "data", "--max-workers", "4", "--memory-limit-gb", "1"),
    )
    assert sink.objects == reference().objects


def test_one_worker_asks_in_a_fixed_order() -> None:
    assert reference().calls == reference().calls


def test_a_wide_read_unit_gives_fewer_reads_and_the_same_bytes() -> None:
    sink, wide = MemorySink(), SyntheticSource(one_level(SHAPE, read_unit=(1, 1, SHAPE[2])))
    run(wide, sink)
    assert len(wide.reads) == 2 * 3
    shards = {key: body for key, body in sink.objects.items() if "/c/" in key}
    assert shards == {key: body for key, body in reference().objects.items() if "/c/" in key}


def test_a_begun_data_set_is_continued_with_its_own_shard_size() -> None:
    sink = MemorySink()

    def kill(count: int, key: str) -> None:
        if count == 4:
            raise Terminated

    sink.before_create = kill
    with pytest.raises(Terminated):
        run(SyntheticSource(one_level(SHAPE)), sink)
    sink.before_create = None
    run(SyntheticSource(one_level(SHAPE)), sink, settings("unused", "data", "--zarr-chunk-size-mb", "64"))
    assert sink.objects == reference().objects


def test_a_root_by_another_version_of_the_program_is_accepted_when_its_shards_are_ours() -> None:
    sink = MemorySink()

    def commit_first(count: int, key: str) -> None:
        if key.endswith(".ome.zarr/zarr.json"):
            body = next(b for k, b in reference().objects.items() if k == key)
            sink.objects[key] = body.replace(b'"pipeline_version": "1.0.0"', b'"pipeline_version": "0.9.0"')

    sink.before_create = commit_first
    outcome = run(SyntheticSource(one_level(SHAPE)), sink)
    assert outcome.root_sha256 == sha256(sink.objects[f"{outcome.prefix}/zarr.json"]).hexdigest()


def test_other_bytes_under_a_key_are_a_conflict_and_no_data_set_appears() -> None:
    sink = MemorySink()

    def intrude(count: int, key: str) -> None:
        if key.endswith("s1/c/0/0/0"):
            sink.objects[key] = b"somebody else's"

    sink.before_create = intrude
    with pytest.raises(SinkConflict, match="holds other bytes"):
        run(SyntheticSource(one_level(SHAPE)), sink)
    assert not [key for key in sink.objects if key.endswith(".ome.zarr/zarr.json")]


class WrongShape(SyntheticSource):
    def read(self, level: int, region: Region) -> Voxels:
        return super().read(level, region)[:-1]


def test_a_source_that_answers_another_region_is_refused() -> None:
    with pytest.raises(SourceError, match=r"s0 \(0, 0, 0\)-\(64, 64, 64\): the source gave \(63, 64, 64\) uint8"):
        run(WrongShape(one_level(SHAPE)), MemorySink())


def test_a_failing_read_in_a_lane_ends_the_run() -> None:
    def fail(count: int) -> None:
        if count == 3:
            raise SourceError("gone")

    source = SyntheticSource(one_level(SHAPE), before_read=fail)
    with pytest.raises(SourceError, match="gone"):
        run(source, MemorySink(), settings("unused", "data", "--max-workers", "3"))
