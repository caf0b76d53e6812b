"""Every command of the documentation exists as it is written; the blocks that say so are run."""

from __future__ import annotations

import contextlib
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.rehearsal.session import running_session
from tests.docs.commands import CannotBe, check
from tests.docs.pages import ROOT, Block, blocks
from tests.harness.kubectl import find_kubectl

COMMANDS = [(block.page, line) for block in blocks("sh") for line in block.commands]
RUN = [block for block in blocks("sh") if block.runs]
SESSION = ROOT / "build" / "session.json"


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line}" for page, line in COMMANDS])
def test_a_documented_command_exists_as_it_is_written(page: str, line: str) -> None:
    check(line)


def test_the_two_commands_of_the_readme_are_there() -> None:
    assert {("README.md", "make rehearse"), ("README.md", "make test")} <= set(COMMANDS)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("make deploy", "the Makefile has no target deploy"),
        ("make rehearse ARGS='--sede 7'", "unrecognized arguments: --sede 7"),
        ("make test ARGS=-x", "does not hand ARGS on"),
        ("tox -e performance", "tox has no environment performance"),
        ("tox", "none is named"),
        ("tox -e scenarios -- scenarios/phase9", "scenarios/phase9 does not exist"),
        (".venv/bin/harness watch", "invalid choice: 'watch'"),
        ("harness check", "the following arguments are required: PATH"),
        ("python -m nothing.here", "there is no module nothing.here"),
        ("python -m infra synth", "invalid choice: 'synth'"),
        ("pytest tests/nowhere", "tests/nowhere does not exist"),
        ("kubectl frobnicate", "no verb of"),
        ("docker compose up", "-f names no file"),
        ("docker compose -f compose/docker-compose.yaml frobnicate", "no verb of"),
        ("docker compose -f compose/docker-compose.yaml logs nobody", "has no such service"),
        ("helm install x", "nothing here knows how to check 'helm'"),
    ],
)
def test_a_command_that_does_not_exist_is_found(line: str, said: str) -> None:
    with pytest.raises(CannotBe, match=said):
        check(line)


@contextlib.contextmanager
def cluster_stopped(block: Block) -> Iterator[None]:
    """If the block starts a cluster, it is stopped whatever becomes of the test."""
    if not any("harness up" in line for line in block.commands):
        yield
        return
    if running_session(SESSION) is not None:
        pytest.skip("somebody's cluster of this checkout is up: `harness down` stops it")
    try:
        yield
    finally:
        subprocess.run([sys.executable, "-m", "harness.cli", "down"], cwd=ROOT, check=True, capture_output=True)


def test_some_blocks_are_run() -> None:
    assert {block.page for block in RUN} >= {"README.md"}


@pytest.mark.slow
@pytest.mark.parametrize("block", RUN, ids=[f"{block.page}: {block.commands[0]}" for block in RUN])
def test_a_block_that_says_so_is_run_to_its_end(block: Block, tmp_path: Path) -> None:
    kubeconfig = str(tmp_path / "kubeconfig")
    with cluster_stopped(block):
        for line in block.commands:
            words = shlex.split(line.replace("build/kubeconfig", kubeconfig))
            if words[0] == "kubectl":
                found = find_kubectl(tmp_path)
                if found is None:
                    pytest.skip("no kubectl on PATH, in HARNESS_KUBECTL or as a wheel")
                words[0] = str(found)
            if words[0].endswith("harness"):
                words[:1] = [sys.executable, "-m", "harness.cli"]
            ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
            assert ran.returncode == 0, f"{line}\n{ran.stdout}{ran.stderr}"
