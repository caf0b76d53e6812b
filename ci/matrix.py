"""The scenario matrix of continuous integration, from the scenarios that pytest collects: `python -m ci.matrix [--target NAME]`.

One job a file, so that a phase's failure is seen by itself. Printed as one line of JSON, as GitHub Actions' `fromJSON` wants it in `strategy.matrix`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "scenarios"


@dataclass(frozen=True)
class Scenario:
    """A collected scenario: its file relative to the repository, and the phase that it is marked with."""

    path: str
    phase: int | None


@dataclass(frozen=True)
class Suite:
    """One job of the matrix; `scenarios` is how many it runs."""

    suite: str
    path: str
    phase: int | None
    target: str
    scenarios: int


@dataclass
class Collector:
    """A pytest plugin that remembers what was collected."""

    found: list[Scenario] = field(default_factory=list)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note every item."""
        for item in session.items:
            marker = item.get_closest_marker("phase")
            path = item.path.relative_to(ROOT).as_posix()
            self.found.append(Scenario(path, marker.args[0] if marker is not None else None))


class NotCollected(Exception):
    """pytest could not collect the scenarios; the message is what it said."""


def collect(target: str) -> list[Scenario]:
    """Every scenario, in pytest's order. Raises NotCollected."""
    collector, said = Collector(), io.StringIO()
    arguments = ["--collect-only", "-q", f"--rootdir={ROOT}", f"--target={target}", str(ROOT / FOLDER)]
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = pytest.main(arguments, plugins=[collector])
    if code != pytest.ExitCode.OK:
        raise NotCollected(said.getvalue().strip())
    return collector.found


def suites(scenarios: Iterable[Scenario], target: str) -> list[Suite]:
    """The jobs: a file each, in the order of their paths. A file whose scenarios are of several phases belongs to the last."""
    by_path: dict[str, list[Scenario]] = {}
    for scenario in scenarios:
        by_path.setdefault(scenario.path, []).append(scenario)
    return [
        Suite(
            suite=PurePosixPath(path).relative_to(FOLDER).with_suffix("").as_posix(),
            path=path,
            phase=max((one.phase for one in inside if one.phase is not None), default=None),
            target=target,
            scenarios=len(inside),
        )
        for path, inside in sorted(by_path.items())
    ]


def main(arguments: list[str] | None = None) -> int:
    """Print the matrix; 1 when the scenarios cannot be collected."""
    parser = argparse.ArgumentParser(prog="python -m ci.matrix", description="Print the scenario matrix as JSON.")
    parser.add_argument("--target", default="sim", help="where the scenarios run (default: %(default)s)")
    target: str = parser.parse_args(arguments).target
    try:
        found = suites(collect(target), target)
    except NotCollected as error:
        print(f"ci.matrix: the scenarios cannot be collected:\n{error}", file=sys.stderr)
        return 1
    print(json.dumps({"include": [asdict(suite) for suite in found]}, separators=(",", ":")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
