"""Which parts of a text are container paths, and where they lead."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cluster.kubelet.runtimes.paths import Rewriter

MOUNTS = {
    "/app/data": Path("/host/d"),
    "/app/data/tmp": Path("/host/t"),
    "/app": Path("/host/a"),
    "/etc/x.json": Path("/host/x"),
}


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("/app/data", "/host/d"),
        ("/app/data/", "/host/d/"),
        ("/app/data/a/b.txt", "/host/d/a/b.txt"),
        ("/app/data/tmp/x", "/host/t/x"),
        ("/app/datax", "/host/a/datax"),
        ("/application", "/application"),
        ("--in=/app/data/in", "--in=/host/d/in"),
        ("--in /app/data", "--in /host/d"),
        ("/app/data:/app/data/tmp", "/host/d:/host/t"),
        ("file:///app/data/x", "file:///host/d/x"),
        ("s3://bucket/app/data", "s3://bucket/app/data"),
        ("http://host:80/app/data", "http://host:80/app/data"),
        ("http://app/data", "http://app/data"),
        ("x/app/data", "x/app/data"),
        ('{"path": "/app/data"}', '{"path": "/host/d"}'),
        ("/etc/x.json", "/host/x"),
        ("/etc/x_json", "/etc/x_json"),
        ("", ""),
    ],
)
def test_rewriting(text: str, rewritten: str) -> None:
    assert Rewriter(MOUNTS).rewrite(text) == rewritten


@pytest.mark.parametrize(
    ("text", "remaining"),
    [
        ("/app/data/x", []),
        ("/srv/data", ["/srv/data"]),
        ("--in=/srv/data/", ["/srv/data/"]),
        ("file:///srv/a", ["/srv/a"]),
        ("/dev/null", []),
        ("https://host/path", []),
        ("s3://bucket/srv", []),
        ("a/b", []),
        ("/app/data,/opt/x", ["/opt/x"]),
    ],
)
def test_what_remains(text: str, remaining: list[str]) -> None:
    assert Rewriter(MOUNTS).remaining(text) == remaining


def test_given_no_mounts_then_nothing_changes() -> None:
    assert Rewriter({}).rewrite("/app/data") == "/app/data"
    assert Rewriter({"/": Path("/host")}).rewrite("/app/data") == "/app/data"


@given(st.text(alphabet="ab/", max_size=8), st.text(alphabet="ab/=:", max_size=8))
def test_given_a_path_then_what_surrounds_it_stays(before: str, after: str) -> None:
    text = f"{before} /m/v {after}"

    assert Rewriter({"/m/v": Path("/host/v")}).rewrite(text) == f"{before} /host/v {after}"
