"""`harness up` and `down`: whose cluster is up, and what is said when none is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from harness.cluster.kubelet.runtimes.leftovers import started_ticks
from harness.rehearsal import session
from harness.rehearsal.session import _note, down, running_session, up
from harness.targets.project import Project, ProjectError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, whose rendered files are fresh."""
    monkeypatch.setattr(session, "find_project", lambda environment: Project(tmp_path, environment))
    monkeypatch.setattr(Project, "check_fresh", lambda _project: None)
    (tmp_path / "build").mkdir()
    return tmp_path


@pytest.fixture
def process() -> Iterator[psutil.Process]:
    """A process that waits to be stopped."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as started:
        yield psutil.Process(started.pid)
        started.kill()


def note(root: Path, process: psutil.Process, *, other_start: bool = False) -> Path:
    noted = root / "build" / "session.json"
    noted.write_text(json.dumps({"pid": process.pid, "ticks": (started_ticks(process.pid) or 0) - other_start}))
    return noted


def test_given_a_cluster_that_is_up_then_another_is_refused(root: Path, process: psutil.Process) -> None:
    note(root, process)
    with pytest.raises(ProjectError, match="a cluster is up already: stop it with `harness down`"):
        up("dev", kubeconfig=root / "kubeconfig", detach=True)


@pytest.mark.parametrize("detach", [False, True])
def test_a_kubeconfig_that_cannot_be_written_is_refused_before_anything_starts(root: Path, detach: bool) -> None:
    (root / "a-file").touch()
    with pytest.raises(ProjectError, match=r"--kubeconfig in .*/a-file: .*: name a directory that can be made"):
        up("dev", kubeconfig=root / "a-file" / "kubeconfig", detach=detach)


def test_given_a_cluster_that_is_up_then_down_stops_it_and_forgets_it(
    root: Path, process: psutil.Process, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = note(root, process)
    assert down(everything=False) == 0
    assert capsys.readouterr().out == "the cluster is down\n"
    assert not noted.exists()
    assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_given_another_process_with_the_noted_number_then_it_is_let_alone(
    root: Path, process: psutil.Process, capsys: pytest.CaptureFixture[str]
) -> None:
    noted = note(root, process, other_start=True)
    assert running_session(noted) is None
    assert down(everything=False) == 0
    assert capsys.readouterr().out == "no cluster is up\n"
    assert process.is_running()
    assert not noted.exists()


def test_a_session_is_known_by_its_process_whatever_the_wall_clock_says(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a session that was noted, when the machine's clock is set (which moves what psutil tells as the start)
    noted = root / "build" / "session.json"
    _note(noted)
    monkeypatch.setattr(psutil.Process, "create_time", lambda _process: 0.0)
    # then it is still the same process
    found = running_session(noted)
    assert found is not None
    assert found.pid == os.getpid()
    assert [path.name for path in noted.parent.iterdir()] == ["session.json"]


def test_given_no_session_then_down_says_so(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert down(everything=False) == 0
    assert capsys.readouterr().out == "no cluster is up\n"
