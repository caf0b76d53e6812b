"""Probes of modelled containers: when they look, what thresholds do, and what a failure brings."""

from __future__ import annotations

from typing import Any

from harness.clock import SECOND
from harness.cluster.kubelet.runtimes import Illness
from harness.kube.resources import PODS
from tests.harness.cluster.kubelet.world import World, app, condition, service, work

HTTP: dict[str, Any] = {"httpGet": {"path": "/healthz", "port": 8080}}


def _times(world: World, reason: str) -> list[float]:
    return [at for at, kind, _ in world.events() if kind == reason]


def _status(world: World) -> dict[str, Any]:
    return dict(world.get()["status"]["containerStatuses"][0])


def test_given_a_readiness_probe_then_the_container_is_ready_when_it_says_so(world: World) -> None:
    ill = (Illness("Readiness", 0, 12),)
    world.profiles["main"] = work(duration_s=1000, illnesses=ill)
    world.pod("p", service(readinessProbe={**HTTP, "periodSeconds": 5}))

    world.advance(4)
    assert (_status(world)["started"], _status(world)["ready"]) == (True, False)
    assert condition(world.get(), "Ready")["message"] == "containers with unready status: [main]"
    world.until(lambda: _ready(world))

    # Pulled and started at 2 s, asked at once, then every 5 s; well from 14 s on.
    assert world.elapsed_s == 17
    messages = [(at, text) for at, kind, text in world.events() if kind == "Unhealthy"]
    assert messages == [(at, "Readiness probe failed: HTTP probe failed with statuscode: 500") for at in (2, 7, 12)]
    assert _status(world)["restartCount"] == 0


def _ready(world: World) -> bool:
    pod = world.store.get(PODS, "default", "p")
    return pod is not None and pod["status"]["containerStatuses"][0]["ready"]


def test_given_a_ready_container_that_falls_ill_then_three_failures_make_it_unready(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, illnesses=(Illness("Readiness", 100, 161),))
    world.pod("p", service(readinessProbe=HTTP))

    world.until(lambda: _ready(world))
    world.until(lambda: not _ready(world))
    assert world.elapsed_s == 122  # looks at 102, 112 and 122 fail
    world.until(lambda: _ready(world))
    assert world.elapsed_s == 172
    assert _times(world, "Unhealthy")[:5] == [102, 112, 122, 122, 132]  # unready, it is looked at once more


def test_given_a_healthy_pod_then_its_probes_cost_no_event(world: World) -> None:
    world.pod("p", app(readinessProbe=HTTP, livenessProbe=HTTP, startupProbe=HTTP))
    world.until(lambda: _ready(world))

    assert world.kernel.wait(lambda: False, 10**5 * SECOND).name == "NOTHING_LEFT"


def test_given_a_failing_liveness_probe_then_the_container_is_restarted_in_the_grace_of_the_probe(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, shutdown_s=60, illnesses=(Illness("Liveness", 20),))
    probe = {**HTTP, "terminationGracePeriodSeconds": 7}
    world.pod("p", service(livenessProbe=probe))

    world.advance(60)

    # Started at 2 s, ill from 22 s: the looks at 30, 40 and 50 fail.
    assert _times(world, "Unhealthy") == [30, 40, 50]
    assert _times(world, "Killing") == [50]
    assert (50, "Killing", "Container main failed liveness probe, will be restarted") in world.events()
    assert _times(world, "Started") == [2, 57]
    main = _status(world)
    assert main["restartCount"] == 1
    assert main["lastState"]["terminated"]["exitCode"] == 137
    assert main["lastState"]["terminated"]["finishedAt"] == "2026-03-01T08:00:57Z"


def test_given_a_pod_that_never_restarts_then_a_failed_liveness_probe_ends_it(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, shutdown_s=1, illnesses=(Illness("Liveness", 0),))
    world.pod("p", service(livenessProbe={**HTTP, "failureThreshold": 1}), restartPolicy="Never")

    pod = world.until_phase("Failed")

    assert world.elapsed_s == 11
    assert (10, "Killing", "Stopping container main") in world.events()
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143


def test_given_a_startup_probe_then_the_others_wait_for_it(world: World) -> None:
    ills = (Illness("Startup", 0, 25), Illness("Liveness", 0, 26))
    world.profiles["main"] = work(duration_s=1000, illnesses=ills)
    startup = {**HTTP, "periodSeconds": 5, "failureThreshold": 30}
    world.pod("p", service(startupProbe=startup, livenessProbe={**HTTP, "failureThreshold": 1}, readinessProbe=HTTP))

    world.until(lambda: _ready(world))

    assert world.elapsed_s == 30
    assert {text for _, kind, text in world.events() if kind == "Unhealthy"} == {
        "Startup probe failed: HTTP probe failed with statuscode: 500"
    }


def test_given_an_initial_delay_then_nothing_is_asked_before(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000)
    world.pod("p", service(readinessProbe={**HTTP, "initialDelaySeconds": 15}))

    world.until(lambda: _ready(world))

    assert world.elapsed_s == 22


def test_given_repeated_liveness_failures_then_the_crash_back_off_follows(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, illnesses=(Illness("Liveness", 0),))
    world.pod("p", service(livenessProbe={**HTTP, "periodSeconds": 3, "failureThreshold": 1}))

    world.advance(100)

    # Started again at once by the sync that kills, which knows no end before the third; then at the first look beyond 10 s, 20 s.
    assert _times(world, "Started") == [2, 3, 6, 22, 50]


def test_given_a_deleted_pod_then_liveness_is_not_asked_any_more(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000, shutdown_s=100, illnesses=(Illness("Liveness", 30),))
    world.pod("p", service(livenessProbe=HTTP), terminationGracePeriodSeconds=200)
    world.advance(25)

    world.delete()
    world.until_gone()

    assert "Unhealthy" not in world.reasons()
    assert world.elapsed_s == 125


def test_given_a_readiness_gate_then_the_pod_waits_for_its_condition(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000)
    world.pod("p", service(), readinessGates=[{"conditionType": "example.com/ready"}])
    world.until_phase("Running")

    ready = condition(world.get(), "Ready")
    assert (ready["status"], ready["reason"]) == ("False", "ReadinessGatesNotReady")
    assert ready["message"] == 'corresponding condition of pod readiness gate "example.com/ready" does not exist.'

    gate = {"type": "example.com/ready", "status": "True"}
    world.kernel.call(
        lambda: world.store.patch(
            PODS, "default", "p", {"status": {"conditions": [gate]}}, kind="strategic", subresource="status"
        )
    )
    world.until(lambda: condition(world.store.get(PODS, "default", "p"), "Ready")["status"] == "True")  # type: ignore[arg-type]
