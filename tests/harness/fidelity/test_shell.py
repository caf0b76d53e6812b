"""The words of traces' containers: what they do, how long that takes, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.clock import SECOND
from harness.fidelity.shell import Files, OutOfMemory, Process, code_of_handler, parse
from harness.fidelity.values import TraceError


class Container:
    """A process with files of its own; time passes as it sleeps."""

    def __init__(self, root: Path) -> None:
        self.now_us = 0
        self.said = ""
        self.files = Files(root / "own", {"/shared": root / "shared"})
        (root / "shared").mkdir()

    def run(self, *argv: str) -> tuple[int, float]:
        """The exit code, and how many seconds that took."""
        began_us = self.now_us
        steps = Process(self.files, lambda: self.now_us, self._say).steps(parse(argv))
        while True:
            try:
                self.now_us += next(steps)
            except StopIteration as end:
                return end.value, (self.now_us - began_us) / SECOND

    def sh(self, text: str) -> tuple[int, float]:
        return self.run("sh", "-c", text)

    def _say(self, text: str) -> None:
        self.said += text


@pytest.fixture
def container(tmp_path: Path) -> Container:
    return Container(tmp_path)


@pytest.mark.parametrize(
    ("text", "code", "lasts_s"),
    [
        ("exit 3", 3, 0),
        ("sleep 2; sleep 1.5", 0, 3.5),
        ("false || exit 4", 4, 0),
        ("true || exit 4", 0, 0),
        ("false && sleep 5", 1, 0),
        ("true && sleep 5; exit 1", 1, 5),
        ("test -e /x || { touch /x; exit 1; }", 1, 0),
        ("touch /x; test -e /x || { sleep 9; }", 0, 0),
        ("test ! -e /x && exit 6", 6, 0),
        ("touch /x; rm /x; test -e /x", 1, 0),
        ("sleep 6 & sleep 2; wait", 0, 6),
    ],
)
def test_given_a_program_when_it_runs_then_it_ends_as_busybox_would(
    container: Container, text: str, code: int, lasts_s: float
) -> None:
    assert container.sh(text) == (code, lasts_s)


def test_given_a_mount_then_its_files_outlive_the_container_and_its_own_do_not_leave_it(
    container: Container, tmp_path: Path
) -> None:
    container.sh("touch /shared/there; touch /tmp/here; echo loud; echo last > /dev/termination-log")
    assert (tmp_path / "shared/there").exists()
    assert (tmp_path / "own/tmp/here").exists()
    assert container.said == "loud\n"
    assert (tmp_path / "own/dev/termination-log").read_text() == "last\n"


def test_given_the_line_that_never_ends_then_memory_does(container: Container) -> None:
    with pytest.raises(OutOfMemory):
        container.sh("tail /dev/zero")


@pytest.mark.parametrize("text", ["curl x", "sleep 1 | cat", "{ sleep 1", "sleep 1 }", "touch /x &"])
def test_given_what_a_trace_does_not_speak_then_it_is_refused(text: str) -> None:
    with pytest.raises(TraceError):
        parse(["sh", "-c", text])


def test_given_a_handler_then_only_exit_is_understood() -> None:
    assert code_of_handler("exit 5") == 5
    with pytest.raises(TraceError):
        code_of_handler("sleep 1")
