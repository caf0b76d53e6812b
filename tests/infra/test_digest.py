"""The digest tells stale output and output that was edited by hand, without the CDK."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from infra.digest import digest_document, digest_of, read_rendered, sources_digest, stale_because
from tests.infra.conftest import REPOSITORY


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository of one source, one lock and one rendered file."""
    (tmp_path / "infra" / "rendered" / "dev").mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "infra" / "app.py").write_text("a = 1\n")
    (tmp_path / "requirements" / "infra.lock").write_text("x==1\n")
    (tmp_path / "infra" / "rendered" / "dev" / "a.yaml").write_text("kind: A\n")
    _record(tmp_path)
    return tmp_path


def _record(repository: Path) -> None:
    directory = repository / "infra" / "rendered" / "dev"
    document = digest_document(sources=sources_digest(repository), files=read_rendered(directory))
    (directory / "digest.json").write_bytes(document)


def test_given_nothing_changed_then_it_is_fresh(repository: Path) -> None:
    assert stale_because(repository, "dev") is None


@pytest.mark.parametrize("changed", ["infra/app.py", "requirements/infra.lock"])
def test_given_a_changed_source_then_it_is_older(repository: Path, changed: str) -> None:
    (repository / changed).write_text("b = 2\n")
    reason = "infra/rendered/dev is older than infra/ or requirements/infra.lock: run make render"
    assert stale_because(repository, "dev") == reason


def test_given_a_new_source_then_it_is_older(repository: Path) -> None:
    (repository / "infra" / "more.py").write_text("")
    assert stale_because(repository, "dev") is not None


def test_given_an_edited_output_then_it_was_changed_by_hand(repository: Path) -> None:
    (repository / "infra" / "rendered" / "dev" / "a.yaml").write_text("kind: B\n")
    assert stale_because(repository, "dev") == "infra/rendered/dev was changed by hand: run make render"


def test_given_no_digest_then_it_was_never_rendered(repository: Path) -> None:
    (repository / "infra" / "rendered" / "dev" / "digest.json").unlink()
    assert stale_because(repository, "dev") == "infra/rendered/dev was never rendered: run make render"


def test_given_contents_swapped_between_names_then_the_digest_differs() -> None:
    assert digest_of({"a": b"1", "b": b"2"}) != digest_of({"a": b"2", "b": b"1"})
    assert digest_of({"a": b"1", "b": b"2"}) == digest_of({"b": b"2", "a": b"1"})


def test_given_this_repository_then_the_committed_output_is_fresh() -> None:
    assert stale_because(REPOSITORY, "dev") is None


def test_given_an_interpreter_that_refuses_the_cdk_and_yaml_then_the_digest_still_works() -> None:
    code = (
        "import sys\n"
        "for name in ('aws_cdk', 'constructs', 'jsii', 'yaml'): sys.modules[name] = None\n"
        "import infra.__main__ as m\n"
        "sys.exit(m.main(['stale']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
