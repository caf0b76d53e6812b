"""Result files: what one scenario came to on one target, as JSON at `DIR/<target>/<scenario>.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from harness.fidelity.scenarios.facts import WorldFacts, facts_of
from harness.world.world import World

Outcome = Literal["passed", "failed", "skipped"]
_VERSION = 1


class ResultError(ValueError):
    """A result file that cannot be read: place, finding, remedy."""


@dataclass(frozen=True)
class ScenarioResult:
    """One scenario on one target; `reason` says why it was skipped."""

    scenario: str
    target: str
    seed: int
    outcome: Outcome
    reason: str = ""
    worlds: tuple[WorldFacts, ...] = ()


class Report(Protocol):
    """What is asked of a pytest.TestReport."""

    @property
    def when(self) -> str | None:
        """The phase: setup, call or teardown."""

    @property
    def outcome(self) -> Outcome:
        """How it ended."""

    @property
    def longrepr(self) -> Any:
        """Why."""


def note(
    directory: Path, report: Report, *, scenario: str, target: str, seed: int, worlds: Sequence[World] = ()
) -> None:
    """Write what a scenario came to, its worlds being open still: when it was called, or when its setup skipped or failed it."""
    if report.when == "call" or (report.when == "setup" and report.outcome != "passed"):
        reason = str(report.longrepr[-1]) if isinstance(report.longrepr, tuple) else ""
        facts = tuple(facts_of(world) for world in worlds if not world.closed)
        save(directory, ScenarioResult(scenario, target, seed, report.outcome, reason, facts))


def save(directory: Path, result: ScenarioResult) -> Path:
    """Write one result; where."""
    slug = re.sub(r"[^A-Za-z0-9_.-]+", "_", result.scenario)
    path = directory / result.target / f"{slug}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"version": _VERSION, **asdict(result)}, indent=1) + "\n", encoding="utf-8")
    return path


def load_all(directory: Path, target: str) -> dict[str, ScenarioResult]:
    """The results of a target by scenario. Raises ResultError."""
    paths = sorted((directory / target).glob("*.json"))
    if not paths:
        raise ResultError(
            f"{directory / target}: no results, run pytest scenarios --target={target} --results {directory}"
        )
    results = [_load(path) for path in paths]
    return {result.scenario: result for result in results}


def _load(path: Path) -> ScenarioResult:
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        if body.pop("version") != _VERSION:
            raise ResultError(f"{path}: written by another version, run the scenarios again")
        worlds = tuple(WorldFacts(**entry) for entry in body.pop("worlds"))
        return ScenarioResult(**body, worlds=worlds)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ResultError(f"{path}: is no result ({error}), run the scenarios again") from error
