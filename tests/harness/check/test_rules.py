"""Each rule finds what it is for, whatever it is called and however it is shaped, and leaves the near misses alone."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.check import RULES, findings, load
from tests.harness.check.cases import Files
from tests.harness.check.cases.table import CASES

ROOT = Path(__file__).parents[3]
AS_OF = datetime.date(2026, 11, 23)
CHECKS = {rule.name: rule.check for rule in RULES}
FOUND = [
    pytest.param(name, files, places, id=f"{name}: {title}")
    for name, cases in CASES.items()
    for title, (files, places) in cases.found.items()
]
SILENT = [
    pytest.param(name, files, id=f"{name}: {title}")
    for name, cases in CASES.items()
    for title, files in cases.silent.items()
]
Write = Callable[[Files], Path]


@pytest.mark.parametrize(("name", "files", "places"), FOUND)
def test_a_rule_finds_renamed_and_reshaped_mistakes(name: str, files: Files, places: list[str], write: Write) -> None:
    found = list(CHECKS[name](load(write(files)), AS_OF))
    assert sorted({finding.place for finding in found}) == sorted(places)
    assert {finding.rule for finding in found} == {name}


@pytest.mark.parametrize(("name", "files"), SILENT)
def test_a_rule_is_silent_about_near_misses(name: str, files: Files, write: Write) -> None:
    assert list(CHECKS[name](load(write(files)), AS_OF)) == []


def test_every_rule_has_three_variants_and_three_near_misses() -> None:
    assert list(CASES) == [rule.name for rule in RULES]
    assert {name for name, cases in CASES.items() if len(cases.found) < 3 or len(cases.silent) < 3} == set()


def test_every_rule_finds_something_in_the_plan_as_written_but_those_on_what_it_does_not_have() -> None:
    found = findings(load(ROOT / "fixtures/plan_as_written"), AS_OF)
    assert set(CHECKS) - {finding.rule for finding in found} == {"parameter", "selects-no-pod"}


RENAMED = {
    "em-pipeline": "orchard",
    "EMPipeline": "Orchard",
    "workload-type": "tier",
    "small-loaders": "light",
    "heavy-processing": "massive",
    "openorganelle": "apple",
    "OpenOrganelle": "Apple",
    "consolidate": "press",
    "epfl": "pear",
    "ebi": "plum",
    "idr": "fig",
    "flyem": "cherry",
    "SmallLoaders": "Light",
    "HeavyWorkload": "Massive",
    "shared-storage": "cellar",
    "ECR_REGISTRY": "STALL",
    "run_tests": "try_out",
    "validate_cloud_outputs": "taste",
    "lib": "roots",
}


def test_what_is_found_does_not_depend_on_names(write: Write) -> None:
    """Given the plan with everything of its own called differently, its files too, the same rules find the same number of mistakes."""
    plan = ROOT / "fixtures/plan_as_written"

    def renamed(text: str) -> str:
        names = "|".join(map(re.escape, RENAMED))
        return re.sub(rf"(?<![A-Za-z])({names})(?![a-z])", lambda match: RENAMED[match[0]], text)

    files = {
        renamed(path.relative_to(plan).as_posix()): renamed(path.read_text(encoding="utf-8"))
        for path in sorted(plan.rglob("*"))
        if path.is_file()
    }
    rules = [finding.rule for finding in findings(load(plan), AS_OF)]
    assert sorted(finding.rule for finding in findings(load(write(files)), AS_OF)) == sorted(rules)


def test_the_corrected_plan_has_no_finding() -> None:
    assert findings(load(ROOT / "infra/rendered/dev"), AS_OF) == []


def test_every_finding_says_what_to_do() -> None:
    for finding in findings(load(ROOT / "fixtures/plan_as_written"), AS_OF):
        assert re.fullmatch(r"[^:]+: .+: .+ \[[a-z-]+\]", str(finding)), finding


def test_no_literal_of_the_plan_stands_in_a_rule() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "harness/check").rglob("*.py")))
    names = {name for name in _names(ROOT / "fixtures/plan_as_written") if not name.startswith("-")}
    assert len(names) > 60
    assert [name for name in sorted(names) if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", code)] == []


def _names(plan: Path) -> Iterator[str]:
    """What the plan calls its things: keys of resources, jobs and services, ids and names, label values, buckets, scripts, variables, options."""
    for path in sorted(plan.rglob("*.y*ml")):
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            for key in ("Resources", "jobs", "services"):
                yield from document.get(key) or {}
            for value in _values(document):
                yield from re.findall(r"[A-Za-z0-9_./-]*[-_./][A-Za-z0-9_./-]*[A-Za-z0-9]", value)
                if re.fullmatch(r"[A-Z][a-z]+[A-Z]\w+", value):
                    yield value


def _values(node: Any) -> Iterator[str]:
    """The strings below the keys with which a plan names what is its own."""
    own = {
        "name",
        "id",
        "template",
        "BucketName",
        "Value",
        "value",
        "run",
        "workload-type",
        "path",
        "claimName",
        "image",
    }
    if isinstance(node, dict):
        for key, value in node.items():
            if key in own and isinstance(value, str):
                yield value
            yield from _values(value)
    elif isinstance(node, list):
        for item in node:
            yield from _values(item)
