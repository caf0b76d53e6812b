"""Directories of worlds: what a killed run left is cleared, a run that goes on is let alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from harness.cluster.kubelet.runtimes.leftovers import ProcessList
from harness.targets.state import clear_leftovers, new_state_dir, worlds_root

RUN = """
import subprocess, sys
from pathlib import Path
from harness.cluster.kubelet.runtimes.leftovers import ProcessList
from harness.targets.state import new_state_dir

directory = new_state_dir(Path(sys.argv[1]))
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
ProcessList(directory / "pods").add(child.pid)
print(child.pid, flush=True)
sys.stdin.read()
"""


def test_given_a_run_that_goes_on_then_its_world_is_let_alone(tmp_path: Path) -> None:
    mine = new_state_dir(tmp_path)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as pod:
        ProcessList(mine).add(pod.pid)
        assert clear_leftovers(tmp_path) == 0
        assert mine.is_dir()
        assert pod.poll() is None
        pod.kill()


@pytest.mark.slow
def test_given_a_run_that_was_killed_then_its_processes_and_directory_go(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        pod = psutil.Process(int(run.stdout.readline()))
        assert clear_leftovers(tmp_path) == 0
        os.kill(run.pid, signal.SIGKILL)
    assert pod.is_running()
    assert clear_leftovers(tmp_path) == 1
    psutil.wait_procs([pod], timeout=10)
    assert not pod.is_running() or pod.status() == psutil.STATUS_ZOMBIE
    assert list(worlds_root(tmp_path).iterdir()) == []


def test_a_world_has_its_owner_from_its_first_moment_to_its_last(tmp_path: Path) -> None:
    # given a world whose directory has nothing in it yet, or nothing any more, then nobody else's `down --all` takes it away
    mine = new_state_dir(tmp_path)
    assert list(mine.iterdir()) == []
    assert clear_leftovers(tmp_path) == 0
    assert mine.is_dir()


def test_a_directory_without_an_owner_is_nobodys(tmp_path: Path) -> None:
    (worlds_root(tmp_path) / "world-old").mkdir(parents=True)
    assert clear_leftovers(tmp_path) == 1


def test_given_no_worlds_then_there_is_nothing_to_clear(tmp_path: Path) -> None:
    assert clear_leftovers(tmp_path) == 0
