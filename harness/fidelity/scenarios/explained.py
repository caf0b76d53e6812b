"""Differences that have a reason: data at fixtures/fidelity/scenarios.yaml, which docs/fidelity.md speaks of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import yaml

from harness.fidelity.scenarios.differences import Row
from harness.fidelity.values import TraceError, allow


@dataclass(frozen=True)
class Explanation:
    """Why a fact may differ: globs of scenario and fact, and of what each side says."""

    scenario: str
    what: str
    because: str
    one: str = "*"
    two: str = "*"

    def covers(self, scenario: str, row: Row) -> bool:
        """Whether this is the difference that is meant."""
        return (
            is_named(scenario, self.scenario)
            and fnmatchcase(row.what, self.what)
            and fnmatchcase(row.one, self.one)
            and fnmatchcase(row.two, self.two)
        )


def is_named(scenario: str, glob: str) -> bool:
    """Whether a glob, or the name as pytest writes it with its [parameters], means a scenario."""
    return scenario == glob or fnmatchcase(scenario, glob)


def read_explanations(path: Path, targets: Sequence[str]) -> list[Explanation]:
    """The explanations for two targets, in that order; none when there is no file. Raises TraceError."""
    if not path.exists():
        return []
    one, two = targets
    found = []
    for number, entry in enumerate(yaml.safe_load(path.read_text(encoding="utf-8")) or (), 1):
        place = f"{path.name}[{number}]"
        allow(entry, {"scenario", "what", "because", "sim", "kind", "aws-dev"}, place)
        if not entry.get("because") or not entry.get("what"):
            raise TraceError(f"{place}: say what differs and why: what: ..., because: ...")
        named = [target for target in ("sim", "kind", "aws-dev") if target in entry]
        if set(named) <= {one, two}:
            found.append(
                Explanation(
                    scenario=str(entry.get("scenario", "*")),
                    what=str(entry["what"]),
                    because=str(entry["because"]),
                    one=str(entry.get(one, "*")),
                    two=str(entry.get(two, "*")),
                )
            )
    return found
