"""Nodes: joining, admission, leaving, graceful shutdown."""

from __future__ import annotations

from typing import Any

import pytest

from harness.kube.objects import Object
from harness.kube.resources import LEASES, NODES, PODS
from tests.harness.cluster.kubelet.world import World, app, condition, service, work


def node_of(world: World, name: str = "n1") -> Object:
    found = world.kernel.call(lambda: world.store.get(NODES, None, name))
    assert found is not None
    return found


def lease_of(world: World, name: str = "n1") -> Object:
    found = world.kernel.call(lambda: world.store.get(LEASES, "kube-node-lease", name))
    assert found is not None
    return found


def test_given_a_kubelet_that_joins_then_its_node_is_ready_and_its_lease_has_no_renewal(world: World) -> None:
    node = node_of(world)

    ready = condition(node, "Ready")
    assert (ready["status"], ready["reason"], ready["message"]) == (
        "True",
        "KubeletReady",
        "kubelet is posting ready status",
    )
    assert node["status"]["addresses"][0] == {"type": "InternalIP", "address": "10.128.0.1"}
    assert node["status"]["nodeInfo"]["kubeletVersion"].startswith("v1.34")
    spec = lease_of(world)["spec"]
    assert spec == {"holderIdentity": "n1", "leaseDurationSeconds": 40}


def test_given_pods_that_were_bound_before_then_they_start_when_the_kubelet_joins(world: World) -> None:
    world.pod("early", node="n2")
    world.advance(30)

    world.node("n2")
    world.until_phase("Running", "early")

    assert world.elapsed_s == 32
    assert world.get("early")["status"]["hostIP"] == "10.128.4.1"


def test_given_a_machine_that_is_gone_then_nothing_is_written_but_its_last_renewal(world: World) -> None:
    world.profiles["main"] = work(duration_s=1000)
    world.pod("p", service())
    world.advance(37)
    before = world.get()

    world.kernel.call(lambda: world.kubelets.leave("n1"))
    world.delete()
    world.advance(100)

    after = world.get()
    assert after["status"] == before["status"]
    assert "deletionTimestamp" in after["metadata"]
    assert lease_of(world)["spec"]["renewTime"] == "2026-03-01T08:00:30.000000Z"
    assert ("withdraw", "default/p/main/0") in world.agent.seen
    assert condition(node_of(world), "Ready")["status"] == "True"


def test_given_a_machine_that_comes_back_then_what_ran_on_it_is_lost_and_restarted(world: World) -> None:
    world.pod("p", app())
    world.until_phase("Running")
    world.kernel.call(lambda: world.kubelets.leave("n1"))
    world.advance(60)

    world.kernel.call(lambda: world.kubelets.join("n1"))
    world.advance(5)

    main = world.get()["status"]["containerStatuses"][0]
    assert main["restartCount"] == 1
    assert main["lastState"]["terminated"]["reason"] == "ContainerStatusUnknown"
    assert "renewTime" not in lease_of(world)["spec"]


def requests(**amounts: str) -> dict[str, Any]:
    return {"requests": amounts}


@pytest.mark.parametrize(
    ("spec", "reason", "message"),
    [
        (
            {"containers": [app(resources=requests(cpu="3"))]},
            "OutOfcpu",
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 2000, capacity: 4000",
        ),
        (
            {"containers": [app(resources=requests(memory="9Gi"))]},
            "OutOfmemory",
            f"Pod was rejected: Node didn't have enough resource: memory, requested: {9 << 30}, used: 0, capacity: {8 << 30}",
        ),
        (
            {"containers": [app()], "initContainers": [app("i", resources=requests(cpu="2500m"))]},
            "OutOfcpu",
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 2500, used: 2000, capacity: 4000",
        ),
        (
            {"containers": [app()], "nodeSelector": {"workload-type": "heavy"}},
            "NodeAffinity",
            "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
        ),
    ],
)
def test_given_a_pod_that_does_not_fit_its_node_then_it_is_rejected(
    world: World, spec: dict[str, Any], reason: str, message: str
) -> None:
    world.pod("first", app(resources=requests(cpu="2")))
    containers = spec.pop("containers")

    world.pod("p", *containers, **spec)
    pod = world.until_phase("Failed")

    assert (pod["status"]["reason"], pod["status"]["message"]) == (reason, message)
    assert "containerStatuses" not in pod["status"]
    assert world.reasons() == [reason]
    world.delete()
    world.until_gone()


def test_given_a_pod_that_has_ended_then_its_room_is_free(world: World) -> None:
    world.profiles["main"] = work(duration_s=5)
    world.pod("first", service(resources=requests(cpu="3")), restartPolicy="Never")
    world.until_phase("Succeeded", "first")

    world.pod("p", app(resources=requests(cpu="3")))

    world.until_phase("Running")


def test_given_a_graceful_shutdown_then_pods_end_terminated_and_critical_ones_last(world: World) -> None:
    world.profiles.update(main=work(duration_s=1000, shutdown_s=20), slow=work("s", duration_s=1000, shutdown_s=500))
    world.pod("ordinary", service(), terminationGracePeriodSeconds=300)
    world.pod("stubborn", service("slow"), terminationGracePeriodSeconds=300)
    world.pod("critical", service("slow"), priorityClassName="system-node-critical", terminationGracePeriodSeconds=300)
    world.advance(10)

    world.kernel.call(lambda: world.kubelets.shut_down("n1", 150, 30))
    ordinary = world.until_phase("Failed", "ordinary")
    assert world.elapsed_s == 30
    world.until_phase("Failed", "stubborn")
    assert world.elapsed_s == 10 + 120
    world.until_phase("Failed", "critical")
    assert world.elapsed_s == 10 + 120 + 30

    assert ordinary["status"]["reason"] == "Terminated"
    text = "Pod was terminated in response to imminent node shutdown."
    assert ordinary["status"]["message"] == text
    target = condition(ordinary, "DisruptionTarget")
    assert (target["status"], target["reason"], target["message"]) == ("True", "TerminationByKubelet", text)
    assert ordinary["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143
    ready = condition(node_of(world), "Ready")
    assert (ready["status"], ready["reason"], ready["message"]) == ("False", "KubeletNotReady", "node is shutting down")


def test_given_a_graceful_shutdown_then_critical_pods_need_not_wait_for_nobody(world: World) -> None:
    world.profiles.update(main=work(duration_s=1000, shutdown_s=20), slow=work("s", duration_s=1000, shutdown_s=5))
    world.pod("ordinary", service())
    world.pod("critical", service("slow"), priorityClassName="system-node-critical")
    world.advance(10)

    world.kernel.call(lambda: world.kubelets.shut_down("n1", 150, 30))
    world.until_phase("Failed", "critical")

    assert world.elapsed_s == 35


def test_given_a_node_that_shuts_down_then_new_pods_are_rejected(world: World) -> None:
    world.kernel.call(lambda: world.kubelets.shut_down("n1", 150, 30))

    world.pod()
    pod = world.until_phase("Failed")

    assert pod["status"]["reason"] == "NodeShutdown"
    assert pod["status"]["message"] == "Pod was rejected as the node is shutting down."


def test_given_addresses_that_are_given_back_then_they_are_handed_out_again(world: World) -> None:
    for name in ("a", "b"):
        world.pod(name)
        world.until_phase("Running", name)
    world.delete("a")
    world.until_gone("a")

    world.pod("c")
    world.until_phase("Running", "c")

    assert world.get("b")["status"]["podIP"] == "10.128.0.3"
    assert world.get("c")["status"]["podIP"] == "10.128.0.2"


def test_given_a_pod_on_the_hosts_network_then_it_has_the_hosts_address(world: World) -> None:
    world.pod("p", hostNetwork=True)

    pod = world.until_phase("Running")

    assert pod["status"]["podIP"] == pod["status"]["hostIP"] == "10.128.0.1"


def test_given_an_unregistered_node_then_its_kubelet_cannot_join(world: World) -> None:
    with pytest.raises(ValueError, match="node n9 is not registered"):
        world.kernel.call(lambda: world.kubelets.join("n9"))
    with pytest.raises(ValueError, match="lives already"):
        world.kernel.call(lambda: world.kubelets.join("n1"))


def test_given_a_log_then_it_is_found_by_name_also_the_previous_one(world: World) -> None:
    world.profiles["main"] = work(duration_s=1, exit_code=1)
    world.pod("p", service())
    world.until(lambda: world.reasons().count("Started") == 2)

    now = world.kubelets.log_path("default", "p", "main")
    before = world.kubelets.log_path("default", "p", "main", previous=True)

    assert now is not None
    assert before is not None
    assert (now.name, before.name) == ("1.log", "0.log")
    assert world.kubelets.log_path("default", "p", "other") is None
    assert list(world.kernel.call(lambda: world.store.list(PODS)))
