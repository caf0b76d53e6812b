"""The S3 sink: the contract against moto, and every failure of a request against a small server of ours."""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256

import boto3
import pytest

from pipeline.errors import SinkConflict, SinkDenied, SinkError, SinkUnavailable
from pipeline.settings import parse
from pipeline.sink import Sink, open_sink
from tests.pipeline.sink.bucket import Answer, Bucket, serve
from tests.pipeline.sink.contract import SinkContract


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def s3_sink(endpoint_url: str, url: str = "s3://bucket/some/prefix", attempts: int = 3) -> Sink:
    flags = ["ebi", "--sink-url", url, "--retry-backoff-s", "0", "--retry-attempts", str(attempts), "--timeout-s", "5"]
    return open_sink(parse(flags, {})[1], {"AWS_ENDPOINT_URL_S3": endpoint_url, "AWS_REGION": "us-east-1"})


@pytest.mark.slow
class TestS3SinkOnMoto(SinkContract):
    @pytest.fixture
    def sink(self, moto_url: str, request: pytest.FixtureRequest) -> Sink:
        name = f"bucket-{sha256(request.node.name.encode()).hexdigest()[:12]}"
        boto3.client("s3", endpoint_url=moto_url, region_name="us-east-1").create_bucket(Bucket=name)
        return s3_sink(moto_url, f"s3://{name}/some/prefix")

    def test_a_listing_goes_over_many_pages(self, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
        client = sink._client  # type: ignore[attr-defined]
        real = client.list_objects_v2
        monkeypatch.setattr(client, "list_objects_v2", lambda **named: real(MaxKeys=3, **named))
        keys = [f"k/{number:02}" for number in range(10)]
        for key in keys:
            sink.create(key, b"x")
        assert [found.key for found in sink.list("k/")] == keys

    def test_the_digest_is_kept_by_the_service(self, sink: Sink, moto_url: str) -> None:
        made = sink.create("key", b"body")
        client = boto3.client("s3", endpoint_url=moto_url, region_name="us-east-1")
        bucket = sink.url.split("/")[2]
        found = client.head_object(Bucket=bucket, Key="some/prefix/key", ChecksumMode="ENABLED")
        assert found["ChecksumSHA256"] == b64encode(bytes.fromhex(made)).decode()

    def test_a_bucket_that_is_not_there_is_named_with_the_remedy(self, moto_url: str) -> None:
        with pytest.raises(SinkError, match="404 NoSuchBucket, create the bucket or correct EM_SINK_URL"):
            s3_sink(moto_url, "s3://absent").create("key", b"x")


@pytest.fixture
def bucket() -> Bucket:
    return Bucket()


@pytest.fixture
def sink(bucket: Bucket) -> Iterator[Sink]:
    with serve(bucket) as url:
        opened = s3_sink(url)
        yield opened
        opened.close()


@pytest.mark.parametrize(
    "failure",
    [
        Answer(503, "SlowDown"),
        Answer(500, "InternalError"),
        Answer(429, "TooManyRequests"),
        Answer(409, "ConditionalRequestConflict"),
        Answer(400, "RequestTimeout"),
        Answer(is_dropped=True),
        Answer(is_served_first=True, is_dropped=True),
        Answer(500, "InternalError", is_served_first=True),
    ],
    ids=lambda failure: f"{failure.status}{'-lost' if failure.is_served_first else ''}",
)
def test_a_put_that_fails_once_is_made_again_and_found_equal(bucket: Bucket, sink: Sink, failure: Answer) -> None:
    bucket.failures = {1: failure}
    sink.create("key", b"body")
    assert bucket.objects == {"/bucket/some/prefix/key": b"body"}
    expected = ["PUT", "PUT", "HEAD"] if failure.is_served_first else ["PUT", "PUT"]
    assert [method for method, _ in bucket.requests] == expected


def test_another_writer_with_other_bytes_wins_while_our_acknowledgement_is_lost(bucket: Bucket, sink: Sink) -> None:
    bucket.objects["/bucket/some/prefix/key"] = b"theirs"
    bucket.failures = {1: Answer(is_dropped=True)}
    with pytest.raises(SinkConflict, match="holds other bytes"):
        sink.create("key", b"ours")


def test_an_object_without_a_checksum_is_compared_by_its_bytes(bucket: Bucket, sink: Sink) -> None:
    bucket.objects["/bucket/some/prefix/key"] = b"same"
    sink.create("key", b"same")
    assert [method for method, _ in bucket.requests] == ["PUT", "HEAD", "GET"]


def test_a_store_that_keeps_failing_is_given_up_after_the_attempts(bucket: Bucket, sink: Sink) -> None:
    bucket.failures = {number: Answer(503, "SlowDown") for number in range(1, 9)}
    with pytest.raises(SinkUnavailable, match=r"answered 503 SlowDown \(3 attempts\); run again later") as raised:
        sink.create("key", b"x")
    assert raised.value.attempts == len(bucket.requests) == 3


@pytest.mark.parametrize("call", ["get", "stat"])
def test_reads_are_tried_again_too(bucket: Bucket, sink: Sink, call: str) -> None:
    sink.create("key", b"body")
    bucket.failures = {2: Answer(500, "InternalError"), 3: Answer(is_dropped=True)}
    assert getattr(sink, call)("key")
    assert len(bucket.requests) == 4


def test_a_refusal_is_not_tried_again(bucket: Bucket, sink: Sink) -> None:
    bucket.failures = {1: Answer(403, "AccessDenied")}
    with pytest.raises(SinkDenied, match="answered 403 AccessDenied, allow this service's role"):
        sink.create("key", b"x")
    assert len(bucket.requests) == 1


def test_waits_double_and_are_the_same_every_time(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("pipeline.sink.s3.time.sleep", waits.append)
    bucket.failures = {number: Answer(503, "SlowDown") for number in range(1, 9)}
    with serve(bucket) as url:
        settings = parse(["ebi", "--sink-url", "s3://bucket", "--retry-backoff-s", "0.5", "--retry-attempts", "4"], {})[
            1
        ]
        slow = open_sink(settings, {"AWS_ENDPOINT_URL_S3": url, "AWS_REGION": "us-east-1"})
        with pytest.raises(SinkUnavailable):
            slow.stat("key")
        slow.close()
    assert waits == [0.5, 1.0, 2.0]


def test_the_sink_starts_no_thread(bucket: Bucket, sink: Sink) -> None:
    before = set(threading.enumerate())

    def remember(method: str, path: str) -> None:
        # The server's own handler thread for this connection is the only new one.
        bucket.threads.add(len(set(threading.enumerate()) - before))

    bucket.on_request = remember
    sink.create("key", b"x")
    sink.get("key")
    assert bucket.threads == {1}


def test_no_credentials_is_a_refusal_with_its_remedy(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    with serve(bucket) as url, pytest.raises(SinkDenied, match="give this service a role that may write there"):
        s3_sink(url).create("key", b"x")
