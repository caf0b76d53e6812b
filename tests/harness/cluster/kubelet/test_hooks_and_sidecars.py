"""Lifecycle hooks, sidecars and the order in which a pod's containers end."""

from __future__ import annotations

from typing import Any

from harness.cluster.kubelet.runtimes import Illness
from tests.harness.cluster.kubelet.world import World, app, service, work

HTTP: dict[str, Any] = {"httpGet": {"port": 8080}}


def _ends(world: World) -> list[tuple[str, str]]:
    """(container, finishedAt's minute and second) of all containers, by time."""
    status = world.get()["status"]
    entries = (*(status.get("initContainerStatuses") or ()), *status["containerStatuses"])
    ends = [(entry["name"], entry["state"]["terminated"]["finishedAt"][14:19]) for entry in entries]
    return sorted(ends, key=lambda end: end[1])


def test_given_sidecars_then_the_next_container_waits_until_they_have_started(world: World) -> None:
    world.profiles["proxy"] = work("proxy", 1000, illnesses=(Illness("Startup", 0, 9),))
    world.profiles["main"] = work(duration_s=1000)
    proxy = service("proxy", restartPolicy="Always", startupProbe={**HTTP, "periodSeconds": 3, "failureThreshold": 9})
    world.pod("p", service(), initContainers=[proxy])

    world.until_phase("Running")

    starts = [(at, text) for at, kind, text in world.events() if kind == "Started"]
    assert starts == [(2, "Started container proxy"), (12, "Started container main")]


def test_given_sidecars_when_the_work_is_done_then_they_end_one_after_the_other_in_reverse(world: World) -> None:
    for name in ("first", "second"):
        world.profiles[name] = work(name, 10_000, shutdown_s=3)
    world.profiles["main"] = work(duration_s=10)
    sidecars = [service(name, restartPolicy="Always") for name in ("first", "second")]
    world.pod("p", service(), initContainers=sidecars, restartPolicy="Never")

    pod = world.until_phase("Succeeded")

    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert _ends(world) == [("main", "00:12"), ("second", "00:15"), ("first", "00:18")]


def test_given_a_deletion_then_sidecars_outlive_the_containers_within_the_grace(world: World) -> None:
    world.profiles["proxy"] = work("proxy", 10_000, shutdown_s=1)
    world.profiles["main"] = work(duration_s=10_000, shutdown_s=100)
    world.pod(
        "p",
        service(),
        initContainers=[service("proxy", restartPolicy="Always")],
        finalizers=["example.com/keep"],
        terminationGracePeriodSeconds=20,
    )
    world.advance(5)

    world.delete()
    world.advance(40)

    # main ignores SIGTERM until 25 s; the proxy's turn comes when the grace is over, and it has two seconds.
    assert [end for name, end in _ends_of_last_event(world)] == ["00:25", "00:26"]


def _ends_of_last_event(world: World) -> list[tuple[str, str]]:
    last: dict[str, str] = {}
    for record in world.seen:
        status = record["status"]
        for entry in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
            terminated = entry["state"].get("terminated")
            if terminated:
                last[entry["name"]] = terminated["finishedAt"][14:19]
    return sorted(last.items(), key=lambda item: item[1])


def test_given_a_sidecar_with_a_pre_stop_hook_then_the_hook_runs_at_once_and_the_signal_waits(world: World) -> None:
    world.profiles["proxy"] = work("proxy", 10_000)
    world.profiles["main"] = work(duration_s=10_000, shutdown_s=4)
    proxy = service("proxy", restartPolicy="Always", lifecycle={"preStop": {"sleep": {"seconds": 6}}})
    world.pod("p", service(), initContainers=[proxy])
    world.advance(5)

    world.delete()
    world.until_gone()

    assert [at for at, kind, _ in world.events() if kind == "Killing"] == [5, 5]
    assert _ends_of_last_event(world) == [("main", "00:09"), ("proxy", "00:11")]


def test_given_a_pre_stop_hook_longer_than_the_grace_then_two_seconds_are_left(world: World) -> None:
    world.profiles["main"] = work(duration_s=10_000, shutdown_s=100)
    world.pod("p", service(lifecycle={"preStop": {"sleep": {"seconds": 9}}}), terminationGracePeriodSeconds=9)
    world.advance(5)

    world.delete()
    world.until_gone()

    assert world.elapsed_s == 5 + 9 + 2


def test_given_a_post_start_hook_then_the_container_shows_as_running_after_it(world: World) -> None:
    world.profiles["second"] = work("second", 100)
    first = app("first", lifecycle={"postStart": {"sleep": {"seconds": 5}}})
    world.pod("p", first, service("second"))

    world.advance(4)
    assert world.get()["status"]["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    world.until_phase("Running")

    assert world.elapsed_s == 9
    starts = [(at, text) for at, kind, text in world.events() if kind == "Started"]
    assert starts == [(2, "Started container first"), (9, "Started container second")]
