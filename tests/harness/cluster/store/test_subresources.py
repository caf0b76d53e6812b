"""What a write through /status stores of metadata, and who owns it then; the table is what a 1.34 server does."""

from __future__ import annotations

from typing import Any

import pytest

from harness.cluster.store import Store
from harness.kube.errors import NotFound
from harness.kube.resources import (
    API_SERVICES,
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    NODES,
    PODS,
    RESOURCE_QUOTAS,
    SERVICES,
    VOLUME_ATTACHMENTS,
    Resource,
)

OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "u1"}
BEFORE = {
    "labels": {"l": "1"},
    "annotations": {"n": "1"},
    "finalizers": ["example.com/a"],
    "ownerReferences": [OWNER],
}
AFTER = {
    "labels": {"l": "2"},
    "annotations": {"n": "2"},
    "finalizers": ["example.com/b"],
    "ownerReferences": [{**OWNER, "uid": "u2"}],
}
ALL = set(AFTER)
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
SERVICE = {"name": "x", "namespace": "y"}
DEFINITION: dict[str, Any] = {
    "group": "example.com",
    "scope": "Namespaced",
    "names": {"plural": "houses", "kind": "House"},
    "versions": [
        {
            "name": "v1",
            "served": True,
            "storage": True,
            "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
        }
    ],
}
ATTACHMENT = {"attacher": "x", "nodeName": "n", "source": {"persistentVolumeName": "p"}}
API_SERVICE = {"group": "g.example.com", "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 10}
HOUSES = Resource("example.com", "v1", "houses", "House", namespaced=True, subresources=("status",))


@pytest.mark.parametrize(
    ("resource", "spec", "stored", "owned"),
    [
        (PODS, TEMPLATE["spec"], ALL - {"ownerReferences"}, ALL - {"ownerReferences"}),
        (DEPLOYMENTS, {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}, ALL - {"labels"}, ALL - {"labels"}),
        (SERVICES, {"ports": [{"port": 80}]}, ALL, ALL),
        (NODES, {}, ALL, ALL),
        (RESOURCE_QUOTAS, {"hard": {"pods": "100"}}, ALL, ALL),
        (VOLUME_ATTACHMENTS, ATTACHMENT, set(), set()),
        (API_SERVICES, {**API_SERVICE, "service": SERVICE, "insecureSkipTLSVerify": True}, set(), set()),
        (CUSTOM_RESOURCE_DEFINITIONS, DEFINITION, ALL, set()),
        (HOUSES, {"size": 1}, set(), set()),
    ],
    ids=lambda value: value.plural if isinstance(value, Resource) else "",
)  # fmt: skip
def test_given_metadata_in_a_write_to_the_status_then_as_much_is_stored_as_upstream(
    store: Store, resource: Resource, spec: dict[str, Any], stored: set[str], owned: set[str]
) -> None:
    if resource is HOUSES:
        store.create(CUSTOM_RESOURCE_DEFINITIONS, {"metadata": {"name": "houses.example.com"}, "spec": DEFINITION})
    name = {CUSTOM_RESOURCE_DEFINITIONS: "houses.example.com", API_SERVICES: "v1.g.example.com"}.get(resource, "o")
    namespace = "default" if resource.namespaced else None
    place = {"name": name, "namespace": namespace} if namespace else {"name": name}
    store.create(resource, {"metadata": {**place, **BEFORE}, "spec": spec}, manager="maker")
    change = {"metadata": AFTER, "spec": {"zz": 1}, "status": {}}
    store.patch(resource, namespace, name, change, subresource="status", manager="st")
    found = store.stored(resource, namespace, name)
    assert found is not None
    metadata = found.obj["metadata"]
    changed = {
        "labels": metadata["labels"] == AFTER["labels"],
        "annotations": metadata["annotations"] == AFTER["annotations"],
        "finalizers": "example.com/b" in metadata["finalizers"],
        "ownerReferences": metadata["ownerReferences"][0]["uid"] == "u2",
    }
    assert {part for part, moved in changed.items() if moved} == stored
    mine = [entry for manager, entry in found.managed().items() if manager.name == "st"]
    below = mine[0].fields.below("f:metadata") if mine else None
    parts = {element[2:] for element in below.children} if below is not None else set()
    assert parts == owned


def test_given_a_finalizer_taken_away_through_the_status_then_what_goes_away_is_gone(store: Store) -> None:
    store.create(SERVICES, {"metadata": {"name": "s", "namespace": "default", "finalizers": ["example.com/a"]}, "spec": {"ports": [{"port": 80}]}})  # fmt: skip
    store.delete(SERVICES, "default", "s")
    store.patch(SERVICES, "default", "s", {"metadata": {"finalizers": None}}, subresource="status")
    assert store.get(SERVICES, "default", "s") is None


def test_given_a_kind_without_status_then_there_is_nothing_to_write(store: Store) -> None:
    store.create(CONFIG_MAPS, {"metadata": {"name": "m", "namespace": "default"}})
    with pytest.raises(NotFound, match="could not find the requested resource"):
        store.patch(CONFIG_MAPS, "default", "m", {"status": {}}, subresource="status")
