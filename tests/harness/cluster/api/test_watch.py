"""Watches over HTTP: where they begin, what they show, how they end."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

import orjson
import pytest

from harness.clock import SECOND
from harness.kube.resources import CONFIG_MAPS
from tests.harness.cluster.api.conftest import Face

MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
Read = Callable[[], dict[str, Any] | None]


@contextmanager
def watch(face: Face, query: str = "", path: str = MAPS, accept: str = "application/json") -> Iterator[Read]:
    """The next line of a watch with each call, None at its end."""
    connection = face.connect()
    headers = {"Authorization": f"Bearer {face.server.token}", "Accept": accept}
    connection.request("GET", f"{path}?watch=true&{query}", headers=headers)
    response: http.client.HTTPResponse = connection.getresponse()
    assert response.status == 200

    def read() -> dict[str, Any] | None:
        line = response.readline()
        return orjson.loads(line) if line else None

    try:
        yield read
    finally:
        connection.close()


def put(face: Face, name: str, value: str = "1", **labels: str) -> None:
    def act() -> None:
        if face.store.get(CONFIG_MAPS, "default", name) is None:
            face.store.create(CONFIG_MAPS, {"metadata": {"name": name, "namespace": "default", "labels": labels}})
        face.store.patch(CONFIG_MAPS, "default", name, {"metadata": {"labels": labels or None}, "data": {"v": value}})

    face.kernel.call(act)


def told(event: dict[str, Any] | None) -> tuple[str, str]:
    assert event is not None
    return event["type"], event["object"]["metadata"]["name"]


def test_given_no_version_then_what_exists_comes_first_then_each_change(face: Face) -> None:
    put(face, "a")
    with watch(face) as read:
        assert told(read()) == ("ADDED", "a")
        put(face, "a", "2")
        assert told(read()) == ("MODIFIED", "a")
        face.kernel.call(lambda: face.store.delete(CONFIG_MAPS, "default", "a"))
        event = read()
        assert told(event) == ("DELETED", "a")
        assert event is not None
        assert event["object"]["metadata"]["resourceVersion"] == str(face.store.version)


def test_given_a_version_then_the_watch_goes_on_from_there(face: Face) -> None:
    put(face, "a")
    version = face.store.version
    put(face, "b")
    with watch(face, f"resourceVersion={version}") as read:
        assert told(read()) == ("ADDED", "b")
        assert told(read()) == ("MODIFIED", "b")
        put(face, "c")
        assert told(read()) == ("ADDED", "c")


def test_given_a_selector_then_what_begins_to_match_is_added_and_what_ceases_is_deleted(face: Face) -> None:
    put(face, "a", app="x")
    version = face.store.version
    with watch(face, f"resourceVersion={version}&labelSelector=app%3Dx") as read:
        put(face, "b", "2", app="y")
        put(face, "a", "2", app="y")
        assert told(read()) == ("DELETED", "a")
        put(face, "b", "3", app="x")
        assert told(read()) == ("ADDED", "b")


def test_given_another_namespace_or_name_then_its_changes_are_not_shown(face: Face) -> None:
    version = face.store.version
    with watch(face, f"resourceVersion={version}&fieldSelector=metadata.name%3Db") as read:
        face.kernel.call(
            lambda: face.store.create(CONFIG_MAPS, {"metadata": {"name": "b", "namespace": "kube-system"}})
        )
        put(face, "a")
        put(face, "b")
        event = read()
        assert told(event) == ("ADDED", "b")
        assert event is not None
        assert event["object"]["metadata"]["namespace"] == "default"


def test_given_a_version_that_is_too_old_then_the_watch_says_gone(face: Face) -> None:
    face.kernel.call(lambda: setattr(face.store, "_log", type(face.store._log)(2)))
    for name in "abc":
        put(face, name)
    with watch(face, "resourceVersion=1") as read:
        event = read()
        assert event is not None
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert event["object"]["message"].startswith("too old resource version: 1 (")
        assert read() is None


@pytest.mark.slow
def test_given_a_timeout_then_a_bookmark_comes_two_seconds_before_the_end(face: Face) -> None:
    put(face, "a")
    version = face.store.version
    with watch(face, f"resourceVersion={version}&allowWatchBookmarks=true&timeoutSeconds=3") as read:
        event = read()
        assert event is not None
        assert (event["type"], event["object"]["metadata"]["resourceVersion"]) == ("BOOKMARK", str(version))
        assert read() is None


@pytest.mark.slow  # quiet watches are looked at once a second
def test_given_a_quiet_watch_then_a_minute_of_the_cluster_s_clock_brings_a_bookmark_and_no_event(face: Face) -> None:
    put(face, "a")
    begin = face.store.version
    query = f"resourceVersion={begin}&fieldSelector=metadata.name%3Da&allowWatchBookmarks=true&timeoutSeconds=20"
    with watch(face, query) as read:
        put(face, "b")
        last = face.store.version
        pass_time(face, 61)
        event = read()
        assert event is not None
        assert (event["type"], event["object"]["metadata"]["resourceVersion"]) == ("BOOKMARK", str(last))
        assert face.store.version == last
        pass_time(face, 3600)
        assert read() == event


def pass_time(face: Face, seconds: int) -> None:
    """Let the clock jump."""
    rung: list[int] = []
    face.kernel.call(lambda: face.kernel.after(seconds * SECOND, lambda: rung.append(1)))
    face.kernel.wait(lambda: bool(rung), 2 * seconds * SECOND)


def test_given_a_version_to_come_then_lists_and_gets_wait_for_it(face: Face) -> None:
    put(face, "a")
    wanted = face.store.version + 2
    paths = [f"{MAPS}?resourceVersion={wanted}", f"{MAPS}/a?resourceVersion={wanted}"]
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(face.request, "GET", path) for path in paths]
        with watch(face, f"resourceVersion={wanted - 2}") as read:
            put(face, "b")
            assert told(read()) == ("ADDED", "b")
        codes = [answer.result().code for answer in answers]
    assert (codes, face.store.version) == ([200, 200], wanted)


def test_given_a_version_that_does_not_come_then_the_wait_ends_with_a_timeout(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cluster.api.hub.PATIENCE_S", 0.05)
    for path in (f"{MAPS}?resourceVersion=999", f"{MAPS}/a?resourceVersion=999"):
        answer = face.request("GET", path)
        assert (answer.code, answer.json["message"][:39]) == (504, "Timeout: Too large resource version: 99")


def test_given_initial_events_then_a_bookmark_says_where_they_end(face: Face) -> None:
    put(face, "a")
    query = "sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
    with watch(face, query) as read:
        assert told(read()) == ("ADDED", "a")
        event = read()
        assert event is not None
        assert event["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


def test_given_tables_then_columns_come_once(face: Face) -> None:
    put(face, "a")
    with watch(face, accept=TABLE) as read:
        first = read()
        put(face, "a", "2")
        second = read()
    assert first is not None
    assert second is not None
    assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert second["object"]["columnDefinitions"] is None
    assert second["object"]["rows"][0]["cells"] == ["a", 1, "0s"]


def test_given_a_name_and_a_watch_then_it_is_a_get_but_the_deprecated_path_watches(face: Face) -> None:
    put(face, "a")
    put(face, "b")
    assert face.request("GET", f"{MAPS}/b?watch=true").json["kind"] == "ConfigMap"
    with watch(face, path="/api/v1/watch/namespaces/default/configmaps/b") as read:
        assert told(read()) == ("ADDED", "b")
    with watch(face, path="/api/v1/watch/configmaps") as read:
        assert [told(read()), told(read())] == [("ADDED", "a"), ("ADDED", "b")]


def test_given_many_watches_and_changes_then_each_sees_all_in_order(face: Face) -> None:
    begin = face.store.version
    with watch(face, f"resourceVersion={begin}") as one, watch(face, f"resourceVersion={begin}") as two:
        for number in range(50):
            put(face, f"c{number % 5}", str(number))
        last = face.store.version
        seen: list[list[int]] = [[], []]
        for versions, read in zip(seen, (one, two), strict=True):
            while not versions or versions[-1] < last:
                event = read()
                assert event is not None
                versions.append(int(event["object"]["metadata"]["resourceVersion"]))
    assert seen[0] == seen[1] == list(range(begin + 1, last + 1))


def test_given_a_server_that_closes_then_the_watch_ends(face: Face) -> None:
    with watch(face, f"resourceVersion={face.store.version}") as read:
        face.server.close()
        assert read() is None


@pytest.mark.parametrize("version", ["x", "-1"])
def test_given_a_version_that_is_none_then_it_is_refused_without_a_reason(face: Face, version: str) -> None:
    answer = face.request("GET", f"{MAPS}?watch=true&resourceVersion={version}")
    text = f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
    assert (answer.code, answer.json["message"]) == (500, text)
    assert "reason" not in answer.json


@pytest.mark.slow
def test_given_a_watch_that_nobody_reads_then_it_is_cut_off_and_others_see_everything(
    face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.cluster.api.hub.BACKLOG_MAX", 20)
    begin, value = face.store.version, "x" * 100_000
    slow = face.connect()
    slow.connect()
    slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    headers = {"Authorization": f"Bearer {face.server.token}"}
    slow.request("GET", f"{MAPS}?watch=true&resourceVersion={begin}", headers=headers)
    lagging = slow.getresponse()
    with watch(face, f"resourceVersion={begin}") as read:
        for number in range(150):
            put(face, f"c{number}", value)
            while told(read()) != ("MODIFIED", f"c{number}"):
                pass
    received = 0
    with contextlib.suppress(http.client.IncompleteRead, ConnectionError, ssl.SSLError):  # or an early end
        while data := lagging.read(1_000_000):
            received += len(data)
    slow.close()
    assert received < 150 * len(value)


@pytest.mark.slow
def test_given_a_hundred_watches_of_which_one_is_not_read_then_all_others_see_everything_in_order(face: Face) -> None:
    begin, value, changes = face.store.version, "x" * 20_000, 30
    query = f"resourceVersion={begin}"
    with ExitStack() as stack:
        stack.enter_context(watch(face, query))
        reads = [stack.enter_context(watch(face, query)) for _ in range(99)]
        for number in range(changes):
            put(face, "c", f"{number}{value}")
        last = face.store.version
        for read in reads:
            seen: list[int] = []
            while not seen or seen[-1] < last:
                event = read()
                assert event is not None
                seen.append(int(event["object"]["metadata"]["resourceVersion"]))
            assert seen == list(range(begin + 1, last + 1))
