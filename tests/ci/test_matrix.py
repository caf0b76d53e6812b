"""The scenario matrix: every collected scenario is in exactly one job."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.matrix import Scenario, suites

ROOT = Path(__file__).resolve().parents[2]
PATHS = st.sampled_from(["scenarios/phase1/test_a.py", "scenarios/phase1/test_b.py", "scenarios/phase2/test_a.py"])
SCENARIOS = st.lists(st.builds(Scenario, PATHS, st.none() | st.integers(1, 4)))


@given(SCENARIOS)
def test_every_scenario_is_in_exactly_one_suite(scenarios: list[Scenario]) -> None:
    found = suites(scenarios, "sim")
    assert {suite.path: suite.scenarios for suite in found} == Counter(one.path for one in scenarios)
    assert len({suite.suite for suite in found}) == len(found)
    assert [suite.path for suite in found] == sorted(suite.path for suite in found)


@pytest.mark.parametrize(
    ("phases", "phase"),
    [([None], None), ([1, 1], 1), ([3, None, 2], 3)],
)
def test_a_suite_has_the_last_phase_of_its_scenarios(phases: list[int | None], phase: int | None) -> None:
    (suite,) = suites([Scenario("scenarios/a/test_b.py", one) for one in phases], "kind")
    assert (suite.suite, suite.phase, suite.target) == ("a/test_b", phase, "kind")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_matrix_covers_what_pytest_collects() -> None:
    printed = run("ci.matrix")
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.count("\n") == 1
    include = json.loads(printed.stdout)["include"]
    collected = run("pytest", "--collect-only", "-q", "scenarios")
    by_file = Counter(line.partition("::")[0] for line in collected.stdout.splitlines() if "::" in line)
    assert by_file
    assert {suite["path"]: suite["scenarios"] for suite in include} == by_file
    phases = {path.name: int(path.name[5]) for path in (ROOT / "scenarios").glob("phase[0-9]_*")}
    for suite in include:
        folder = suite["path"].split("/")[1]
        assert suite["phase"] == phases.get(folder, suite["phase"]), (
            f"{suite['path']} is marked with another phase than its folder"
        )


@pytest.mark.slow
def test_a_target_that_cannot_be_had_gives_no_matrix() -> None:
    printed = run("ci.matrix", "--target", "aws-dev")
    assert (printed.returncode, printed.stdout) == (1, "")
    assert "target aws-dev does not exist yet" in printed.stderr
