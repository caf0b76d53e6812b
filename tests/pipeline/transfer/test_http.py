from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from pipeline import errors
from pipeline.transfer import HttpClient, RemoteFile, RetryPolicy
from pipeline.transfer.errors import (
    BrokenData,
    ConnectionLost,
    RangeRefused,
    RequestRefused,
    ServerBusy,
    SourceChanged,
    UnexpectedAnswer,
)
from pipeline.transfer.http import retry_after_s
from tests.pipeline.transfer.conftest import ScriptedServer, answer, hang_up, part_of

CONTENT = bytes(range(256)) * 8


@pytest.fixture
def client(policy: RetryPolicy) -> Iterator[HttpClient]:
    with HttpClient(policy, timeout_s=5) as running:
        yield running


def test_given_a_good_server_then_documents_sizes_and_ranges_come_over_one_connection(
    server: ScriptedServer, client: HttpClient
) -> None:
    good = part_of(CONTENT, ETag='"v1"', Last_Modified="then")
    server.answers = [answer(200, b'{"a": [1]}'), good, good, good]
    assert client.get_json(f"{server.url}/doc") == {"a": [1]}
    file = client.head(f"{server.url}/f")
    assert file == RemoteFile(f"{server.url}/f", len(CONTENT), '"v1"', "then")
    assert client.get_range(file, 10, 700) == CONTENT[10:700]
    assert client.get_range(file, 2047, 2048) == CONTENT[2047:]
    assert [request[2] for request in server.requests] == [None, None, "bytes=10-699", "bytes=2047-2047"]
    assert server.connections == 1


RECOVERED = {
    "500": answer(500, b"oops"),
    "503 that names its wait": answer(503, Retry_After="0"),
    "429": answer(429),
    "no answer": hang_up,
    "half of the body": answer(206, CONTENT[:50], length=100, Content_Range="bytes 0-99/2048"),
    "shorter range": answer(206, CONTENT[:50], Content_Range="bytes 0-49/2048"),
    "another range": answer(206, CONTENT[1:101], Content_Range="bytes 1-100/2048"),
    "more than announced": answer(206, CONTENT[:101], Content_Range="bytes 0-99/2048"),
    "200 with another size": answer(200, CONTENT[:1000]),
    "200 that ends early": answer(200, CONTENT[:50], length=len(CONTENT)),
}


@pytest.mark.parametrize("case", RECOVERED)
def test_given_one_bad_answer_when_a_range_is_read_then_the_next_try_has_it(
    server: ScriptedServer, client: HttpClient, case: str
) -> None:
    server.answers = [RECOVERED[case], part_of(CONTENT)]
    assert client.get_range(RemoteFile(f"{server.url}/f", len(CONTENT)), 0, 100) == CONTENT[:100]
    assert len(server.requests) == 2


LASTING = {
    "500": (answer(500), errors.TransientError, 3, r": the server answered 500 \(3 attempts\); run again later"),
    "no answer": (hang_up, errors.TransientError, 3, r"\(3 attempts\); check the network"),
    "wrong length": (answer(206, CONTENT[:50], Content_Range="bytes 0-49/2048"), errors.WrongLength, 3,
                     r": 50 bytes where 100 were expected \(3 attempts\)"),
    "404": (answer(404), errors.NotFound, 1, ": the server answered 404; check the settings"),
    "403": (answer(403), errors.AccessDenied, 1, ": the server answered 403; this data is read anonymously"),
    "416": (answer(416), RequestRefused, 1, "answered 416"),
    "changed size": (answer(206, CONTENT[:100], Content_Range="bytes 0-99/4096"), SourceChanged, 1, "has 4096 now"),
    "changed ETag": (answer(206, CONTENT[:100], ETag="b", Content_Range="bytes 0-99/2048"), SourceChanged, 1, "ETag was a"),
    "multipart": (answer(206, CONTENT[:100]), UnexpectedAnswer, 1, "206 with the Content-Range ''"),
}  # fmt: skip


@pytest.mark.parametrize("case", LASTING)
def test_given_a_lasting_failure_then_it_is_typed_and_tried_only_where_that_helps(
    server: ScriptedServer, client: HttpClient, case: str
) -> None:
    bad, kind, requests, words = LASTING[case]
    server.answers = [bad]
    with pytest.raises(kind, match=words) as raised:
        client.get_range(RemoteFile(f"{server.url}/f", len(CONTENT), etag="a"), 0, 100)
    assert isinstance(raised.value, errors.SourceError)
    assert str(raised.value).startswith(f"{server.url}/f: ")
    assert "\n" not in str(raised.value)
    assert len(server.requests) == requests


def test_given_a_server_without_ranges_then_what_lies_before_is_dropped_and_what_lies_behind_is_not_read(
    server: ScriptedServer, client: HttpClient
) -> None:
    server.answers = [answer(200, CONTENT)]
    file = RemoteFile(f"{server.url}/f", len(CONTENT))
    assert client.get_range(file, 100, 200) == CONTENT[100:200]
    assert client.get_range(file, 0, 50) == CONTENT[:50]


def test_given_a_server_without_ranges_when_too_much_would_be_dropped_then_it_is_refused_at_once(
    server: ScriptedServer, policy: RetryPolicy
) -> None:
    server.answers = [answer(200, CONTENT)]
    with (
        HttpClient(policy, timeout_s=5, skip_bytes_max=1000) as client,
        pytest.raises(RangeRefused, match=r"ignores byte ranges, and reading from byte 1001 .* use a mirror"),
    ):
        client.get_range(RemoteFile(f"{server.url}/f", len(CONTENT)), 1001, 1100)
    assert len(server.requests) == 1


def test_given_an_exact_body_then_any_other_length_is_wrong(server: ScriptedServer, client: HttpClient) -> None:
    url = f"{server.url}/raw"
    server.answers = [answer(200, CONTENT[:-1]), answer(200, CONTENT + b"x", length=-1), answer(200, CONTENT)]
    assert client.get_exact(url, len(CONTENT)) == CONTENT
    server.answers = [answer(200, CONTENT[:-1], length=-1)]
    with pytest.raises(errors.WrongLength, match="2047 bytes where 2048 were expected"):
        client.get_exact(url, len(CONTENT))


DOCUMENTS = {
    "not JSON": (answer(200, b"<html>"), BrokenData, r"not JSON .*\(3 attempts\)"),
    "a list": (answer(200, b"[1]"), UnexpectedAnswer, "a JSON list, not an object"),
    "cut off": (answer(200, b'{"a"', length=20), ConnectionLost, "IncompleteRead"),
    "endless": (answer(200, b" " * (16 * 1024 * 1024 + 1)), UnexpectedAnswer, "more than"),
    "busy": (answer(503), ServerBusy, "answered 503"),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_given_a_document_that_cannot_be_used_then_the_error_says_why(
    server: ScriptedServer, client: HttpClient, case: str
) -> None:
    bad, kind, words = DOCUMENTS[case]
    server.answers = [bad]
    with pytest.raises(kind, match=words):
        client.get_json(f"{server.url}/doc")


def test_given_a_redirect_then_it_is_followed(server: ScriptedServer, client: HttpClient) -> None:
    server.answers = [answer(302, Location="/there"), answer(200, b"{}")]
    assert client.get_json(f"{server.url}/doc") == {}
    assert [path for _, path, _ in server.requests] == ["/doc", "/there"]


def test_given_no_server_then_the_connection_is_lost(policy: RetryPolicy) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with HttpClient(policy, timeout_s=5) as client, pytest.raises(ConnectionLost, match=r"refused.*\(3 attempts\)"):
        client.get_json(url)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:59:29 GMT"}, 30),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        ({"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Sat, 01 Jan 2000 00:00:00 GMT"}, 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_seen_from_the_servers_own_clock(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after_s(headers) == seconds
