"""Whole runs into a bucket: every request fails once, in every way, and the data set is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pipeline.settings import parse
from pipeline.sink import Sink, open_sink
from pipeline.volume import ingest
from tests.pipeline.sink.bucket import Answer, Bucket, serve
from tests.pipeline.sink.memory import MemorySink
from tests.pipeline.synthetic import SyntheticSource, one_level, settings

SHAPE = (65, 33, 70)
Run = Callable[[], None]


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def sink(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    flags = ["epfl", "--sink-url", "s3://bucket", "--retry-backoff-s", "0", "--retry-attempts", "2", "--timeout-s", "5"]
    with serve(bucket) as url:
        opened = open_sink(parse(flags, {})[1], {"AWS_ENDPOINT_URL_S3": url, "AWS_REGION": "us-east-1"})
        yield opened
        opened.close()


def ingest_into(sink: Sink) -> SyntheticSource:
    source = SyntheticSource(one_level(SHAPE))
    ingest(source, source.describe(), sink, settings("unused"))
    return source


def expected() -> dict[str, bytes]:
    memory = MemorySink()
    ingest_into(memory)
    return {f"/bucket/{key}": body for key, body in memory.objects.items()}


def test_one_request_for_each_object_and_four_to_look(bucket: Bucket, sink: Sink) -> None:
    ingest_into(sink)
    assert bucket.objects == expected()
    methods = [method for method, _ in bucket.requests]
    assert methods.count("PUT") == len(bucket.objects)
    # Is there a root, is there a claim, what is there already; and the coarsest level, for its statistics.
    assert methods.count("GET") == 4
    assert methods.count("HEAD") == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "failure",
    [Answer(503, "SlowDown"), Answer(is_dropped=True), Answer(is_served_first=True, is_dropped=True)],
    ids=["slow-down", "dropped", "lost-acknowledgement"],
)
def test_any_one_request_may_fail(bucket: Bucket, sink: Sink, failure: Answer) -> None:
    ingest_into(sink)
    whole, count = dict(bucket.objects), len(bucket.requests)
    assert count == 13
    for number in range(1, count + 1):
        bucket.objects.clear()
        bucket.checksums.clear()
        bucket.requests.clear()
        bucket.failures = {number: failure}
        source = ingest_into(sink)
        assert bucket.objects == whole, number
        assert len(source.reads) == 4, number


@pytest.mark.slow
def test_a_run_continues_after_any_part_was_stored(bucket: Bucket, sink: Sink) -> None:
    ingest_into(sink)
    whole, checksums = dict(bucket.objects), dict(bucket.checksums)
    stored = [path for method, path in bucket.requests if method == "PUT"]
    for count in range(len(stored)):
        bucket.objects = {path: whole[path] for path in stored[:count]}
        bucket.checksums = {path: checksums[path] for path in stored[:count]}
        source = ingest_into(sink)
        assert bucket.objects == whole, count
        assert len(source.reads) == 4 - sum("/s0/c/" in path for path in stored[:count]), count
