"""Garbage collector, namespaces, service accounts and TTL."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.controllers.garbagecollector import FOREGROUND
from harness.kube.objects import is_deleting, is_true, new_object, owner_reference
from harness.kube.resources import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    JOBS,
    NAMESPACES,
    NODES,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    Resource,
)

from .bench import Bench, Kubelet, job, node, pod


@pytest.fixture
def world(bench: Bench) -> Bench:
    bench.add_standard()
    return bench


def owned(bench: Bench, name: str, *owners: Any, block: bool = True, **extra: Any) -> Any:
    references = [owner_reference(owner, controller=False) | {"blockOwnerDeletion": block} for owner in owners]
    return bench.create(CONFIG_MAPS, new_object(CONFIG_MAPS, name, "default", owners=references, **extra))


def delete(bench: Bench, name: str, propagation: Any = "Background") -> None:
    bench.kernel.call(lambda: bench.store.delete(CONFIG_MAPS, "default", name, propagation=propagation))
    bench.advance_to(bench.now_s)


def hold(bench: Bench, name: str, *finalizers: str) -> None:
    patch = {"metadata": {"finalizers": list(finalizers)}}
    bench.kernel.call(lambda: bench.store.patch(CONFIG_MAPS, "default", name, patch))
    bench.advance_to(bench.now_s)


def names(bench: Bench) -> list[str]:
    found = [obj["metadata"]["name"] for obj in bench.store.list(CONFIG_MAPS, "default")]
    return [name for name in found if name != "kube-root-ca.crt"]


def test_given_a_chain_of_owners_when_the_first_goes_then_all_go(world: Bench) -> None:
    first = owned(world, "a")
    second = owned(world, "b", first)
    owned(world, "c", second)
    delete(world, "a")
    assert names(world) == []


def test_given_two_owners_when_one_goes_then_the_dependent_forgets_it_and_stays(world: Bench) -> None:
    one, two = owned(world, "a"), owned(world, "b")
    owned(world, "c", one, two)
    delete(world, "a")
    assert names(world) == ["b", "c"]
    assert [owner["name"] for owner in world.get(CONFIG_MAPS, "c")["metadata"]["ownerReferences"]] == ["b"]


def test_given_an_owner_that_never_was_when_a_dependent_is_created_then_it_goes(world: Bench) -> None:
    first = owned(world, "a")
    ghost = {**first, "metadata": {**first["metadata"], "uid": "another"}}
    owned(world, "b", ghost)
    world.advance_to(0)
    assert names(world) == ["a"]


def test_given_an_owner_of_an_unknown_type_when_a_dependent_is_created_then_it_stays(world: Bench) -> None:
    reference = {"apiVersion": "example.com/v1", "kind": "Thing", "name": "x", "uid": "u"}
    world.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "a", "default", owners=[reference]))
    world.advance_to(0)
    assert names(world) == ["a"]


def test_given_a_foreground_deletion_when_a_blocking_dependent_holds_on_then_the_owner_waits_for_it(
    world: Bench,
) -> None:
    first = owned(world, "a")
    owned(world, "b", first)
    owned(world, "c", first, block=False)
    hold(world, "b", "example.com/hold")
    hold(world, "c", "example.com/hold")
    delete(world, "a", "Foreground")
    assert is_deleting(world.get(CONFIG_MAPS, "a"))
    assert world.get(CONFIG_MAPS, "a")["metadata"]["finalizers"] == [FOREGROUND]
    assert is_deleting(world.get(CONFIG_MAPS, "b"))
    hold(world, "b")
    assert names(world) == ["c"], "c does not block its owner, and still holds on"


def test_given_an_orphaning_deletion_when_the_owner_goes_then_the_dependent_stays_without_owner(world: Bench) -> None:
    first = owned(world, "a")
    owned(world, "b", first)
    delete(world, "a", "Orphan")
    assert names(world) == ["b"]
    assert not world.get(CONFIG_MAPS, "b")["metadata"].get("ownerReferences")


def test_given_a_full_namespace_when_it_is_deleted_then_it_is_emptied_and_removed_after_its_pods_ended(
    world: Bench,
) -> None:
    world.add_scheduler()
    Kubelet(world, stop_s=12)
    world.create(NODES, node("n"))
    world.create(NAMESPACES, new_object(NAMESPACES, "team"))
    world.create(SECRETS, new_object(SECRETS, "s", "team"))
    world.create(PODS, pod("p", "team"))
    world.advance_to(5)
    assert world.exists(SERVICE_ACCOUNTS, "default", "team")
    world.kernel.call(lambda: world.store.delete(NAMESPACES, None, "team"))
    world.advance_to(5)
    assert world.exists(SECRETS, "s", "team"), "pods go first, since 1.33"
    remaining = world.held_condition(NAMESPACES, "team", "NamespaceContentRemaining")
    assert remaining["message"] == "All content successfully removed", "upstream does not count pods within their grace"
    assert world.wait(lambda: not world.exists(NAMESPACES, "team")) == 17


def test_given_a_default_account_that_is_deleted_when_the_namespace_lives_then_it_comes_back(world: Bench) -> None:
    before = world.get(SERVICE_ACCOUNTS, "default")["metadata"]["uid"]
    world.kernel.call(lambda: world.store.delete(SERVICE_ACCOUNTS, "default", "default"))
    world.advance_to(0)
    assert world.get(SERVICE_ACCOUNTS, "default")["metadata"]["uid"] != before


@pytest.mark.parametrize(("ttl_s", "gone_s"), [(0, 6), (100, 106)])
def test_given_a_ttl_when_the_job_is_finished_then_it_goes_with_its_pods(
    world: Bench, ttl_s: int, gone_s: float
) -> None:
    world.add_scheduler()
    world.create(NODES, node("n"))
    Kubelet(world, runs_s=lambda _: 5)
    world.create(JOBS, job(ttlSecondsAfterFinished=ttl_s))
    assert world.wait(lambda: not world.exists(JOBS, "work")) == gone_s
    world.advance_to(gone_s)
    assert not world.pods()


def test_given_no_ttl_when_the_job_is_finished_then_it_stays(world: Bench) -> None:
    world.add_scheduler()
    world.create(NODES, node("n"))
    Kubelet(world, runs_s=lambda _: 5)
    world.create(JOBS, job())
    world.advance_to(100_000)
    assert is_true(world.get(JOBS, "work"), "Complete")


def test_given_a_pod_that_outlives_its_grace_when_its_namespace_goes_then_the_condition_names_it(world: Bench) -> None:
    world.create(NAMESPACES, new_object(NAMESPACES, "team"))
    world.create(PODS, pod("p", "team", nodeName="n"))
    world.create(SECRETS, new_object(SECRETS, "s", "team"))
    world.kernel.call(lambda: world.store.delete(NAMESPACES, None, "team"))
    world.advance_to(31)
    failure = world.held_condition(NAMESPACES, "team", "NamespaceDeletionContentFailure")
    assert (failure["status"], failure["reason"], failure["message"]) == (
        "True",
        "ContentDeletionFailed",
        "Failed to delete all resource types, 1 remaining: unexpected items still remain in namespace: team for gvr: /v1, "
        "Resource=pods",
    )
    world.kernel.call(lambda: world.store.delete(PODS, "team", "p", grace_period_s=0))
    world.advance_to(32)
    assert not world.exists(NAMESPACES, "team")


def test_given_what_is_held_by_a_finalizer_when_its_namespace_goes_then_the_conditions_name_it(world: Bench) -> None:
    world.create(NAMESPACES, new_object(NAMESPACES, "team"))
    held = new_object(CONFIG_MAPS, "c", "team")
    held["metadata"]["finalizers"] = ["x.io/y"]
    world.create(CONFIG_MAPS, held)
    world.kernel.call(lambda: world.store.delete(NAMESPACES, None, "team"))
    world.advance_to(1)
    assert world.held_condition(NAMESPACES, "team", "NamespaceContentRemaining")["message"] == (
        "Some resources are remaining: configmaps. has 1 resource instances"
    )
    assert world.held_condition(NAMESPACES, "team", "NamespaceFinalizersRemaining")["message"] == (
        "Some content in the namespace has finalizers remaining: x.io/y in 1 resource instances"
    )
    free = {"metadata": {"finalizers": None}}
    world.kernel.call(lambda: world.store.patch(CONFIG_MAPS, "team", "c", free))
    world.advance_to(2)
    assert not world.exists(NAMESPACES, "team")


def definition(group: str, plural: str, kind: str) -> dict[str, Any]:
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {
        "group": group,
        "scope": "Namespaced",
        "names": {"plural": plural, "kind": kind},
        "versions": [version],
    }
    return new_object(CUSTOM_RESOURCE_DEFINITIONS, f"{plural}.{group}", spec=spec)


def test_given_custom_resources_when_owner_and_namespace_go_then_they_go_as_all_else(world: Bench) -> None:
    world.create(CUSTOM_RESOURCE_DEFINITIONS, definition("x.io", "things", "Thing"))
    things = Resource("x.io", "v1", "things", "Thing", True, "thing")
    world.create(NAMESPACES, new_object(NAMESPACES, "team"))
    owner = world.create(things, new_object(things, "owner", "team"))
    world.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "c", "team", owners=[owner_reference(owner)]))
    world.create(things, new_object(things, "other", "team"))
    world.advance_to(1)
    assert world.exists(CONFIG_MAPS, "c", "team")
    world.kernel.call(lambda: world.store.delete(things, "team", "owner"))
    world.advance_to(2)
    assert not world.exists(CONFIG_MAPS, "c", "team")
    world.kernel.call(lambda: world.store.delete(NAMESPACES, None, "team"))
    world.advance_to(3)
    assert not world.exists(things, "other", "team")
    assert not world.exists(NAMESPACES, "team")


def test_given_an_owner_in_another_namespace_when_seen_then_an_event_tells_and_the_dependent_goes(world: Bench) -> None:
    world.create(NAMESPACES, new_object(NAMESPACES, "team"))
    owner = world.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "o", "team"))
    world.create(CONFIG_MAPS, new_object(CONFIG_MAPS, "d", "default", owners=[owner_reference(owner)]))
    world.advance_to(1)
    assert not world.exists(CONFIG_MAPS, "d")
    uid = owner["metadata"]["uid"]
    assert world.events("OwnerRefInvalidNamespace") == [
        f'ownerRef [v1/ConfigMap, namespace: default, name: o, uid: {uid}] does not exist in namespace "default"'
    ]
