"""Endpoints, EndpointSlices and mirrored slices. Real: the controllers over the store; the pods' states are written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.controllers.endpoints.packing import Held, pack
from harness.kube.objects import new_object
from harness.kube.resources import ENDPOINT_SLICES, ENDPOINTS, NODES, PODS, SERVICES

from .bench import Bench, node


@pytest.fixture
def world(bench: Bench) -> Bench:
    bench.add_standard()
    bench.create(NODES, node("n", zone="b"))
    return bench


def service(bench: Bench, name: str, **spec: Any) -> None:
    body = {"selector": {"app": "e"}, "ports": [{"port": 80, "targetPort": "web", "name": "http"}], **spec}
    bench.create(SERVICES, new_object(SERVICES, name, "default", spec=body))


def run(bench: Bench, name: str, ip: str, *, ready: bool = True, ports: bool = True, **spec: Any) -> None:
    container: dict[str, Any] = {"name": "c", "image": "x"}
    if ports:
        container["ports"] = [{"name": "web", "containerPort": 8080}]
    body = {"nodeName": "n", "containers": [container], **spec}
    bench.create(PODS, new_object(PODS, name, "default", labels={"app": "e"}, spec=body))
    say(bench, name, ip, ready)


def say(bench: Bench, name: str, ip: str, ready: bool) -> None:
    condition = {
        "type": "Ready",
        "status": "True" if ready else "False",
        "lastTransitionTime": bench.stamp(bench.now_s),
    }
    status = {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [condition]}
    change = {"status": status}
    bench.kernel.call(lambda: bench.store.patch(PODS, "default", name, change, subresource="status"))


def slices(bench: Bench, name: str) -> list[Any]:
    found = bench.store.list(ENDPOINT_SLICES, "default")
    return [one for one in found if one["metadata"]["labels"]["kubernetes.io/service-name"] == name]


def seen(bench: Bench, name: str) -> dict[str, tuple[bool, bool, bool]]:
    """By address: ready, serving, terminating."""
    return {
        endpoint["addresses"][0]: tuple(endpoint["conditions"].get(key) for key in ("ready", "serving", "terminating"))
        for one in slices(bench, name)
        for endpoint in one.get("endpoints") or ()
    }


def test_given_pods_in_every_state_when_a_service_selects_them_then_its_slice_says_so(world: Bench) -> None:
    service(world, "s")
    run(world, "up", "10.0.0.1")
    run(world, "starting", "10.0.0.2", ready=False)
    run(world, "ending", "10.0.0.3")
    run(world, "over", "10.0.0.4")
    world.end("over", "Succeeded")
    world.kernel.call(lambda: world.store.delete(PODS, "default", "ending"))
    world.advance_to(1)
    assert seen(world, "s") == {
        "10.0.0.1": (True, True, False),
        "10.0.0.2": (False, False, False),
        "10.0.0.3": (False, True, True),
    }
    (one,) = slices(world, "s")
    assert one["ports"] == [{"name": "http", "port": 8080, "protocol": "TCP"}]
    assert one["metadata"]["generateName"] == "s-"
    assert one["metadata"]["labels"]["endpointslice.kubernetes.io/managed-by"] == "endpointslice-controller.k8s.io"
    assert {endpoint.get("zone") for endpoint in one["endpoints"]} == {"b"}
    (subset,) = world.get(ENDPOINTS, "s")["subsets"]
    assert [entry["ip"] for entry in subset["addresses"]] == ["10.0.0.1"]
    assert [entry["ip"] for entry in subset["notReadyAddresses"]] == ["10.0.0.2"]


def test_given_a_headless_service_that_publishes_all_when_a_pod_is_not_ready_then_it_is_published(world: Bench) -> None:
    service(world, "s", clusterIP="None", publishNotReadyAddresses=True)
    run(world, "p", "10.0.0.1", ready=False, hostname="h", subdomain="s")
    world.advance_to(1)
    assert seen(world, "s") == {"10.0.0.1": (True, False, False)}
    (one,) = slices(world, "s")
    assert one["endpoints"][0]["hostname"] == "h"
    assert one["metadata"]["labels"]["service.kubernetes.io/headless"] == ""
    assert world.get(ENDPOINTS, "s")["subsets"][0]["addresses"][0]["hostname"] == "h"


def test_given_pods_that_offer_different_ports_when_selected_then_each_kind_has_a_slice(world: Bench) -> None:
    service(
        world,
        "s",
        ports=[{"port": 80, "targetPort": "web", "name": "http"}, {"port": 81, "targetPort": 8081, "name": "alt"}],
    )
    run(world, "p", "10.0.0.1")
    run(world, "q", "10.0.0.2", ports=False)
    world.advance_to(1)
    offered = {
        one["endpoints"][0]["addresses"][0]: [port["name"] for port in one["ports"]] for one in slices(world, "s")
    }
    assert offered == {"10.0.0.1": ["alt", "http"], "10.0.0.2": ["alt"]}
    subsets = world.get(ENDPOINTS, "s")["subsets"]
    assert [[entry["ip"] for entry in subset["addresses"]] for subset in subsets] == [
        ["10.0.0.1", "10.0.0.2"],
        ["10.0.0.1"],
    ]


def test_given_a_service_without_pods_when_the_service_goes_then_its_empty_slice_and_endpoints_go_too(
    world: Bench,
) -> None:
    service(world, "s")
    world.advance_to(1)
    (one,) = slices(world, "s")
    assert not one.get("endpoints")
    assert world.exists(ENDPOINTS, "s")
    world.kernel.call(lambda: world.store.delete(SERVICES, "default", "s"))
    world.advance_to(2)
    assert slices(world, "s") == []
    assert not world.exists(ENDPOINTS, "s")


def test_given_more_pods_than_a_slice_holds_when_one_changes_then_one_slice_is_written(world: Bench) -> None:
    service(world, "s", ports=[{"port": 80}])
    for number in range(105):
        run(world, f"p{number:03}", f"10.0.1.{number}", ports=False)
    world.advance_to(2)
    assert sorted(len(one["endpoints"]) for one in slices(world, "s")) == [5, 100]
    before = {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in slices(world, "s")}
    say(world, "p000", "10.0.1.0", False)
    world.advance_to(3)
    after = {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in slices(world, "s")}
    assert len([name for name in before if before[name] != after[name]]) == 1
    version = world.store.version
    world.advance_to(30)
    assert world.store.version == version


def test_given_endpoints_written_by_hand_when_the_service_selects_nothing_then_they_are_mirrored(world: Bench) -> None:
    world.create(SERVICES, new_object(SERVICES, "m", "default", spec={"ports": [{"port": 80}]}))
    subsets = [{"addresses": [{"ip": "10.1.1.1"}], "notReadyAddresses": [{"ip": "10.1.1.2"}], "ports": [{"port": 80}]}]
    world.create(ENDPOINTS, new_object(ENDPOINTS, "m", "default", subsets=subsets))
    world.advance_to(1)
    (one,) = slices(world, "m")
    assert [(entry["addresses"], entry["conditions"]["ready"]) for entry in one["endpoints"]] == [
        (["10.1.1.1"], True),
        (["10.1.1.2"], False),
    ]
    world.kernel.call(lambda: world.store.delete(ENDPOINTS, "default", "m"))
    world.advance_to(2)
    assert slices(world, "m") == []


@pytest.mark.parametrize(
    ("held", "wanted", "created", "updated", "deleted"),
    [
        ([], 3, [3], {}, []),
        ([], 7, [5, 2], {}, []),
        ([("a", range(3))], 4, [], {"a": 4}, []),
        ([("a", range(5))], 7, [2], {}, []),
        ([("a", range(5)), ("b", range(5, 7))], 8, [], {"b": 3}, []),
        ([("a", range(5)), ("b", range(90, 92))], 5, [], {}, ["b"]),
        ([("a", range(3))], 3, [], {}, []),
    ],
)
def test_given_slices_of_at_most_five_when_packed_then_as_few_as_can_be_are_written(
    held: list[tuple[str, range]], wanted: int, created: list[int], updated: dict[str, int], deleted: list[str]
) -> None:
    endpoints = {str(number): {"addresses": [str(number)]} for number in range(wanted)}
    slices = [Held(name, {str(n): {"addresses": [str(n)]} for n in numbers}) for name, numbers in held]
    packing = pack(endpoints, slices, 5)
    assert [len(entries) for entries in packing.create] == created
    assert {name: len(entries) for name, entries in packing.update.items()} == updated
    assert packing.delete == deleted
