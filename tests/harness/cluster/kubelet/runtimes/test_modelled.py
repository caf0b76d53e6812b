"""Workloads without a process: profiles, memory, checkpoints, and what a kill costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.clock import Record
from harness.cluster.kubelet.runtimes import Checkpoint, FixedProfile, ModelledRuntime, RuntimeSwitch
from harness.kube.hooks import ContainerExit, ContainerStart, ProbeAnswer, ProbeKind
from harness.kube.metrics import Usage
from tests.harness.cluster.kubelet.world import World, app, service, work

SHARDS = tuple(Checkpoint(10.0 * number, f"s0/c/{number}", 1000 * number) for number in range(1, 10))
LOADER = FixedProfile("ebi", 100, checkpoints=SHARDS, shutdown_s=2, memory=((0, 100 << 20), (55, 900 << 20)))


def of_work(world: World, *kinds: str) -> list[tuple[float, str, dict[str, Any]]]:
    return [(_seconds(world, record), record.kind, record.details) for record in world.timeline.of_kind(*kinds)]


def _seconds(world: World, record: Record) -> float:
    return (record.at_us - world.kernel.start_us) / 1_000_000


def runtime_of(world: World) -> ModelledRuntime:
    assert isinstance(world.runtime, ModelledRuntime)
    return world.runtime


def test_given_a_kill_then_a_restart_goes_on_after_the_last_checkpoint_and_the_loss_is_known(world: World) -> None:
    world.profiles["main"] = LOADER
    world.pod("first", service(), restartPolicy="Never")
    world.advance(37)
    world.delete("first")
    world.until_gone("first")

    world.pod("second", service(), restartPolicy="Never")
    world.until_phase("Succeeded", "second")

    assert world.elapsed_s == 39 + 70
    work_done = runtime_of(world).progress.of("ebi")
    assert (work_done.done, work_done.passed, work_done.lost_s) == (True, 9, 7)
    passed = of_work(world, "CheckpointPassed")
    assert [(at, details["number"]) for at, _, details in passed] == [
        (12, 1),
        (22, 2),
        (32, 3),
        *((39.0 + 10 * number, 3 + number) for number in range(1, 7)),
    ]
    assert passed[0][2] == {
        "container": "default/first/main/0",
        "checkpoint": "s0/c/1",
        "number": 1,
        "size_bytes": 1000,
    }
    assert of_work(world, "WorkInterrupted") == [
        (39, "WorkInterrupted", {"container": "default/first/main/0", "lost_s": 7.0, "reason": "Error"})
    ]


def test_given_work_that_is_done_then_another_run_ends_at_once(world: World) -> None:
    world.profiles["main"] = LOADER
    world.pod("first", service(), restartPolicy="Never")
    world.until_phase("Succeeded", "first")
    before = world.elapsed_s

    world.pod("second", service(), restartPolicy="Never")
    world.until_phase("Succeeded", "second")

    assert world.elapsed_s == before


@pytest.mark.parametrize(
    ("limit", "phase", "elapsed_s"),
    [("512Mi", "Failed", 2 + 55), ("900Mi", "Succeeded", 102), (None, "Succeeded", 102)],
)
def test_given_memory_over_the_limit_then_it_is_killed_at_that_moment(
    world: World, limit: str | None, phase: str, elapsed_s: float
) -> None:
    world.profiles["main"] = LOADER
    resources = {"limits": {"memory": limit}} if limit else {}
    world.pod("p", service(resources=resources), restartPolicy="Never")

    pod = world.until_phase(phase)

    assert world.elapsed_s == elapsed_s
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (state["exitCode"], state["reason"]) == ((137, "OOMKilled") if phase == "Failed" else (0, "Completed"))


def test_given_an_out_of_memory_loop_then_it_still_advances_by_its_checkpoints(world: World) -> None:
    world.profiles["main"] = LOADER
    world.pod("p", service(resources={"limits": {"memory": "512Mi"}}))

    world.until(lambda: runtime_of(world).progress.of("ebi").done)

    work_done = runtime_of(world).progress.of("ebi")
    assert world.get()["status"]["containerStatuses"][0]["restartCount"] == 1
    assert work_done.lost_s == 5


def test_given_a_service_without_a_profile_then_its_container_is_not_created(world: World) -> None:
    world.pod("p", service())
    world.advance(3)

    waiting = world.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {
        "reason": "CreateContainerError",
        "message": "service ebi has no recorded profile: record one, or run the workload as real processes",
    }


def test_given_an_undeclared_command_then_a_modelled_service_refuses_it_too(world: World) -> None:
    world.profiles["main"] = work()
    world.pod("p", service(command=["sh", "-c", "true"]))
    world.advance(3)

    waiting = world.get()["status"]["containerStatuses"][0]["state"]["waiting"]
    assert waiting["reason"] == "CreateContainerError"
    assert "[sh -c true] is not the entry point" in waiting["message"]


def test_given_a_foreign_init_container_then_it_is_done_at_once(world: World) -> None:
    world.pod("p", app(), initContainers=[app("wait", "busybox:1")])

    world.until_phase("Running")

    assert world.elapsed_s == 4


def test_given_an_image_that_is_set_to_fail_then_it_exits_with_its_code(tmp_path: Path) -> None:
    world = World(tmp_path, lambda world: world.modelled(failing={"broken*": 3}))
    world.node()
    try:
        world.pod("p", app(image="broken:1"), restartPolicy="Never")
        pod = world.until_phase("Failed")
        assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    finally:
        world.close()


class Counting:
    """A runtime that counts what it is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.endings: dict[str, Callable[[ContainerExit], None]] = {}

    def start(self, start: ContainerStart, ended: Callable[[ContainerExit], None]) -> None:
        self.calls.append(("start", start.party))
        self.endings[start.party] = ended

    def terminate(self, party: str, grace_s: int) -> None:
        self.calls.append(("terminate", party))
        self.endings[party](ContainerExit(0, "Completed"))

    def kill(self, party: str) -> None:
        self.calls.append(("kill", party))
        self.endings[party](ContainerExit(137, "Error"))

    def probe(self, party: str, kind: ProbeKind, probe: Any, answered: Callable[[ProbeAnswer], None]) -> None:
        self.calls.append(("probe", party))
        answered(ProbeAnswer(healthy=True))

    def usage(self, party: str) -> Usage | None:
        return Usage(1, 0)


@pytest.mark.parametrize(("workload", "expected"), [("real", "real"), ("recorded", "modelled")])
def test_given_a_switch_then_services_run_as_the_workload_says_and_the_rest_is_modelled(
    tmp_path: Path, workload: Any, expected: str
) -> None:
    real, modelled = Counting(), Counting()
    world = World(tmp_path, lambda _world: RuntimeSwitch(real, modelled, workload))
    world.node()
    try:
        world.pod("p", service("ours"), app("theirs"))
        world.until_phase("Running")
        world.delete()
        world.until_gone()
    finally:
        world.close()

    ours = [("start", "default/p/ours/0"), ("terminate", "default/p/ours/0")]
    theirs = [("start", "default/p/theirs/0"), ("terminate", "default/p/theirs/0")]
    if expected == "real":
        assert (real.calls, modelled.calls) == (ours, theirs)
    else:
        assert real.calls == []
        assert modelled.calls == [ours[0], theirs[0], ours[1], theirs[1]]
