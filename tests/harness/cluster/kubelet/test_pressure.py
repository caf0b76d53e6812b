"""Memory pressure: who is evicted, what it says, and what the node reports."""

from __future__ import annotations

from functools import partial
from typing import Any

from harness.kube.objects import new_object
from harness.kube.resources import NODES, PODS, PRIORITY_CLASSES
from tests.harness.cluster.kubelet.world import World, app, condition, service, work

GI = 1 << 30


def _node_condition(world: World) -> tuple[str, str]:
    node = world.kernel.call(lambda: world.store.get(NODES, None, "n1"))
    assert node is not None
    entry = condition(node, "MemoryPressure")
    return entry["status"], entry["reason"]


def _burstable(name: str, memory: str | None = None, **more: Any) -> dict[str, Any]:
    return service(name, **({"resources": {"requests": {"memory": memory}}} if memory else {}), **more)


def test_given_pods_that_hold_more_than_the_node_has_then_the_one_furthest_above_its_request_goes(world: World) -> None:
    world.profiles["modest"] = work("modest", 1000, memory=((0, 1 * GI),))
    world.profiles["greedy"] = work("greedy", 1000, memory=((0, 2 * GI), (33, 8 * GI)))
    world.pod("modest", _burstable("modest", "2Gi"))
    world.pod("greedy", _burstable("greedy", "1Gi"), restartPolicy="Always")

    pod = world.until_phase("Failed", "greedy")

    # It holds 8Gi from 35 s on; the manager looks every ten seconds; one second of grace, but it ends at once.
    assert world.elapsed_s == 40
    assert pod["status"]["reason"] == "Evicted"
    assert pod["status"]["message"] == (
        "The node was low on resource: memory. Threshold quantity: 100Mi, available: 0. "
        "Container greedy was using 8Gi, request is 1Gi, has larger consumption of memory. "
    )
    assert condition(pod, "DisruptionTarget")["reason"] == "TerminationByKubelet"
    assert world.get("modest")["status"]["phase"] == "Running"
    assert (40, "Evicted", pod["status"]["message"]) in world.events("greedy")
    assert _node_condition(world) == ("True", "KubeletHasInsufficientMemory")


def test_given_relief_then_the_condition_goes_after_five_minutes_and_nothing_ticks(world: World) -> None:
    world.profiles["greedy"] = work("greedy", 1000, memory=((0, 9 * GI),))
    world.pod("greedy", _burstable("greedy", "1Gi"))
    world.until_phase("Failed", "greedy")
    assert world.elapsed_s == 10

    world.advance(299)
    assert _node_condition(world)[0] == "True"
    world.advance(1)
    assert _node_condition(world) == ("False", "KubeletHasSufficientMemory")
    assert world.kernel.wait(lambda: False, 10**12).name == "NOTHING_LEFT"


def test_given_equal_excess_then_the_lower_priority_goes_first(world: World) -> None:
    for name, priority in (("important", 100), ("other", 0)):
        if priority:
            important = new_object(PRIORITY_CLASSES, "important", value=priority, globalDefault=False)
            world.kernel.call(partial(world.store.create, PRIORITY_CLASSES, important))
        world.profiles[name] = work(name, 1000, memory=((0, 5 * GI),))
        more = {"priorityClassName": "important"} if priority else {}
        world.pod(name, _burstable(name, "1Gi"), **more)

    world.until_phase("Failed", "other")

    world.advance(60)
    assert world.get("important")["status"]["phase"] == "Running"


def test_given_pressure_then_pods_that_ask_for_nothing_are_not_admitted(world: World) -> None:
    world.profiles["greedy"] = work("greedy", 1000, shutdown_s=2000, memory=((0, 9 * GI),))
    world.pod("greedy", _burstable("greedy", "1Gi"))
    world.until(lambda: (world.store.get(PODS, "default", "greedy") or {})["status"].get("reason") == "Evicted")

    world.pod("late", app())
    world.pod("fair", _burstable("fair", "1Mi"))
    pod = world.until_phase("Failed", "late")

    assert pod["status"]["reason"] == "Evicted"
    assert pod["status"]["message"] == "Pod was rejected: The node had condition: [MemoryPressure]. "
    assert world.get("fair")["status"]["phase"] == "Pending"


def test_given_usages_then_the_meter_says_what_pods_and_nodes_use(world: World) -> None:
    profile = work("w", 1000, memory=((0, GI), (10, 2 * GI)), cpu_nanocores=250_000_000)
    world.profiles["main"] = profile
    world.pod("p", service(), app("other"))
    world.advance(5)

    def usages() -> tuple[Any, Any]:
        pod, node = world.store.get(PODS, "default", "p"), world.store.get(NODES, None, "n1")
        assert pod is not None
        assert node is not None
        return world.kubelets.containers(pod), world.kubelets.node(node)

    containers, node = world.kernel.call(usages)
    assert {name: (usage.cpu_nanocores, usage.memory_bytes) for name, usage in containers.items()} == {
        "main": (250_000_000, GI),
        "other": (0, 0),
    }
    assert (node.cpu_nanocores, node.memory_bytes) == (250_000_000, GI)
