"""`harness fidelity --targets`: two hand-made results, what is told of them, and the exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main
from harness.fidelity.scenarios.command import EXPLANATIONS, compare_targets
from harness.fidelity.scenarios.differences import Row, rows_of
from harness.fidelity.scenarios.explained import read_explanations
from harness.fidelity.scenarios.facts import WorldFacts
from harness.fidelity.scenarios.results import ScenarioResult, note, save

NAME = "scenarios/phase3_optimization/test_workflow.py::test_a_reclaim"
FACTS = {
    "workflow 1: phase": "Succeeded",
    "pods of flyem: placements": "small-loaders SPOT, small-loaders SPOT",
    "pods of flyem: ends": "Failed 143, Succeeded 0",
    "shards of flyem: lost": "0",
}
NOTICE = "notice until the machine goes, small-loaders"
SIM = ScenarioResult(NAME, "sim", 7, "passed", worlds=(WorldFacts(FACTS, {NOTICE: 120.0}),))
KIND = replace(SIM, target="kind", worlds=(WorldFacts(FACTS, {NOTICE: 131.0}, shorter=10),))
TARGETS = ("sim", "kind")


def with_facts(result: ScenarioResult, **changes: str) -> ScenarioResult:
    (world,) = result.worlds
    facts = {**world.facts, **{key.replace("__", " of ").replace("_", ": "): text for key, text in changes.items()}}
    return replace(result, worlds=(replace(world, facts=facts),))


class Directory:
    """Results on disk, and explanations."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.explanations = root / "scenarios.yaml"

    def put(self, *results: ScenarioResult) -> None:
        for result in results:
            save(self.root, result)

    def explain(self, *entries: Mapping[str, Any]) -> None:
        self.explanations.write_text(yaml.safe_dump(list(entries)))

    def compare(self, *names: str, everything: bool = False) -> int:
        return compare_targets(TARGETS, names, results=self.root, everything=everything, explanations=self.explanations)


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    return Directory(tmp_path)


def test_given_equal_results_then_it_ends_with_0(directory: Directory, capsys: pytest.CaptureFixture[str]) -> None:
    directory.put(SIM, KIND)
    assert directory.compare() == 0
    assert capsys.readouterr().out.splitlines() == [
        f"ok        {NAME}  6 of 6 equal",
        "1 of 1 scenarios are equal or explained, 0 aside",
    ]


def test_given_another_placement_then_it_is_shown_side_by_side_and_ends_with_1(
    directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.put(SIM, with_facts(KIND, pods__flyem_placements="small-loaders SPOT, heavy-processing ON_DEMAND"))
    assert directory.compare() == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"DIFF      {NAME}  5 of 6 equal"
    assert lines[1].split() == ["sim", "kind"]
    assert lines[2].startswith("  ! pods of flyem: placements  small-loaders SPOT, small-loaders SPOT")
    assert "small-loaders SPOT, heavy-processing..." in lines[2]
    assert lines[-1] == "0 of 1 scenarios are equal or explained, 0 aside"


def test_given_everything_then_what_is_equal_is_shown_too(
    directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.put(SIM, KIND)
    assert directory.compare(everything=True) == 0
    out = capsys.readouterr().out
    assert "    pods of flyem: ends" in out
    assert "Failed 143, Succeeded 0" in out
    assert "131 s" in out


def test_given_an_explanation_then_the_difference_is_told_with_its_reason_and_ends_with_0(
    directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.put(SIM, with_facts(KIND, pods__flyem_ends="Gone, Succeeded 0"))
    directory.explain({"scenario": "*::test_a_reclaim", "what": "pods of * ends", "kind": "Gone*", "because": "gone."})
    assert directory.compare() == 0
    out = capsys.readouterr().out
    assert out.startswith(f"explained {NAME}  5 of 6 equal")
    assert "  ~ pods of flyem: ends" in out
    assert "because gone." in out


def test_given_an_explanation_of_something_else_then_it_does_not_count_and_is_told_to_be_idle(
    directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.put(SIM, with_facts(KIND, pods__flyem_ends="Failed 137, Succeeded 0"))
    directory.explain({"what": "pods of * ends", "kind": "Gone*", "because": "gone."})
    assert directory.compare() == 1
    assert "idle      explanation of * pods of * ends" in capsys.readouterr().out


def test_given_an_explanation_without_a_reason_then_it_ends_with_2(
    directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.put(SIM, KIND)
    directory.explain({"what": "pods of * ends"})
    assert directory.compare() == 2
    assert "say what differs and why" in capsys.readouterr().err


def test_given_a_scenario_that_a_target_skips_then_it_is_aside_with_the_reason(
    directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    skipped = ScenarioResult(NAME, "kind", 7, "skipped", "Skipped: target kind has no virtual_time")
    directory.put(SIM, skipped)
    assert directory.compare() == 0
    assert f"aside     {NAME}  kind: Skipped: target kind has no virtual_time" in capsys.readouterr().out


def test_given_a_scenario_that_was_run_on_one_target_only_then_it_is_missing_and_ends_with_1(
    directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.put(SIM, KIND, replace(SIM, scenario="scenarios/other.py::test_it"))
    assert directory.compare() == 1
    assert "MISSING   scenarios/other.py::test_it  was not run on kind" in capsys.readouterr().out
    assert directory.compare("*::test_a_reclaim") == 0


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        (("sim",), "names two of"),
        (("sim", "sim"), "names two of"),
        (("sim", "aws-dev"), "aws-dev: no results, run pytest"),
    ],
)
def test_given_what_cannot_be_compared_then_it_ends_with_2_and_says_so(
    directory: Directory, capsys: pytest.CaptureFixture[str], targets: Sequence[str], says: str
) -> None:
    directory.put(SIM, KIND)
    assert compare_targets(targets, results=directory.root) == 2
    assert says in capsys.readouterr().err


def test_given_a_file_that_is_no_result_then_it_is_named(
    directory: Directory, capsys: pytest.CaptureFixture[str]
) -> None:
    directory.put(SIM, KIND)
    (directory.root / "kind/broken.json").write_text("{}")
    assert directory.compare() == 2
    assert "broken.json: is no result ('version'), run the scenarios again" in capsys.readouterr().err


def test_given_no_results_then_the_scenarios_are_run_on_both_targets(directory: Directory) -> None:
    asked = []

    def run(target: str, place: Path, names: Sequence[str]) -> int:
        asked.append((target, tuple(names)))
        save(place, SIM if target == "sim" else KIND)
        return 0

    assert compare_targets(TARGETS, [NAME], explanations=directory.explanations, run=run) == 0
    assert asked == [("sim", (NAME,)), ("kind", (NAME,))]


def test_given_a_target_that_cannot_start_then_it_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare_targets(TARGETS, run=lambda _target, _place, _names: 4) == 2
    assert "the scenarios did not run on sim: pytest ended with 4" in capsys.readouterr().err


def test_given_the_command_line_then_results_are_compared(directory: Directory) -> None:
    directory.put(SIM, KIND)
    assert main(["fidelity", "--targets", "sim,kind", "--results", str(directory.root)]) == 0


def test_given_a_delay_then_it_may_differ_by_what_the_wall_adds_and_by_no_more() -> None:
    late = replace(KIND, worlds=(WorldFacts(FACTS, {NOTICE: 155.0}, shorter=10),))
    assert Row(NOTICE, "120 s", "131 s", equal=True) in rows_of(SIM, KIND)
    assert Row(NOTICE, "120 s", "155 s", equal=False) in rows_of(SIM, late)


def test_given_a_fact_or_a_world_that_only_one_side_has_then_it_differs() -> None:
    more = with_facts(KIND, pods__ebi_ends="Succeeded 0")
    assert [row for row in rows_of(SIM, more) if not row.equal] == [
        Row("pods of ebi: ends", "-", "Succeeded 0", equal=False)
    ]
    twice = replace(KIND, worlds=KIND.worlds * 2)
    assert [row for row in rows_of(SIM, twice) if not row.equal] == [Row("world 2", "-", "opened", equal=False)]
    assert [row for row in rows_of(twice, SIM) if not row.equal] == [Row("world 2", "opened", "-", equal=False)]


class Report:
    """What pytest says of a phase."""

    def __init__(self, when: str, outcome: Any, longrepr: Any = None) -> None:
        self.when: str | None = when
        self.outcome = outcome
        self.longrepr = longrepr


def test_given_reports_then_calls_and_skips_are_noted_and_the_rest_is_not(tmp_path: Path) -> None:
    def noted(report: Report) -> list[str]:
        note(tmp_path, report, scenario=NAME, target="kind", seed=7)
        return [path.read_text() for path in tmp_path.glob("kind/*.json")]

    assert noted(Report("setup", "passed")) == []
    assert noted(Report("teardown", "passed")) == []
    (skipped,) = noted(Report("setup", "skipped", ("plugin.py", 48, "Skipped: target kind has no virtual_time")))
    assert '"reason": "Skipped: target kind has no virtual_time"' in skipped
    (passed,) = noted(Report("call", "passed"))
    assert '"outcome": "passed"' in passed


def test_given_the_committed_explanations_then_they_can_be_read() -> None:
    found = read_explanations(EXPLANATIONS, TARGETS)
    assert found
    assert all(entry.because.endswith(".") for entry in found)
