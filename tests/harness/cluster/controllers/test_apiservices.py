"""APIService objects: what is registered by itself, and what is available."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.api.discovery import Catalogue
from harness.cluster.controllers import standard
from harness.cluster.controllers.apiservices import METRICS, ApiServiceRegistration
from harness.cluster.store import Registry
from harness.kube.errors import Invalid
from harness.kube.objects import new_object
from harness.kube.resources import API_SERVICES, CUSTOM_RESOURCE_DEFINITIONS, ENDPOINT_SLICES, SERVICES

from .bench import Bench


def start(bench: Bench, *, metrics: bool) -> None:
    writer = bench.store.writer("kube-apiserver")
    served = Catalogue(Registry()).versions()
    bench.add(
        bench.kernel.call(lambda: ApiServiceRegistration(bench.kernel, bench.store, writer, served, metrics=metrics))
    )
    bench.advance_to(bench.now_s)


@pytest.fixture
def world(bench: Bench) -> Bench:
    start(bench, metrics=False)
    return bench


def available(world: Bench, name: str) -> tuple[str, str, str]:
    (condition,) = world.get(API_SERVICES, name)["status"]["conditions"]
    assert condition["type"] == "Available"
    return condition["status"], condition["reason"], condition["message"]


def names(world: Bench) -> list[str]:
    return [entry["metadata"]["name"] for entry in world.store.list(API_SERVICES)]


def definition() -> Any:
    versions = [
        {"name": name, "served": True, "storage": name == "v1", "schema": {"openAPIV3Schema": {"type": "object"}}}
        for name in ("v1", "v2beta1")
    ]
    kinds = {"plural": "houses", "singular": "house", "kind": "House", "listKind": "HouseList"}
    spec = {"group": "algebra.example.com", "scope": "Namespaced", "names": kinds, "versions": versions}
    return new_object(CUSTOM_RESOURCE_DEFINITIONS, "houses.algebra.example.com", spec=spec)


def foreign(port: int = 443) -> Any:
    spec = {
        "group": "foo.example.com",
        "version": "v1",
        "groupPriorityMinimum": 100,
        "versionPriority": 100,
        "service": {"name": "foo", "namespace": "default", "port": port},
    }
    return new_object(API_SERVICES, "v1.foo.example.com", spec=spec)


def service() -> Any:
    ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443}]
    return new_object(SERVICES, "foo", "default", spec={"ports": ports})


def endpoints(*addresses: str, ready: bool = True) -> Any:
    found = [{"addresses": [address], "conditions": {"ready": ready}} for address in addresses]
    labels = {"kubernetes.io/service-name": "foo"}
    made = new_object(ENDPOINT_SLICES, "foo-1", "default", labels=labels)
    return {**made, "addressType": "IPv4", "endpoints": found, "ports": [{"name": "https", "port": 8443}]}


def create(world: Bench, resource: Any, obj: Any) -> None:
    world.create(resource, obj)
    world.advance_to(world.now_s)


def test_given_a_cluster_then_every_built_in_group_version_is_registered_as_upstream_does(world: Bench) -> None:
    priorities = {
        entry["metadata"]["name"]: (entry["spec"]["groupPriorityMinimum"], entry["spec"]["versionPriority"])
        for entry in world.store.list(API_SERVICES)
    }

    # What a real kube-apiserver 1.34.4 lists, of the groups that are served here.
    assert priorities == {
        "v1.": (18000, 1),
        "v1.admissionregistration.k8s.io": (16700, 15),
        "v1.apiextensions.k8s.io": (16700, 15),
        "v1.apps": (17800, 15),
        "v1.authentication.k8s.io": (17700, 15),
        "v1.authorization.k8s.io": (17600, 15),
        "v1.autoscaling": (17500, 15),
        "v1.batch": (17400, 15),
        "v1.coordination.k8s.io": (16500, 15),
        "v1.discovery.k8s.io": (16200, 15),
        "v1.events.k8s.io": (17750, 15),
        "v1.networking.k8s.io": (17200, 15),
        "v1.node.k8s.io": (16300, 15),
        "v1.policy": (17100, 15),
        "v1.rbac.authorization.k8s.io": (17000, 15),
        "v1.scheduling.k8s.io": (16600, 15),
        "v1.storage.k8s.io": (16800, 15),
        "v2.autoscaling": (17500, 30),
    }
    assert available(world, "v1.apps") == ("True", "Local", "Local APIServices are always available")
    assert world.get(API_SERVICES, "v1.apps")["metadata"]["labels"] == {
        "kube-aggregator.kubernetes.io/automanaged": "onstart"
    }


def test_given_a_metrics_server_then_its_api_is_registered_and_available(bench: Bench) -> None:
    start(bench, metrics=True)

    assert available(bench, METRICS) == ("True", "Passed", "all checks passed")
    assert bench.get(API_SERVICES, METRICS)["spec"]["service"] == {
        "name": "metrics-server",
        "namespace": "kube-system",
        "port": 443,
    }


def test_given_a_definition_then_its_versions_are_registered_as_long_as_it_lives(bench: Bench) -> None:
    bench.add(*bench.kernel.call(lambda: standard(*bench.parts, bench.seeds)))
    start(bench, metrics=False)

    create(bench, CUSTOM_RESOURCE_DEFINITIONS, definition())
    assert [name for name in names(bench) if "algebra" in name] == [
        "v1.algebra.example.com",
        "v2beta1.algebra.example.com",
    ]
    spec = {"groupPriorityMinimum": 1000, "versionPriority": 100, "group": "algebra.example.com", "version": "v1"}
    assert bench.get(API_SERVICES, "v1.algebra.example.com")["spec"] == spec

    bench.kernel.call(lambda: bench.store.delete(API_SERVICES, None, "v1.algebra.example.com"))
    bench.advance_to(bench.now_s)
    assert "v1.algebra.example.com" in names(bench)  # as long as the definition lives

    name = "houses.algebra.example.com"
    bench.kernel.call(lambda: bench.store.delete(CUSTOM_RESOURCE_DEFINITIONS, None, name))
    bench.advance_to(bench.now_s + 1)
    assert not [name for name in names(bench) if "algebra" in name]


def test_given_a_built_in_one_that_is_deleted_then_it_stays_away(world: Bench) -> None:
    world.kernel.call(lambda: world.store.delete(API_SERVICES, None, "v1.batch"))
    world.advance_to(world.now_s)

    assert "v1.batch" not in names(world)


def test_given_somebody_elses_api_then_its_condition_says_how_far_its_service_is(world: Bench) -> None:
    create(world, API_SERVICES, foreign())
    assert available(world, "v1.foo.example.com") == (
        "False",
        "ServiceNotFound",
        'service/foo in "default" is not present',
    )
    create(world, SERVICES, service())
    assert available(world, "v1.foo.example.com")[1:] == (
        "EndpointsNotFound",
        'cannot find endpointslices for service/foo in "default"',
    )
    create(world, ENDPOINT_SLICES, endpoints())
    assert available(world, "v1.foo.example.com")[1:] == (
        "MissingEndpoints",
        'endpointslices for service/foo in "default" have no addresses with port name "https"',
    )
    world.kernel.call(lambda: world.store.replace(ENDPOINT_SLICES, endpoints("10.0.0.1")))
    world.advance_to(world.now_s)
    status, reason, message = available(world, "v1.foo.example.com")
    assert (status, reason) == ("False", "FailedDiscoveryCheck")
    assert message.endswith(":443: connect: connection refused")


def test_given_a_service_without_the_port_then_the_condition_says_so(world: Bench) -> None:
    create(world, SERVICES, service())
    create(world, API_SERVICES, foreign(444))

    assert available(world, "v1.foo.example.com")[1:] == (
        "ServicePortError",
        'service/foo in "default" is not listening on port 444',
    )


def test_given_an_api_without_a_service_then_it_counts_as_local(world: Bench) -> None:
    spec = {"group": "bar.example.com", "version": "v1", "groupPriorityMinimum": 100, "versionPriority": 100}
    create(world, API_SERVICES, new_object(API_SERVICES, "v1.bar.example.com", spec=spec))

    assert available(world, "v1.bar.example.com")[:2] == ("True", "Local")


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "wrong",
            {},
            'metadata.name: Invalid value: "wrong": must be `spec.version+"."+spec.group`: "v1.foo.example.com"',
        ),
        ("", {"versionPriority": 0}, "spec.versionPriority: Invalid value: 0: must be positive and less than 1000"),
        ("", {"groupPriorityMinimum": 20001}, "must be positive and less than 20000"),
        ("", {"service": {"name": "foo"}}, "spec.service.namespace: Required value"),
        ("", {"service": None, "insecureSkipTLSVerify": True}, "local APIServices may not have insecureSkipTLSVerify"),
    ],
)
def test_given_an_api_service_that_upstream_refuses_then_it_is_refused_with_its_text(
    bench: Bench, name: str, change: dict[str, Any], message: str
) -> None:
    made = foreign()
    made["spec"].update(change)
    made["metadata"]["name"] = name or made["metadata"]["name"]

    with pytest.raises(Invalid) as caught:
        bench.create(API_SERVICES, made)

    assert message in str(caught.value)
