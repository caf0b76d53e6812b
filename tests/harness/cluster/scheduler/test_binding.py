"""Claims that wait for their first consumer: what is written once a node is chosen, how long the pod waits, what ends it. The volume controller is played."""

from __future__ import annotations

from typing import Any

from harness.kube.objects import new_object
from harness.kube.resources import NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES

from .world import ZONE, World, node, pod

SELECTED = "volume.kubernetes.io/selected-node"


def prepare(world: World, provisioner: str, **extra: Any) -> None:
    world.create(NODES, node("a", labels={ZONE: "a"}), node("b", labels={ZONE: "b"}))
    made = new_object(
        STORAGE_CLASSES, "waits", provisioner=provisioner, volumeBindingMode="WaitForFirstConsumer", **extra
    )
    world.create(STORAGE_CLASSES, made)
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": "1Gi"}},
        "storageClassName": "waits",
    }
    world.create(PERSISTENT_VOLUME_CLAIMS, new_object(PERSISTENT_VOLUME_CLAIMS, "data", "default", spec=spec))


def volume(name: str, zone: str, size: str = "1Gi") -> dict[str, Any]:
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
    spec = {
        "accessModes": ["ReadWriteOnce"],
        "capacity": {"storage": size},
        "storageClassName": "waits",
        "csi": {"driver": "x", "volumeHandle": name},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
    }
    return new_object(PERSISTENT_VOLUMES, name, spec=spec)


def available(world: World, *volumes: dict[str, Any]) -> None:
    for entry in volumes:
        world.create(PERSISTENT_VOLUMES, entry)
        world.change(PERSISTENT_VOLUMES, entry["metadata"]["name"], {"status": {"phase": "Available"}}, "status")


def bind_claim(world: World, name: str) -> None:
    annotations = {"pv.kubernetes.io/bind-completed": "yes"}
    patch = {"metadata": {"annotations": annotations}, "spec": {"volumeName": name}}
    world.change(PERSISTENT_VOLUME_CLAIMS, "data", patch)


def user() -> dict[str, Any]:
    return pod("p", volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}])


def test_given_a_free_volume_in_one_zone_when_a_pod_comes_then_it_is_reserved_and_the_pod_bound_a_second_later(
    world: World,
) -> None:
    prepare(world, "kubernetes.io/no-provisioner")
    available(world, volume("large", "b", "9Gi"), volume("small", "b"))
    world.create(PODS, user())
    world.settle(0.5)
    reserved = world.store.get(PERSISTENT_VOLUMES, None, "small")
    assert reserved is not None
    assert reserved["spec"]["claimRef"]["name"] == "data"
    assert world.where("p") is None
    bind_claim(world, "small")
    world.settle(0.9)
    assert world.where("p") is None  # it is looked at once a second
    world.settle(1)
    assert world.where("p") == "b"


def test_given_allowed_topologies_when_a_claim_is_to_be_provisioned_then_its_node_is_one_of_them(world: World) -> None:
    topologies = [{"matchLabelExpressions": [{"key": ZONE, "values": ["b"]}]}]
    prepare(world, "x.example.com", allowedTopologies=topologies)
    world.create(PODS, user())
    world.settle()
    claim = world.store.get(PERSISTENT_VOLUME_CLAIMS, "default", "data")
    assert claim is not None
    assert claim["metadata"]["annotations"][SELECTED] == "b"


def test_given_a_claim_that_nobody_provisions_when_10_minutes_are_over_then_the_pod_is_given_up_and_tried_again(
    world: World,
) -> None:
    prepare(world, "x.example.com")
    world.create(PODS, user())
    world.settle(599)
    assert world.attempts("p") == []
    world.settle(600)
    assert world.message("p") == 'running PreBind plugin "VolumeBinding": binding volumes: context deadline exceeded'
    assert world.attempts("p") == [600]


def test_given_a_provisioner_that_cannot_when_it_takes_the_node_back_then_the_pod_is_tried_again(world: World) -> None:
    prepare(world, "x.example.com")
    world.create(PODS, user())
    world.settle(0.5)
    world.change(PERSISTENT_VOLUME_CLAIMS, "data", {"metadata": {"annotations": {SELECTED: None, "other": "x"}}})
    world.settle(1)
    assert world.message("p") == (
        'running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"'
    )


def test_given_no_volume_that_any_node_reaches_when_a_pod_comes_then_it_is_refused(world: World) -> None:
    prepare(world, "kubernetes.io/no-provisioner")
    world.create(PODS, user())
    world.settle()
    assert world.message("p").startswith(
        "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind."
    )
