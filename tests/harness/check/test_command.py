"""`harness check`: what it prints and how it ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.check import RULES
from harness.check.command import check
from harness.cli import main
from tests.harness.check.cases import Files
from tests.harness.check.cases.build import bucket, cluster, template

ROOT = Path(__file__).parents[3]
Write = Callable[[Files], Path]
OLD = {"b.template.json": template(K=cluster(Version="1.30")), "a.template.json": template(K=cluster(Version="1.29"))}


def test_findings_are_printed_sorted_and_end_with_1(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(write(OLD), as_of="2026-11-23") == 1
    printed = capsys.readouterr()
    assert [line.split(":")[0] for line in printed.out.splitlines()] == ["a.template.json#K", "b.template.json#K"]
    assert printed.err == ""


def test_a_plan_without_mistakes_prints_nothing_and_ends_with_0(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(write({"a.template.json": template(B=bucket())})) == 0
    assert capsys.readouterr().out == ""


def test_the_day_decides(write: Write) -> None:
    plan = write({"a.template.json": template(K=cluster(Version="1.34"))})
    assert check(plan, as_of="2026-12-01") == 0
    assert check(plan, as_of="2026-12-02") == 1


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"a.yaml": "a: [1"}, r"a\.yaml: not YAML: .*line 1"),
        ({"a.template.json": "{"}, r"a\.template\.json: not JSON: "),
        ({"README.md": "nothing"}, r"no template, manifest, CI workflow"),
        (
            {"a.yaml": "apiVersion: v1\nkind: Pod\nspec: {containers: [{resources: {requests: {cpu: two}}}]}"},
            "a.yaml#Pod/: ",
        ),
        ({"a.template.json": {"Resources": {"A": {"Type": "T"}, "B": {}}}}, "a.template.json: not of the form"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line_and_ends_with_2(
    files: Files, says: str, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(write(files), as_of="2026-11-23") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert re.search(says, printed.err)


def test_a_path_that_is_not_there_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(tmp_path / "gone")]) == 2
    assert "gone: no such file or folder" in capsys.readouterr().err


def test_a_day_that_is_none_ends_with_2(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(write(OLD), as_of="yesterday") == 2
    assert "'yesterday' is not a day" in capsys.readouterr().err


def test_one_file_is_a_plan_too(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(write(OLD) / "a.template.json", as_of="2026-11-23") == 1
    assert capsys.readouterr().out.startswith("a.template.json#K: Kubernetes 1.29")


def test_the_list_of_rules_in_the_documentation_is_complete() -> None:
    text = (ROOT / "docs/check.md").read_text(encoding="utf-8")
    rows = [re.split(r"(?<!\\)\|", line) for line in text.splitlines() if line.startswith("| `")]
    assert [row[1].strip().strip("`") for row in rows] == [rule.name for rule in RULES]
    assert all(cell.strip() for row in rows for cell in row[2:-1])
    assert {len(row) for row in rows} == {5}
