"""From admission to the end, in virtual time: phases, conditions, events, restarts."""

from __future__ import annotations

from itertools import pairwise

import pytest

from harness.clock import SECOND
from harness.kube.errors import NotFound
from harness.kube.resources import PODS
from tests.harness.cluster.kubelet.world import World, app, condition, service, work


def test_given_a_foreign_image_then_it_is_pulled_and_runs_until_deleted(world: World) -> None:
    world.pod()

    world.advance(1)
    assert world.get()["status"]["phase"] == "Pending"
    assert world.get()["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert condition(world.get(), "PodReadyToStartContainers")["status"] == "True"

    pod = world.until_phase("Running")
    assert world.elapsed_s == 2
    assert world.events() == [
        (0, "Pulling", 'Pulling image "pause:3"'),
        (2, "Pulled", 'Successfully pulled image "pause:3" in 2s (2s including waiting). Image size: 0 bytes.'),
        (2, "Created", "Created container: main"),
        (2, "Started", "Started container main"),
    ]
    status = pod["status"]
    assert status["startTime"] == "2026-03-01T08:00:00Z"
    assert status["hostIP"] == "10.128.0.1"
    assert status["podIP"] == "10.128.0.2"
    assert status["observedGeneration"] == 1
    assert {kind: condition(pod, kind)["status"] for kind in ("Initialized", "Ready", "ContainersReady")} == {
        "Initialized": "True",
        "Ready": "True",
        "ContainersReady": "True",
    }
    main = status["containerStatuses"][0]
    assert main["state"] == {"running": {"startedAt": "2026-03-01T08:00:02Z"}}
    assert (main["ready"], main["started"], main["restartCount"]) == (True, True, 0)
    assert main["imageID"].startswith("pause@sha256:")

    world.advance(98)
    world.delete()
    world.until_gone()
    assert world.elapsed_s == 100
    assert world.events()[-1] == (100, "Killing", "Stopping container main")


@pytest.mark.parametrize(
    ("policy", "exit_code", "phase", "reason"),
    [
        ("Never", 0, "Succeeded", "PodCompleted"),
        ("Never", 42, "Failed", "PodFailed"),
        ("OnFailure", 0, "Succeeded", "PodCompleted"),
    ],
)
def test_given_a_container_that_ends_for_good_then_the_phase_is_terminal(
    world: World, policy: str, exit_code: int, phase: str, reason: str
) -> None:
    world.profiles["main"] = work(duration_s=30, exit_code=exit_code)
    world.pod("p", service(), restartPolicy=policy)

    pod = world.until_phase(phase)

    assert world.elapsed_s == 32
    state = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert state["exitCode"] == exit_code
    assert state["reason"] == ("Error" if exit_code else "Completed")
    assert (state["startedAt"], state["finishedAt"]) == ("2026-03-01T08:00:02Z", "2026-03-01T08:00:32Z")
    assert condition(pod, "Ready")["status"] == "False"
    assert condition(pod, "Ready")["reason"] == reason
    assert condition(pod, "PodReadyToStartContainers")["status"] == "False"


def test_given_a_crashing_container_then_restarts_back_off_as_upstream(world: World) -> None:
    world.profiles["main"] = work(duration_s=1, exit_code=1)
    world.pod("p", service())

    world.advance(1200)

    starts = [at for at, reason, _ in world.events() if reason == "Started"]
    waits = [round(after - before - 1) for before, after in pairwise(starts)]
    assert waits == [0, 13, 26, 52, 91, 169, 312, 312]  # 10 s, 20 s, 40 s ... and until the next look, one in 13 s
    pod = world.get()
    assert pod["status"]["phase"] == "Running"
    main = pod["status"]["containerStatuses"][0]
    assert main["restartCount"] == 8
    assert main["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    uid = pod["metadata"]["uid"]
    text = f"back-off 5m0s restarting failed container=main pod=p_default({uid})"
    assert main["state"]["waiting"]["message"] == text
    assert main["lastState"]["terminated"]["exitCode"] == 1


def test_given_a_container_that_ran_for_ten_minutes_then_its_back_off_begins_anew(world: World) -> None:
    world.profiles["main"] = work(duration_s=1, exit_code=1)
    world.pod("p", service())
    world.until(lambda: world.reasons().count("Started") == 4)
    world.profiles["main"] = work("longer", duration_s=601, exit_code=1)
    world.until(lambda: world.reasons().count("Started") == 5)
    world.profiles["main"] = work(duration_s=1, exit_code=1)
    world.until(lambda: world.reasons().count("Started") == 7)

    starts = [at for at, reason, _ in world.events() if reason == "Started"]

    assert starts[5] - starts[4] == 601  # at once
    assert starts[6] - starts[5] == 14  # and after the first look beyond 10 s the next time


def test_given_init_containers_then_they_run_in_order_before_the_rest(world: World) -> None:
    world.profiles.update(first=work("1", 5), second=work("2", 7), main=work("3", 11))
    world.pod("p", service(), initContainers=[service("first"), service("second")], restartPolicy="Never")

    world.advance(3)
    pod = world.get()
    assert condition(pod, "Initialized") == {
        "type": "Initialized",
        "status": "False",
        "reason": "ContainersNotInitialized",
        "message": "containers with incomplete status: [first second]",
        "observedGeneration": 1,
        "lastProbeTime": None,
        "lastTransitionTime": "2026-03-01T08:00:00Z",
    }
    assert pod["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}

    world.until_phase("Succeeded")

    starts = [(at, message) for at, reason, message in world.events() if reason == "Started"]
    assert starts == [(2, "Started container first"), (7, "Started container second"), (14, "Started container main")]
    assert world.elapsed_s == 25


def test_given_an_init_container_that_fails_and_no_restarts_then_the_pod_fails(world: World) -> None:
    world.profiles["first"] = work(duration_s=5, exit_code=9)
    world.pod("p", app(), initContainers=[service("first")], restartPolicy="Never")

    pod = world.until_phase("Failed")

    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 9
    assert pod["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert "Started container main" not in [message for _, _, message in world.events()]


def test_given_an_init_container_that_fails_and_restarts_then_it_backs_off(world: World) -> None:
    world.profiles["first"] = work(duration_s=1, exit_code=9)
    world.pod("p", app(), initContainers=[service("first")])

    world.advance(20)
    assert world.get()["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 9

    world.advance(13)  # the next look, with 20 s to wait for
    pod = world.get()
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["initContainerStatuses"][0]["state"]["waiting"]["reason"] == "CrashLoopBackOff"


def test_given_a_sidecar_then_it_starts_first_and_ends_last(world: World) -> None:
    world.profiles["main"] = work(duration_s=10)
    sidecar = app("agent", restartPolicy="Always")
    world.pod("p", service(), initContainers=[sidecar], restartPolicy="Never")

    pod = world.until_phase("Succeeded")

    told = [(at, message) for at, reason, message in world.events() if reason in {"Started", "Killing"}]
    assert told == [(2, "Started container agent"), (4, "Started container main"), (14, "Stopping container agent")]
    assert pod["status"]["initContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 0


def test_given_two_containers_when_one_fails_then_the_pod_fails_only_with_the_last(world: World) -> None:
    world.profiles.update(a=work("a", 5, exit_code=1), b=work("b", 20))
    world.pod("p", service("a"), service("b"), restartPolicy="Never")

    world.advance(10)
    assert world.get()["status"]["phase"] == "Running"
    assert condition(world.get(), "Ready")["message"] == "containers with unready status: [a]"

    world.until_phase("Failed")
    assert world.elapsed_s == 22


def test_given_an_active_deadline_then_the_pod_fails_there(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, shutdown_s=3)
    world.pod("p", service(), activeDeadlineSeconds=60)

    pod = world.until_phase("Failed")

    assert world.elapsed_s == 63
    assert pod["status"]["reason"] == "DeadlineExceeded"
    assert pod["status"]["message"] == "Pod was active on the node longer than the specified deadline"
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143


@pytest.mark.parametrize(
    ("shutdown_s", "grace_s", "gone_s", "exit_code"),
    [(5, None, 15, 143), (45, None, 40, 137), (45, 60, 55, 143), (5, 0, 12, 137)],
)
def test_given_a_deletion_then_sigterm_then_the_terminal_phase_then_gone(
    world: World, shutdown_s: float, grace_s: int | None, gone_s: float, exit_code: int
) -> None:
    world.profiles["main"] = work(duration_s=1000, shutdown_s=shutdown_s)
    world.pod("p", service())
    seen: list[tuple[float, str, int | None]] = []

    def observe(change: str, obj: object, _old: object) -> None:
        status = obj["status"]  # type: ignore[index]
        terminated = (status.get("containerStatuses") or [{}])[0].get("state", {}).get("terminated")
        seen.append((world.elapsed_s, f"{change} {status['phase']}", terminated and terminated["exitCode"]))

    world.advance(10)
    world.kernel.call(lambda: world.store.observe(PODS, observe))
    world.delete(grace_s=grace_s)
    world.until_gone()
    world.until(lambda: world.elapsed_s >= gone_s or not _run_is_live(world))

    if grace_s == 0:
        assert seen[-1][:2] == (
            10,
            "DELETED Running",
        )  # taken out of the store at once; the process has two seconds left
        return
    assert world.elapsed_s == gone_s
    assert seen[-2:] == [(gone_s, "MODIFIED Failed", exit_code), (gone_s, "DELETED Failed", exit_code)]


def _run_is_live(world: World) -> bool:
    return any(kind == "provide" for kind, _ in world.agent.seen) and not any(
        kind == "withdraw" for kind, _ in world.agent.seen
    )


def test_given_a_second_more_impatient_deletion_then_its_grace_counts(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, shutdown_s=500)
    world.pod("p", service(), terminationGracePeriodSeconds=300)
    world.advance(10)
    world.delete()
    world.advance(10)
    world.delete(grace_s=5)

    world.until_gone()

    assert world.elapsed_s == 25


def test_given_a_forced_deletion_and_a_namesake_then_it_waits_for_the_old_process(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, shutdown_s=500)
    world.pod("p", service())
    world.advance(10)

    world.delete(grace_s=0)
    world.pod("p", service())
    world.until_phase("Running")

    assert world.elapsed_s == 12  # at least two seconds between SIGTERM and SIGKILL
    assert [entry for entry in world.agent.seen if entry[0] == "withdraw"] == [("withdraw", "default/p/main/0")]


def test_given_a_pod_that_is_deleted_while_its_image_is_pulled_then_it_fails_at_once(world: World) -> None:
    world.images.size_bytes = 6_000_000_000
    world.pod()
    world.advance(10)

    world.delete()
    world.until_gone()

    assert world.elapsed_s == 10


def test_given_a_finished_pod_when_it_is_deleted_then_it_is_gone_at_once(world: World) -> None:
    world.profiles["main"] = work(duration_s=1)
    world.pod("p", service(), restartPolicy="Never")
    world.until_phase("Succeeded")

    world.delete()
    world.until_gone()

    assert world.elapsed_s == 3


def test_given_a_pre_stop_sleep_then_it_counts_against_the_grace(world: World) -> None:
    world.pod("p", app(lifecycle={"preStop": {"sleep": {"seconds": 7}}}))
    world.until_phase("Running")

    world.delete()
    world.until_gone()

    assert world.elapsed_s == 9


def test_given_somebody_else_who_declares_the_end_then_its_containers_are_stopped(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, shutdown_s=2)
    world.pod("p", service())
    world.advance(10)

    status = {"status": {"phase": "Failed", "reason": "Evicted", "message": "it was told to"}}
    world.kernel.call(lambda: world.store.patch(PODS, "default", "p", status, subresource="status"))
    world.until(lambda: ("withdraw", "default/p/main/0") in world.agent.seen)

    assert world.elapsed_s == 12
    assert world.get()["status"]["reason"] == "Evicted"
    assert world.get()["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143


def test_given_a_finished_run_then_nothing_is_left_to_happen(world: World) -> None:
    world.profiles["main"] = work(duration_s=1)
    world.pod("p", service(), restartPolicy="Never")
    world.until_phase("Succeeded")

    outcome = world.kernel.wait(lambda: False, 10_000 * SECOND)

    assert outcome.name == "NOTHING_LEFT"


def test_given_equal_worlds_then_their_timelines_are_equal(tmp_path_factory: pytest.TempPathFactory) -> None:
    def run() -> str:
        world = World(tmp_path_factory.mktemp("world"))
        try:
            world.node()
            world.profiles["main"] = work(duration_s=10, exit_code=1)
            for name in ("a", "b", "c"):
                world.pod(name, service(), app("other"))
            world.advance(100)
            return world.timeline.as_jsonl()
        finally:
            world.close()

    assert run() == run()


def test_given_a_pod_of_an_unknown_node_then_nobody_touches_it(world: World) -> None:
    world.pod("p", node="elsewhere")

    world.advance(60)

    assert world.get()["status"]["phase"] == "Pending"
    with pytest.raises(NotFound):
        world.delete("nobody")
