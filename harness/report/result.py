"""result.json as values; docs/result.md documents each field.

Times are RFC 3339 in virtual time, durations seconds, money US dollars.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

ItemState = Literal["passed", "failed", "not rehearsed"]


@dataclass(frozen=True)
class Task:
    """One task of the pipeline: where its last attempt ran and how often it was tried."""

    name: str
    phase: str
    node: str | None
    node_group: str | None
    capacity_type: str | None
    started: str | None
    finished: str | None
    attempts: int


@dataclass(frozen=True)
class Interruption:
    """A machine that was taken away: when, which, how long before it was announced, and what ran on it."""

    at: str
    instance: str
    node: str
    node_group: str
    notice_seconds: int
    tasks: tuple[str, ...]
    lost_seconds: float


@dataclass(frozen=True)
class Dataset:
    """A data set in the sink; `verified` says that its voxels were compared with the source."""

    name: str
    url: str
    digest: str
    shape: tuple[int, ...]
    dtype: str
    levels: int
    verified: bool


@dataclass(frozen=True)
class CostLine:
    """One line of the bill."""

    item: str
    usd: float
    quantity: float
    unit: str
    price_date: str


@dataclass(frozen=True)
class Cost:
    """The bill of a run."""

    total_usd: float
    lines: tuple[CostLine, ...]


@dataclass(frozen=True)
class RoadmapItem:
    """One checkbox of the migration plan's roadmap, with what decided its state."""

    phase: str
    item: str
    state: ItemState
    because: str


@dataclass(frozen=True)
class Result:
    """Everything that result.json says."""

    passed: bool
    problems: tuple[str, ...]
    environment: str
    target: str
    workload: str
    seed: int
    scale: float
    repeatable: bool
    not_repeatable_because: tuple[str, ...]
    virtual_seconds: float
    wall_seconds: float
    tasks: tuple[Task, ...]
    interruptions: tuple[Interruption, ...]
    datasets: tuple[Dataset, ...]
    cost: Cost
    coverage: dict[str, Any]
    roadmap: tuple[RoadmapItem, ...]

    def as_json(self) -> dict[str, Any]:
        """As plain JSON, with the schema's version first."""
        return {"version": 1, **asdict(self)}
