"""Deleting: grace, finalizers, preconditions, propagation; as recorded of a 1.34 control plane where a comment says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.cluster.store import Store
from harness.kube.errors import Conflict, Forbidden, NotFound
from harness.kube.objects import Object
from harness.kube.resources import CONFIG_MAPS, NAMESPACES, PODS

MakePod = Callable[..., dict[str, Any]]


def metadata_of(obj: Object) -> dict[str, Any]:
    keys = ("deletionTimestamp", "deletionGracePeriodSeconds", "generation", "finalizers")
    return {key: obj["metadata"][key] for key in keys if key in obj["metadata"]}


def test_given_a_pod_without_a_node_then_it_goes_at_once(store: Store, pod: MakePod) -> None:
    store.create(PODS, pod())
    gone = store.delete(PODS, "default", "p")
    assert metadata_of(gone) == {
        "deletionTimestamp": "2026-03-01T08:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "generation": 2,
    }
    assert store.get(PODS, "default", "p") is None
    entry = store.since(PODS, 0)[-1]
    assert (entry.change, entry.state.obj) == ("DELETED", gone)


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_given_a_pod_that_has_ended_then_it_goes_at_once(store: Store, pod: MakePod, phase: str) -> None:
    store.create(PODS, pod())
    store.bind("default", "p", "n")
    store.patch(PODS, "default", "p", {"status": {"phase": phase}}, subresource="status")
    store.delete(PODS, "default", "p")
    assert store.get(PODS, "default", "p") is None


def test_given_a_pod_on_a_node_then_it_has_its_grace_which_may_only_shrink(store: Store, pod: MakePod) -> None:
    store.create(PODS, pod(terminationGracePeriodSeconds=60))
    store.bind("default", "p", "n")
    first = store.delete(PODS, "default", "p")
    assert metadata_of(first) == {
        "deletionTimestamp": "2026-03-01T08:01:00Z",
        "deletionGracePeriodSeconds": 60,
        "generation": 2,
    }
    assert store.delete(PODS, "default", "p") is first
    assert store.delete(PODS, "default", "p", grace_period_s=90) is first
    shorter = store.delete(PODS, "default", "p", grace_period_s=10)
    assert metadata_of(shorter) == {
        "deletionTimestamp": "2026-03-01T08:00:10Z",
        "deletionGracePeriodSeconds": 10,
        "generation": 2,
    }
    store.delete(PODS, "default", "p", grace_period_s=0)  # what the kubelet says when the containers have ended
    assert store.get(PODS, "default", "p") is None


def test_given_a_pod_with_a_finalizer_then_grace_zero_waits_for_it(store: Store, pod: MakePod) -> None:
    made = pod()
    made["metadata"]["finalizers"] = ["batch.kubernetes.io/job-tracking"]
    store.create(PODS, made)
    store.bind("default", "p", "n")
    store.delete(PODS, "default", "p")
    held = store.delete(PODS, "default", "p", grace_period_s=0)
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    store.patch(PODS, "default", "p", {"metadata": {"finalizers": []}})
    assert store.get(PODS, "default", "p") is None


def test_given_a_pod_in_its_grace_then_losing_its_finalizer_does_not_end_it(store: Store, pod: MakePod) -> None:
    made = pod()
    made["metadata"]["finalizers"] = ["batch.kubernetes.io/job-tracking"]
    store.create(PODS, made)
    store.bind("default", "p", "n")
    store.delete(PODS, "default", "p")
    store.patch(PODS, "default", "p", {"metadata": {"finalizers": []}})
    assert store.get(PODS, "default", "p") is not None


@pytest.mark.parametrize(
    ("propagation", "finalizers"),
    [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"]), ("Background", None)],
)
def test_given_a_propagation_then_its_finalizer_calls_the_garbage_collector(
    store: Store, propagation: Any, finalizers: list[str] | None
) -> None:
    store.create(CONFIG_MAPS, {"metadata": {"name": "c", "namespace": "default"}})
    store.delete(CONFIG_MAPS, "default", "c", propagation=propagation)
    found = store.get(CONFIG_MAPS, "default", "c")
    assert (None if found is None else found["metadata"]["finalizers"]) == finalizers


def test_given_preconditions_then_the_texts_are_the_control_planes(store: Store) -> None:
    made = store.create(CONFIG_MAPS, {"metadata": {"name": "x", "namespace": "default"}})["metadata"]
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        (
            {"uid": "abc"},
            f"the UID in the precondition (abc) does not match the UID in record ({made['uid']}). The object might have been deleted "
            "and then recreated",
        ),
        (
            {"resource_version": "1"},
            "the ResourceVersion in the precondition (1) does not match the ResourceVersion in record "
            f"({made['resourceVersion']}). The object might have been modified",
        ),
    )
    for precondition, why in cases:
        with pytest.raises(Conflict) as refused:
            store.delete(CONFIG_MAPS, "default", "x", **precondition)
        assert refused.value.message == f'Operation cannot be fulfilled on ConfigMap "x": {why}'
    store.delete(CONFIG_MAPS, "default", "x", uid=made["uid"], resource_version=made["resourceVersion"])
    with pytest.raises(NotFound, match='configmaps "x" not found'):
        store.delete(CONFIG_MAPS, "default", "x")


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_given_a_permanent_namespace_then_it_stays(store: Store, name: str) -> None:
    with pytest.raises(Forbidden) as refused:
        store.delete(NAMESPACES, None, name)
    assert refused.value.message == f'namespaces "{name}" is forbidden: this namespace may not be deleted'
