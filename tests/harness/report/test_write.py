"""The written report: the page has the figures, loads nothing from elsewhere and says nothing of this machine; the files are whole."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from harness.clock import MINUTE, Record, Timeline
from harness.report import write_report
from harness.report.write import render_page, scale_text
from tests.harness.doubles import START
from tests.harness.report.results import RESULT

REPLAY = "harness rehearse --env dev --scale 0.001 --seed 7 --workload real"
RECORDS = [
    Record(START, "NodeJoined", "Node/n", {"node_group": "small-loaders", "instance_type": "t3.medium"}),
    Record(START + MINUTE, "PodRunning", "Pod/em-pipeline/w-flyem-1", {"node": "n"}),
    Record(START + 3 * MINUTE, "SpotInterruptionWarning", "Instance/i-1", {"node": "n"}),
    Record(START + 5 * MINUTE, "PodFailed", "Pod/em-pipeline/w-flyem-1", {"node": "n", "exit_codes": [143]}),
]
VOID = {"meta", "link", "img", "br"}  # HTML elements without an end tag


class Reading(HTMLParser):
    """The text of a page, and what is wrong with its tags."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.references: list[str] = []
        self.tags: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "data"}]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in {"line", "rect"}  # only SVG may close a tag in itself

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data.strip())

    def close(self) -> None:
        super().close()
        assert self._open == []


def read(page: str) -> Reading:
    reading = Reading()
    reading.feed(page)
    reading.close()
    return reading


@pytest.fixture(scope="module")
def page() -> Reading:
    return read(render_page(RESULT, RECORDS, REPLAY))


@pytest.mark.parametrize(
    "figure",
    [
        "failed",
        "1:02:05",
        "12.3 s",
        "$0.1234",
        "nodes used",
        REPLAY,
        "every image is there",
        "t3.medium SPOT us-east-1a",
        "EKS control plane",
        "0.023400",
        "i-0123456789abcdef0",
        "120 s",
        "41.2 s",
        "equal to the source",
        "not compared",
        "abababababababab",
        "AWS::EC2::NatGateway",
        "w-flyem-1",
        "small-loaders",
        "5 min",
        "PodFailed",
        "300.0 s",
    ],
)
def test_the_page_has_the_figures(page: Reading, figure: str) -> None:
    assert any(figure in text for text in page.text)


def test_the_page_is_self_contained(page: Reading) -> None:
    assert page.references == []
    assert not {"script", "link", "img", "iframe"} & set(page.tags)


def test_what_a_run_says_is_shown_as_text_and_not_as_markup() -> None:
    text = render_page(RESULT, RECORDS, REPLAY)
    assert html.escape(RESULT.problems[0]) in text
    assert "<9>" not in text


def test_every_bar_lies_inside_the_picture() -> None:
    text = render_page(RESULT, RECORDS, REPLAY)
    (width,) = re.findall(r'<svg width="(\d+)"', text)
    bars = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', text)
    assert len(bars) == 2
    assert all(float(x) >= 250 and float(x) + float(wide) <= float(width) + 0.2 for x, wide in bars)


def test_a_run_without_records_still_has_a_page() -> None:
    assert "0 records" in " ".join(read(render_page(RESULT, [], REPLAY)).text)


def test_the_three_files_are_written_and_nothing_else(tmp_path: Path) -> None:
    timeline = Timeline(lambda: START)
    timeline.record("NodeJoined", "Node/n", node_group="small-loaders")
    directory = tmp_path / "deep" / "rehearsal"
    page = write_report(RESULT, timeline, directory, REPLAY)
    write_report(RESULT, timeline, directory, REPLAY)
    assert page == directory / "report.html"
    assert sorted(path.name for path in directory.iterdir()) == ["events.jsonl", "report.html", "result.json"]
    assert json.loads((directory / "result.json").read_text()) == json.loads(json.dumps(RESULT.as_json()))
    (event,) = (directory / "events.jsonl").read_text().splitlines()
    assert json.loads(event) == {
        "at": "2026-03-01T08:00:00.000000Z",
        "kind": "NodeJoined",
        "subject": "Node/n",
        "node_group": "small-loaders",
    }


@pytest.mark.parametrize(
    ("scale", "text"), [(1.0, "1"), (1 / 1024, "1/1024"), (1 / 3, "1/3"), (0.5, "1/2"), (0.3, "0.3"), (0.75, "0.75")]
)
def test_a_scale_is_written_as_people_write_it(scale: float, text: str) -> None:
    assert scale_text(scale) == text
