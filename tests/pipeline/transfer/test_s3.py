from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from pipeline import errors
from pipeline.transfer import AnonymousBucket, RetryPolicy, StoredObject
from pipeline.transfer.errors import BrokenData, ServerBusy
from tests.pipeline.transfer.conftest import Answer, ScriptedServer, answer, hang_up


def failure(status: int, code: str) -> Answer:
    return answer(
        status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode(), Content_Type="application/xml"
    )


def as_it_is(stored: StoredObject | None) -> StoredObject | None:
    return stored


def body_of(stored: StoredObject | None) -> bytes:
    assert stored is not None
    return stored.body


@pytest.fixture
def bucket(server: ScriptedServer, policy: RetryPolicy, monkeypatch: pytest.MonkeyPatch) -> Iterator[AnonymousBucket]:
    # The store of the data sets, which must not be mistaken for the archive.
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    running = AnonymousBucket(server.url, "public", policy, timeout_s=5)
    yield running
    running.close()


def test_given_an_object_then_its_bytes_and_etag_come_unsigned_over_one_connection(
    server: ScriptedServer, bucket: AnonymousBucket
) -> None:
    seen: list[dict[str, str]] = []
    good = answer(200, b"voxels", ETag='"e"')

    def remember(handler: BaseHTTPRequestHandler) -> None:
        seen.append(dict(handler.headers))
        good(handler)

    server.answers = [remember]
    assert bucket.get("a/s0/0/0/0", as_it_is) == StoredObject(b"voxels", '"e"')
    assert bucket.get("a/s0/0/0/1", body_of) == b"voxels"
    assert [path for _, path, _ in server.requests] == ["/public/a/s0/0/0/0", "/public/a/s0/0/0/1"]
    assert all("Authorization" not in headers for headers in seen)
    assert server.connections == 1


def test_given_no_object_then_none(server: ScriptedServer, bucket: AnonymousBucket) -> None:
    server.answers = [failure(404, "NoSuchKey")]
    assert bucket.get("a/0.0.0", as_it_is) is None
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "bad", [failure(503, "SlowDown"), failure(500, "InternalError"), hang_up, answer(200, b"vox", length=6)]
)
def test_given_one_bad_answer_then_the_next_try_has_it(
    server: ScriptedServer, bucket: AnonymousBucket, bad: Answer
) -> None:
    server.answers = [bad, answer(200, b"voxels")]
    assert bucket.get("k", body_of) == b"voxels"
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("bad", "kind", "requests", "words"),
    [
        (failure(403, "AccessDenied"), errors.AccessDenied, 1, "s3://public/k: .* answered 403 AccessDenied; .*public"),
        (failure(404, "NoSuchBucket"), errors.NotFound, 1, "answered 404 NoSuchBucket; check the settings"),
        (failure(503, "SlowDown"), ServerBusy, 3, r"answered 503 SlowDown \(3 attempts\); run again later"),
        (answer(200, b"vox", length=6), errors.SourceError, 3, r"\(3 attempts\)"),
        (failure(400, "InvalidURI"), errors.SourceError, 1, "answered 400 InvalidURI; check the address"),
    ],
)
def test_given_a_lasting_failure_then_it_is_typed_and_tried_only_where_that_helps(
    server: ScriptedServer, bucket: AnonymousBucket, bad: Answer, kind: type[Exception], requests: int, words: str
) -> None:
    server.answers = [bad]
    with pytest.raises(kind, match=words):
        bucket.get("k", as_it_is)
    assert len(server.requests) == requests


def test_given_an_object_that_cannot_be_decoded_then_it_is_fetched_again(
    server: ScriptedServer, bucket: AnonymousBucket
) -> None:
    server.answers = [answer(200, b"vox"), answer(200, b"voxels")]

    def decode(stored: StoredObject | None) -> bytes:
        if len(body_of(stored)) < 6:
            raise BrokenData("p", "cut")
        return body_of(stored)

    assert bucket.get("k", decode) == b"voxels"


def test_given_a_listing_in_pages_then_the_names_below_are_found(
    server: ScriptedServer, bucket: AnonymousBucket
) -> None:
    def page(names: list[str], token: str = "") -> Answer:
        more = f"<IsTruncated>{str(bool(token)).lower()}</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>"
        found = "".join(f"<CommonPrefixes><Prefix>g/{name}/</Prefix></CommonPrefixes>" for name in names)
        return answer(200, f"<ListBucketResult>{more}{found}</ListBucketResult>".encode())

    server.answers = [page(["s1", "s10"], "t"), page(["s0"])]
    assert bucket.list_prefixes("g/") == ["s0", "s1", "s10"]
