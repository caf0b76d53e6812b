"""Real processes as containers: what they see, how they end, what their sleep costs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import psutil
import pytest

from harness.clock import Stalled
from harness.cluster.kubelet.runtimes import ProcessRuntime, clear_leftovers
from harness.cluster.kubelet.runtimes.leftovers import ProcessList, started_ticks
from harness.kube.hooks import Image
from harness.kube.objects import Object
from harness.kube.resources import PODS
from tests.harness.cluster.kubelet.world import World, app, service


def run(world: World, *words: object, name: str = "p", policy: str = "Never", **container: Any) -> None:
    spec = {key: container.pop(key) for key in ("volumes", "terminationGracePeriodSeconds") if key in container}
    world.pod(name, service(args=[str(word) for word in words], **container), restartPolicy=policy, **spec)


def log(world: World, name: str = "p") -> str:
    path = world.kubelets.log_path("default", name, "main")
    assert path is not None
    return path.read_text()


def terminated(pod: Object) -> dict[str, Any]:
    return dict(pod["status"]["containerStatuses"][0]["state"]["terminated"])


def runtime_of(world: World) -> ProcessRuntime:
    assert isinstance(world.runtime, ProcessRuntime)
    return world.runtime


@pytest.mark.parametrize(
    ("words", "phase", "exit_code", "reason"),
    [
        (("print", "hello"), "Succeeded", 0, "Completed"),
        (("exit", 3), "Failed", 3, "Error"),
        (("raise", "oops"), "Failed", 1, "Error"),
    ],
)
def test_given_a_process_that_ends_then_its_exit_code_is_the_containers(
    processes: World, words: tuple[object, ...], phase: str, exit_code: int, reason: str
) -> None:
    run(processes, *words)

    pod = processes.until_phase(phase)

    assert (terminated(pod)["exitCode"], terminated(pod)["reason"]) == (exit_code, reason)
    assert processes.elapsed_s == 2  # computing takes no time of its own


def test_given_output_then_both_streams_are_in_the_log_in_order(processes: World) -> None:
    run(processes, "print", "one", "complain", "two", "print", "three", "raise", "four")

    processes.until_phase("Failed")

    lines = log(processes).splitlines()
    assert lines[:3] == ["one", "two", "three"]
    assert lines[-1] == "RuntimeError: four"


def test_given_a_failure_and_the_policy_then_the_last_words_of_the_log_are_its_message(processes: World) -> None:
    run(processes, "print", "so far so good", "raise", "oops", terminationMessagePolicy="FallbackToLogsOnError")

    pod = processes.until_phase("Failed")

    message = terminated(pod)["message"]
    assert message.startswith("so far so good\n")
    assert message.endswith("RuntimeError: oops\n")


def test_given_a_process_then_it_sees_only_what_its_pod_gives(
    processes: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "mine")
    env = [{"name": "GIVEN", "value": "yes"}]
    words = (
        "environ",
        "-",
        "descriptors",
        "-",
        "session",
        "-",
        "argv",
        "-",
        "cwd",
        "-",
        "temporary",
        "-",
        "print",
        "x",
    )
    run(processes, *words, env=env)

    processes.until_phase("Succeeded")

    environment, descriptors, session, argv, directory, temporary, _ = log(processes).splitlines()
    assert environment == "['GIVEN', 'PATH']"
    assert len(descriptors.split(",")) == 5  # the standard three, the door, and the listing's own
    assert session == "True"
    assert argv == str(list(words))
    assert Path(directory).is_relative_to(processes.state_dir)
    assert Path(temporary).is_relative_to(processes.state_dir)


def test_given_mounts_then_paths_in_settings_and_arguments_lead_there(processes: World) -> None:
    mounts = [{"name": "data", "mountPath": "/app/data"}, {"name": "tmp", "mountPath": "/tmp"}]
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "tmp", "emptyDir": {}}]
    env = [
        {"name": "DATA", "value": "/app/data"},
        {"name": "SINK", "value": "s3://bucket/app/data"},
        {"name": "ODD", "value": "file:///etc/odd"},
    ]
    words = ("env", "DATA", "env", "SINK", "write", "/app/data/x", "write", "/app/data/y", "temporary", "-", "sleep", 5)
    run(processes, *words, env=env, volumeMounts=mounts, volumes=volumes, workingDir="/app/data")
    processes.advance(4)

    data, sink, temporary = log(processes).splitlines()

    directory = Path(data.removeprefix("DATA="))
    assert directory.is_relative_to(processes.state_dir)
    assert sorted(path.name for path in directory.iterdir()) == ["x", "y"]
    assert sink == "SINK=s3://bucket/app/data"
    assert Path(temporary).parent == directory.parent
    warnings = [message for _, reason, message in processes.events() if reason == "PathNotMounted"]
    assert warnings == [
        "env ODD of container main names /etc/odd, which no volume mounts: mount one there or change it"
    ]


def test_given_a_sleep_then_it_takes_virtual_time(processes: World) -> None:
    run(processes, "sleep", 3600, "sleep", 0.5, "print", "done")

    processes.until_phase("Succeeded", limit_s=4000)

    assert processes.elapsed_s == 2 + 3600.5
    assert log(processes) == "done\n"


def test_given_two_processes_then_their_sleeps_overlap(processes: World) -> None:
    run(processes, "sleep", 100, name="a")
    run(processes, "sleep", 60, "sleep", 60, name="b")

    processes.until_phase("Succeeded", "a")
    assert processes.elapsed_s == 102
    processes.until_phase("Succeeded", "b")
    assert processes.elapsed_s == 122


def test_given_a_deletion_then_sigterm_interrupts_a_sleep_and_the_exit_is_now(processes: World) -> None:
    run(processes, "on-term", "exit", "sleep", 1000)
    processes.advance(10)
    observed: list[Object] = []
    processes.kernel.call(lambda: processes.store.observe(PODS, lambda _change, obj, _old: observed.append(obj)))

    processes.delete()
    processes.until_gone()

    assert processes.elapsed_s == 10
    assert log(processes) == "terminated\n"
    assert (terminated(observed[-1])["exitCode"], terminated(observed[-1])["reason"]) == (143, "Error")


def test_given_a_pod_that_is_deleted_as_it_starts_then_the_signal_waits_until_the_process_stands_at_a_door(
    processes: World,
) -> None:
    run(processes, "on-term", "exit", "print", "begun", "sleep", 1000)
    processes.until(lambda: "Started" in processes.reasons())  # met before the process has done anything

    processes.delete()
    processes.until_gone()

    assert log(processes) == "begun\nterminated\n"
    assert processes.elapsed_s == 2


def test_given_a_process_that_does_not_handle_sigterm_then_it_goes_on_until_its_grace_is_over(processes: World) -> None:
    run(processes, "sleep", 20, "print", "still here", "sleep", 1000)
    processes.advance(10)

    processes.delete()
    processes.until_gone()

    assert processes.elapsed_s == 10 + 30
    assert log(processes) == "still here\n"


def test_given_a_process_that_hangs_on_sigterm_then_it_is_killed_and_stamped_at_the_end_of_its_grace(
    processes: World,
) -> None:
    run(processes, "on-term", "hang", "sleep", 1000, terminationGracePeriodSeconds=45)
    processes.advance(10)

    processes.delete()
    processes.until_gone()

    assert processes.elapsed_s == 10 + 45
    assert log(processes) == "hanging\n"


@pytest.mark.parametrize("words", [("sleep", 5, "sleep", 7), ("sleep", 12)])
def test_given_a_sigterm_handler_that_returns_then_the_process_waits_on_where_it_waited(
    processes: World, words: tuple[object, ...]
) -> None:
    observed: list[Object] = []
    run(processes, "on-term", "swallow", *words, "exit", 4)
    processes.advance(3)
    processes.kernel.call(lambda: processes.store.observe(PODS, lambda _change, obj, _old: observed.append(obj)))

    processes.delete()
    processes.until_gone()

    assert log(processes) == "swallowed\n"
    assert terminated(observed[-1])["exitCode"] == 4
    assert processes.elapsed_s == 2 + 12


def test_given_a_machine_that_is_gone_then_its_processes_are_killed(processes: World, tmp_path: Path) -> None:
    run(processes, "descend", tmp_path / "child", "sleep", 1000)
    processes.advance(10)
    child = int((tmp_path / "child").read_text())
    assert started_ticks(child) is not None

    processes.kernel.call(lambda: processes.kubelets.leave("n1"))
    processes.until(lambda: ("withdraw", "default/p/main/0") in processes.agent.seen)

    assert started_ticks(child) is None  # the whole tree
    assert processes.elapsed_s == 10
    assert processes.get()["status"]["phase"] == "Running"


@pytest.mark.slow
def test_given_more_memory_than_its_limit_then_it_is_killed_for_it(processes: World) -> None:
    run(processes, "hold", 120, "hang", "-", resources={"limits": {"memory": "100Mi"}})

    pod = processes.until_phase("Failed")

    assert (terminated(pod)["exitCode"], terminated(pod)["reason"]) == (137, "OOMKilled")
    assert runtime_of(processes).peak_memory_bytes("default/p/main/0") > 100 << 20


@pytest.mark.parametrize("command", [["sh", "-c", "exit 0"], ["python", "-m", "other"], ["python"]])
def test_given_an_undeclared_command_then_the_container_is_not_created(processes: World, command: list[str]) -> None:
    run(processes, command=command)

    processes.advance(3)

    waiting = processes.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerError"
    assert waiting["message"] == (
        f"command [{' '.join(command)}] is not the entry point [python -m sample] of image registry/ebi:v1: "
        "leave out the container's command, or declare it as the ENTRYPOINT of a Dockerfile target"
    )


def test_given_an_entry_point_that_is_no_module_then_it_is_executed(processes: World) -> None:
    processes.images.entrypoints["ebi"] = ("python", "-c", "import sys; sys.exit(7)")
    run(processes)
    assert terminated(processes.until_phase("Failed"))["exitCode"] == 7

    processes.images.entrypoints["idr"] = ("no-such-program",)
    run(processes, name="q", image="registry/idr:v1")
    assert terminated(processes.until_phase("Failed", "q"))["exitCode"] == 127
    assert log(processes, "q") == "exec no-such-program: No such file or directory\n"


def test_given_a_crashing_process_then_it_is_restarted_with_a_log_of_its_own(processes: World) -> None:
    run(processes, "print", "once", "sleep", 5, "exit", 1, policy="Always")

    processes.until(lambda: processes.reasons().count("Started") == 2)

    previous = processes.kubelets.log_path("default", "p", "main", previous=True)
    assert previous is not None
    assert previous.read_text() == "once\n"
    assert processes.elapsed_s == 7


def test_given_a_process_that_neither_knocks_nor_ends_then_the_run_fails_with_its_stack(tmp_path: Path) -> None:
    world = World(tmp_path, _sample_runtime, wall_limit_s=3)
    world.images.entrypoints["ebi"] = ("python", "-m", "sample")
    world.node()
    try:
        run(world, "hang", "-")
        with pytest.raises(Stalled, match=r"default/p/main/0: (?s:.)* in _hang"):
            world.until_phase("Succeeded")
    finally:
        world.close()
        runtime_of(world).close()


def _sample_runtime(world: World, **options: Any) -> ProcessRuntime:
    programs = Path(__file__).parents[1] / "programs"
    return ProcessRuntime(world.kernel, world.recorder, world.state_dir, search_path=[programs], **options)


def test_given_a_preloaded_module_that_starts_threads_then_the_run_says_so(tmp_path: Path) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(9,), daemon=True).start()\n"
    )

    def runtime(world: World) -> ProcessRuntime:
        return ProcessRuntime(
            world.kernel, world.recorder, world.state_dir, search_path=[tmp_path], preload=["threaded"]
        )

    world = World(tmp_path, runtime)
    world.images.entrypoints["ebi"] = ("python", "-m", "sample")
    world.node()
    try:
        run(world, "hang", "-")
        with pytest.raises(RuntimeError, match="module threaded starts threads when it is imported: take it off"):
            world.until_phase("Succeeded")
    finally:
        world.close()
        runtime_of(world).close()


@pytest.mark.slow
def test_given_the_modules_of_the_pipeline_then_they_can_be_preloaded(tmp_path: Path) -> None:
    world = World(tmp_path, lambda world: _sample_runtime(world, preload=["numpy", "tensorstore", "boto3"]))
    world.images.entrypoints["ebi"] = ("python", "-m", "sample")
    world.node()
    try:
        run(world, "print", "x")
        world.until_phase("Succeeded")
    finally:
        world.close()
        runtime_of(world).close()


def test_given_a_shutdown_time_then_the_end_is_stamped_that_much_later(tmp_path: Path) -> None:
    world = World(tmp_path, lambda world: _sample_runtime(world, shutdown_s=lambda _start: 6.5))
    world.images.entrypoints["ebi"] = ("python", "-m", "sample")
    world.node()
    try:
        run(world, "on-term", "exit", "sleep", 1000)
        world.advance(10)
        world.delete()
        world.until_gone()
        assert world.elapsed_s == 16.5
    finally:
        world.close()
        runtime_of(world).close()


def test_given_a_closed_runtime_then_no_process_is_left(processes: World, tmp_path: Path) -> None:
    run(processes, "descend", tmp_path / "child", "sleep", 1000)
    processes.advance(10)
    child = int((tmp_path / "child").read_text())

    processes.close()
    runtime_of(processes).close()

    with contextlib.suppress(psutil.NoSuchProcess):  # it has had its SIGKILL; the machine may be slow to act on it
        psutil.Process(child).wait(timeout=10)
    assert started_ticks(child) is None
    assert clear_leftovers(processes.state_dir) == []


def test_given_processes_that_a_run_left_behind_then_exactly_those_are_killed(processes: World) -> None:
    run(processes, "sleep", 1000)
    processes.advance(10)
    noted = ProcessList(processes.state_dir / "other")
    noted.add(os.getpid())
    path = processes.state_dir / "other" / "processes.jsonl"
    ticks = started_ticks(os.getpid())
    path.write_text(path.read_text().replace(str(ticks), "1"))  # the same pid, but another process

    killed = clear_leftovers(processes.state_dir)

    assert len(killed) == 2  # the zygote and its child
    assert os.getpid() not in killed
    assert not path.exists()


def test_given_foreign_images_then_they_are_no_business_of_processes(processes: World) -> None:
    assert Image("pause:3", None).entrypoint == ()
    processes.pod("p", app())

    processes.advance(3)

    waiting = processes.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerError"


def test_given_equal_worlds_of_real_processes_then_their_timelines_are_equal(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    def timeline() -> str:
        world = World(tmp_path_factory.mktemp("world"), _sample_runtime)
        world.images.entrypoints["ebi"] = ("python", "-m", "sample")
        world.node()
        try:
            for name in ("a", "b", "c"):
                run(world, "on-term", "exit", "sleep", 3, "sleep", 4, "exit", 1, name=name, policy="Always")
            world.advance(2)
            world.delete("b")  # in the moment in which all of them start
            world.advance(15)
            world.delete("a")
            world.until_gone("a")
            world.advance(30)
            return world.timeline.as_jsonl()
        finally:
            world.close()
            runtime_of(world).close()

    assert timeline() == timeline()
