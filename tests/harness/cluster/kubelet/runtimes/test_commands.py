"""Commands beside the containers of real processes: what runs, what it sees, how it ends, what its time is."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from harness.cluster.kubelet.runtimes import ProcessRuntime
from harness.kube.hooks import ExecProcess, ExecRefused, ExecStart, Provision
from tests.harness.cluster.kubelet.runtimes.test_process import log, run
from tests.harness.cluster.kubelet.world import World, app

_LIMIT_S = 10.0


class Ran:
    """What came of a command."""

    def __init__(self) -> None:
        self.written: dict[int, bytes] = {1: b"", 2: b""}
        self.code: int | None = None
        self._news = threading.Condition()

    def output(self, stream: int, data: bytes) -> None:
        with self._news:
            assert self.code is None, "output after the end"
            self.written[stream] += data
            self._news.notify_all()

    def ended(self, code: int) -> None:
        with self._news:
            assert self.code is None, "ended twice"
            self.code = code
            self._news.notify_all()

    @property
    def out(self) -> str:
        return self.written[1].decode()

    def until(self, text: str) -> None:
        with self._news:
            assert self._news.wait_for(lambda: text in self.out, _LIMIT_S), self.written

    def exit_code(self) -> int | None:
        with self._news:
            assert self._news.wait_for(lambda: self.code is not None, _LIMIT_S), self.written
        return self.code


def execute(
    world: World,
    *words: object,
    stdin: bool = False,
    tty: bool = False,
    entry: tuple[str, ...] = ("python", "-m", "sample"),
) -> tuple[ExecProcess, Ran]:
    assert isinstance(world.runtime, ProcessRuntime)
    executor, ran = world.runtime.executor(world.agent), Ran()
    start = ExecStart(world.get(), "main", (*entry, *map(str, words)), stdin, tty)
    return world.kernel.call(lambda: executor.start(start, ran.output, ran.ended)), ran


@pytest.fixture
def running(processes: World) -> World:
    """A pod whose container sleeps, with a volume at /data and a setting of its own."""
    run(
        processes,
        *("write", "/data/there", "sleep", 1000),
        env=[{"name": "GIVEN", "value": "yes"}],
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
        volumes=[{"name": "data", "emptyDir": {}}],
    )
    processes.advance(5)
    return processes


def test_given_the_entry_point_then_it_runs_with_the_containers_settings_and_mounts(running: World) -> None:
    _, ran = execute(running, "env", "GIVEN", "read", "/data/there", "complain", "oh", "exit", 3)

    assert ran.exit_code() == 3
    assert ran.written == {1: b"GIVEN=yes\nwritten\n", 2: b"oh\n"}
    assert log(running) == ""  # the container's log is the container's


def test_given_the_nodes_agents_then_a_command_has_endpoints_and_credentials_of_its_own(running: World) -> None:
    running.agent.provision = Provision({"ENDPOINT": "http://own", "TOKEN": "/run/token"}, {"/run/token": "secret"})

    _, ran = execute(running, "env", "ENDPOINT", "read", "/run/token")

    assert ran.exit_code() == 0
    assert ran.out == "ENDPOINT=http://own\nsecret\n"
    running.until(lambda: ("withdraw", "default/p/main/0-exec-1") in running.agent.seen)
    assert ("provide", "default/p/main/0-exec-1") in running.agent.seen
    assert not list(running.state_dir.rglob("*-exec-1"))


@pytest.mark.parametrize("entry", [("sh", "-c", "id"), ("python", "-c", "print(1)"), ("python",)])
def test_given_any_other_command_then_it_is_refused_with_the_reason(running: World, entry: tuple[str, ...]) -> None:
    with pytest.raises(ExecRefused) as caught:
        execute(running, entry=entry)

    assert str(caught.value) == (
        f"command [{' '.join(entry)}] is not the entry point [python -m sample] of image registry/ebi:v1: any other command would be a "
        "shell on the host; begin with the entry point, or declare it as the ENTRYPOINT of a Dockerfile target"
    )


def test_given_a_container_without_a_process_then_exec_says_so(processes: World) -> None:
    processes.pod("p", app())
    processes.advance(3)

    with pytest.raises(ExecRefused, match="container main of pod p is modelled, or its process does not run now"):
        execute(processes)


def test_given_input_then_the_command_reads_it_while_time_goes_on_beside_it(running: World) -> None:
    process, ran = execute(running, "echo", "-", stdin=True)
    process.feed(b"one\n")
    ran.until("heard one")

    running.advance(60)
    process.feed(b"two\n")
    process.feed(b"")

    assert ran.exit_code() == 0
    assert ran.out == "heard one\nheard two\nend of input\n"


def test_given_a_command_then_its_computing_takes_no_time_and_its_sleep_does(running: World) -> None:
    before_s = running.elapsed_s
    _, ran = execute(running, "sleep", 30, "print", "up", "exit", 0)

    running.until(lambda: ran.code is not None, limit_s=40)

    assert ran.exit_code() == 0
    assert running.elapsed_s - before_s <= 31


def test_given_a_terminal_then_the_command_has_it_and_its_size(running: World) -> None:
    process, ran = execute(running, "print", "ready", "echo", "-", "terminal", "-", stdin=True, tty=True)
    ran.until("ready")
    process.resize(101, 33)
    process.feed(b"")

    assert ran.exit_code() == 0
    assert ran.out.splitlines()[-1] == "101 33 True"
    assert ran.written[2] == b""  # a terminal has one stream


def test_given_a_command_that_computes_for_too_long_then_time_goes_on_beside_it(running: World) -> None:
    process, ran = execute(running, "hang", "-")

    running.advance(60)  # waits for the patience of the wall, 0.3 s here

    assert ran.code is None
    process.kill()
    assert ran.exit_code() == 137
    process.kill()  # harmless


def test_given_a_container_that_ends_then_the_commands_beside_it_end_too(running: World) -> None:
    _, ran = execute(running, "echo", "-", stdin=True)

    running.delete()
    running.until_gone()

    assert ran.exit_code() == 137


def test_given_doors_then_the_log_is_marked_there_in_the_clusters_time(processes: World, tmp_path: Path) -> None:
    run(processes, "print", "one", "sleep", 10, "print", "two", "sleep", 5, "print", "three")
    processes.until_phase("Succeeded")
    path = processes.kubelets.log_path("default", "p", "main")
    assert path is not None

    marks = [tuple(map(int, line.split())) for line in path.with_name(path.name + ".times").read_text().splitlines()]

    assert [size for size, _ in marks] == [4, 8, 14]
    assert [moment - marks[0][1] for _, moment in marks] == [0, 10_000_000, 15_000_000]
