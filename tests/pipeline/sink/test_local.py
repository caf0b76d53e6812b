"""The local directory as a sink, on the real file system."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from pipeline.errors import SettingsError, SinkConflict, SinkDenied
from pipeline.settings import parse
from pipeline.sink import LocalSink, Sink, open_sink
from tests.pipeline.sink.contract import SinkContract


class TestLocalSink(SinkContract):
    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        return LocalSink(tmp_path / "store")


class TestLocalSinkWithoutNamelessFiles(SinkContract):
    @pytest.fixture
    def sink(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sink:
        """As on a network file system, which has no O_TMPFILE."""
        real_open = os.open

        def refuse(path: object, flags: int, *rest: object, **named: object) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "not supported")
            return real_open(path, flags, *rest, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "open", refuse)
        return LocalSink(tmp_path / "store")

    def test_no_temporary_file_is_left(self, sink: Sink, tmp_path: Path) -> None:
        sink.create("key", b"first")
        with pytest.raises(SinkConflict):
            sink.create("key", b"other")
        assert [path.name for path in (tmp_path / "store").iterdir()] == ["key"]


def test_of_many_writers_one_wins_and_no_half_object_is_seen(tmp_path: Path) -> None:
    sink = LocalSink(tmp_path)
    bodies = [bytes([number]) * 100_000 for number in range(8)]
    refused = []

    def write(body: bytes) -> None:
        try:
            sink.create("key", body)
        except SinkConflict:
            refused.append(body)

    threads = [threading.Thread(target=write, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sink.get("key") in bodies
    assert len(refused) == len(bodies) - 1
    assert [path.name for path in tmp_path.iterdir()] == ["key"]


def test_a_leftover_of_a_killed_writer_is_not_listed(tmp_path: Path) -> None:
    (tmp_path / ".key.0123").write_bytes(b"half")
    assert list(LocalSink(tmp_path).list("")) == []


def test_a_directory_that_refuses_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **named: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(SinkDenied, match=r"a/key: Permission denied, check the directory that EM_SINK_URL names"):
        LocalSink(tmp_path).create("a/key", b"x")


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("ftp://host/x", "has the scheme ftp"),
        ("file://elsewhere/x", "names the host elsewhere"),
        ("s3://", "names no bucket"),
    ],
)
def test_a_sink_url_of_no_known_kind_is_refused(url: str, problem: str) -> None:
    settings = parse(["ebi", "--sink-url", url], {})[1]
    with pytest.raises(SettingsError, match=problem):
        open_sink(settings, {"AWS_REGION": "us-east-1"})


def test_a_file_url_and_a_path_are_the_same_place(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    by_path = open_sink(parse(["ebi", "--sink-url", str(folder)], {})[1], {})
    by_url = open_sink(parse(["ebi", "--sink-url", folder.as_uri()], {})[1], {})
    assert by_path.url == by_url.url == folder.as_uri()
