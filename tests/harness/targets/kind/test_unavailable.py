"""What is missing is said in one line, with how to get it. Programs are scripts in the real ones' place."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.targets.base import TargetUnavailable
from harness.targets.kind.cluster import DEFAULT_NODE_IMAGE
from harness.targets.kind.session import KindSession
from tests.harness.targets.kind.engines import scripted_engine

ANSWERS = "version*) echo 28.0.0;;"
NO_IMAGE = f"""{ANSWERS}
"image inspect"*) echo "Error: No such image: $5" >&2; exit 1;;
pull*) echo "dial tcp: lookup registry-1.docker.io: no such host" >&2; exit 1;;"""


def refusal(root: Path) -> str:
    """What a session says that cannot be opened; it has left nothing."""
    with pytest.raises(TargetUnavailable) as refused:
        KindSession.open(root)
    assert not (root / "build" / "kind").exists() or not list((root / "build" / "kind").iterdir())
    assert "\n" not in str(refused.value)
    return str(refused.value)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is the whole PATH but for what scripts need, with no variable set."""
    for name in ("HARNESS_KIND", "HARNESS_KIND_IMAGE"):
        monkeypatch.delenv(name, raising=False)
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))
    return place


def test_given_no_engine_then_it_says_how_to_get_one(path: Path, tmp_path: Path) -> None:
    said = refusal(tmp_path)
    assert "no program `docker` on the PATH" in said
    assert "https://docs.docker.com/engine/install/" in said


def test_given_an_engine_that_does_not_answer_then_its_words_are_told(path: Path, tmp_path: Path) -> None:
    scripted_engine(path, 'version*) echo "Cannot connect to the Docker daemon" >&2; exit 1;;')
    said = refusal(tmp_path)
    assert "Cannot connect to the Docker daemon" in said
    assert "start it" in said


def test_given_no_kind_then_it_says_how_to_get_it(path: Path, tmp_path: Path) -> None:
    scripted_engine(path, ANSWERS)
    said = refusal(tmp_path)
    assert "no program `kind` on the PATH" in said
    assert "HARNESS_KIND" in said


def test_given_a_kind_that_is_not_there_then_its_variable_is_named(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted_engine(path, ANSWERS)
    monkeypatch.setenv("HARNESS_KIND", "/nowhere/kind")
    assert "HARNESS_KIND=/nowhere/kind is no program" in refusal(tmp_path)


@pytest.mark.parametrize("image", [None, "registry.example/kindest/node:v1.34.4"])
def test_given_no_node_image_then_it_names_it_and_the_variable(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str | None
) -> None:
    scripted_engine(path, NO_IMAGE)
    monkeypatch.setenv("HARNESS_KIND", "/bin/true")
    if image:
        monkeypatch.setenv("HARNESS_KIND_IMAGE", image)
    said = refusal(tmp_path)
    assert (image or DEFAULT_NODE_IMAGE) in said
    assert "HARNESS_KIND_IMAGE" in said
    assert "no such host" in said


def test_given_a_cluster_that_does_not_come_up_then_kinds_words_are_told_and_nothing_stays(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, asked = scripted_engine(path, f"{ANSWERS}\n*) echo nothing;;")
    kind = path / "kind"
    kind.write_text(
        "#!/bin/sh\necho 'ERROR: failed to create cluster: could not find a log line' >&2\n"
        "line=0; while [ $line -lt 200 ]; do line=$((line + 1)); echo a stack trace $line >&2; done\nexit 1\n"
    )
    kind.chmod(0o755)
    said = refusal(tmp_path)
    assert "failed to create cluster: could not find a log line a stack trace 1" in said
    assert len(said) < 900
    removed = [line for line in asked.read_text().splitlines() if " rm " in line]
    assert [line.split()[0] for line in removed] == ["network", "volume", "volume"]
