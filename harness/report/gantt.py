"""The Gantt picture: a row a node, its life as a pale bar, the pods that ran on it as bars inside, interruptions as marks. Pure: records in, shapes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from harness.clock import MINUTE, Record

_STEPS_MIN = (1, 2, 5, 10, 15, 30, 60, 120, 240, 480, 1440)
_TERMINAL = {"PodSucceeded", "PodFailed", "PodGone"}


@dataclass
class Bar:
    """Something that lasted: [start, end) in microseconds, `end_us` None while it goes on."""

    label: str
    start_us: int
    end_us: int | None = None
    kind: str = "running"


@dataclass
class Row:
    """A node and what ran on it."""

    node: str
    group: str
    detail: str
    life: Bar
    lanes: list[list[Bar]] = field(default_factory=list)
    marks: list[tuple[int, str]] = field(default_factory=list)


def rows(records: Iterable[Record], end_us: int) -> list[Row]:
    """The rows in the order in which the nodes joined."""
    by_node: dict[str, Row] = {}
    running: dict[str, tuple[Row, Bar]] = {}
    for record in records:
        name = record.subject.partition("/")[2]
        if record.kind == "NodeJoined":
            details = record.details
            text = " ".join(str(details[key]) for key in ("instance_type", "capacity_type", "zone") if key in details)
            by_node[name] = Row(name, str(details.get("node_group", "")), text, Bar(name, record.at_us))
        elif record.kind == "NodeGone" and name in by_node:
            by_node[name].life.end_us = record.at_us
        elif record.kind == "PodRunning" and record.details.get("node") in by_node:
            row = by_node[record.details["node"]]
            bar = Bar(str(record.details.get("name") or name.rpartition("/")[2]), record.at_us)
            _place(row, bar)
            running[name] = (row, bar)
        elif record.kind in _TERMINAL and name in running:
            _, bar = running.pop(name)
            bar.end_us = record.at_us
            bar.kind = {"PodSucceeded": "succeeded", "PodFailed": "failed"}.get(record.kind, "lost")
        elif record.kind.startswith("Spot") and record.details.get("node") in by_node:
            by_node[record.details["node"]].marks.append((record.at_us, record.kind))
    for row in by_node.values():
        for bar in (row.life, *(bar for lane in row.lanes for bar in lane)):
            bar.end_us = end_us if bar.end_us is None else bar.end_us
    return list(by_node.values())


def _place(row: Row, bar: Bar) -> None:
    """Put a bar into the first lane that is free at its start."""
    for lane in row.lanes:
        if lane[-1].end_us is not None and lane[-1].end_us <= bar.start_us:
            lane.append(bar)
            return
    row.lanes.append([bar])


def ticks(start_us: int, end_us: int) -> list[tuple[int, str]]:
    """At most a dozen marks of the time axis, with minutes since the start as text."""
    span_min = max(1.0, (end_us - start_us) / MINUTE)
    step = next((step for step in _STEPS_MIN if span_min / step <= 12), _STEPS_MIN[-1])
    return [(start_us + minute * MINUTE, f"{minute} min") for minute in range(0, int(span_min) + 1, step)]


def label_place(bar: tuple[float, float], following_px: float, text: str) -> tuple[float, bool] | None:
    """Where a bar's label stands: (x, whether inside), to its right if it is too short, None where the next bar leaves no room."""
    start_px, end_px = bar
    wide_px = 6.6 * len(text) + 8
    if end_px - start_px >= wide_px:
        return start_px + 4, True
    return (end_px + 4, False) if following_px - end_px >= wide_px else None
