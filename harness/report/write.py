"""Writes the files of a report; the page is self-contained (no script, style or picture from elsewhere)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.clock import SECOND, Record, Timeline, format_time
from harness.report import gantt
from harness.report.result import Result

_LANE_PX, _WIDTH_PX, _LABEL_PX = 18, 1180, 250


def write_report(result: Result, timeline: Timeline, directory: Path, replay: str) -> Path:
    """Write result.json, events.jsonl and report.html into `directory`; `replay` is the command that repeats the run. Returns the page."""
    directory.mkdir(parents=True, exist_ok=True)
    _write(directory / "result.json", json.dumps(result.as_json(), indent=2) + "\n")
    _write(directory / "events.jsonl", timeline.as_jsonl())
    page = directory / "report.html"
    _write(page, render_page(result, list(timeline), replay))
    return page


def render_page(result: Result, records: Sequence[Record], replay: str) -> str:
    """The HTML of the report."""
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    start_us = records[0].at_us if records else 0
    end_us = max((records[-1].at_us if records else 0), start_us + SECOND)

    def x(at_us: int) -> float:
        return round(_LABEL_PX + (at_us - start_us) / (end_us - start_us) * (_WIDTH_PX - _LABEL_PX), 1)

    return environment.get_template("report.html").render(
        result=result,
        replay=replay,
        records=records,
        rows=gantt.rows(records, end_us),
        ticks=gantt.ticks(start_us, end_us),
        x=x,
        label_place=gantt.label_place,
        scale=scale_text(result.scale),
        lane_px=_LANE_PX,
        width_px=_WIDTH_PX,
        format_time=format_time,
        since=lambda at_us: f"{(at_us - start_us) / SECOND:,.1f} s",
        duration=lambda seconds: f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d}:{int(seconds % 60):02d}",
        phases=list(dict.fromkeys(item.phase for item in result.roadmap)),
    )


def scale_text(scale: float) -> str:
    """A scale as people write it: 1/1024, or a decimal."""
    whole = round(1 / scale)
    return f"1/{whole}" if whole > 1 and abs(1 / whole - scale) < 1e-12 else f"{scale:g}"


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text)
    os.replace(partial, path)
