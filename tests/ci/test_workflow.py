"""The workflow of GitHub Actions: it parses, runs what exists, covers every check, and holds no credential."""

from __future__ import annotations

import configparser
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cluster.images import read_dockerfile, services

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / ".github/workflows/ci.yml").read_text()
WORKFLOW: dict[str, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, Any] = WORKFLOW["jobs"]
ACTIONS = {"actions/checkout@v4", "actions/setup-python@v5", "actions/upload-artifact@v4"}
FIXED = {"github.ref", "env.PYTHON_VERSION"}


def steps() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, job in JOBS.items():
        for step in job["steps"]:
            yield name, step


def commands() -> list[str]:
    return [line.strip() for _job, step in steps() for line in str(step.get("run", "")).splitlines()]


def tox_environments() -> set[str]:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    return {name.strip() for name in tox["tox"]["env_list"].split(",")}


def test_every_job_ends_by_itself_and_needs_what_exists() -> None:
    for name, job in JOBS.items():
        assert job["timeout-minutes"] <= 20, name
        assert set([job["needs"]] if "needs" in job else []) <= set(JOBS)


def test_only_known_actions_are_used() -> None:
    assert {step["uses"] for _job, step in steps() if "uses" in step} == ACTIONS


def test_every_step_either_uses_an_action_or_runs_a_command() -> None:
    assert all(("uses" in step) != ("run" in step) for _job, step in steps())


def test_every_tox_environment_runs() -> None:
    assert {*JOBS["checks"]["strategy"]["matrix"]["environment"], "scenarios"} == tox_environments()


def test_every_service_of_the_dockerfile_is_built() -> None:
    declared = services(read_dockerfile(ROOT / "Dockerfile"))
    assert set(JOBS["images"]["strategy"]["matrix"]["service"]) == set(declared)


def test_the_scenarios_come_from_the_generated_matrix() -> None:
    assert JOBS["scenarios"]["strategy"]["matrix"] == "${{ fromJSON(needs.matrix.outputs.scenarios) }}"
    assert JOBS["matrix"]["outputs"]["scenarios"] == "${{ steps.collect.outputs.scenarios }}"
    assert "tox -e scenarios -- --target=${{ matrix.target }} ${{ matrix.path }}" in commands()


def test_every_expression_is_known() -> None:
    known = FIXED | {f"matrix.{key}" for key in ("environment", "service", "suite", "path", "target")}
    known |= {"fromJSON(needs.matrix.outputs.scenarios)", "steps.collect.outputs.scenarios"}
    assert set(re.findall(r"\$\{\{\s*(.+?)\s*\}\}", TEXT)) == known


@pytest.mark.parametrize("pattern", [r"AKIA", r"aws[_-]?secret", r"aws[_-]?access", r"secrets\."])
def test_there_is_no_credential(pattern: str) -> None:
    assert re.search(pattern, TEXT, re.IGNORECASE) is None
    assert WORKFLOW["permissions"] == {"contents": "read"}


def test_every_file_that_a_command_names_exists() -> None:
    named = {word for line in commands() for word in re.findall(r"[\w./-]+\.(?:lock|py|sh|yaml|txt)\b", line)}
    named |= {
        word.replace(".", "/") + ".py" for line in commands() for word in re.findall(r"python -m (ci\.\w+)", line)
    }
    assert named >= {"requirements/tox.lock", "ci/matrix.py"}
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_it_is_plain_data() -> None:
    assert json.loads(json.dumps(JOBS)) == JOBS
