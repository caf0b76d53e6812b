"""Static binding of claims to volumes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import SECOND
from harness.cluster.controllers import standard
from harness.kube.objects import is_true, labels_of, new_object
from harness.kube.provisioning import ProvisionedVolume, ProvisionError, ProvisionRequest
from harness.kube.resources import EVENTS, NODES, PERSISTENT_VOLUME_CLAIMS, PERSISTENT_VOLUMES, PODS, STORAGE_CLASSES

from .bench import Bench, Kubelet, node, pod


@pytest.fixture
def world(bench: Bench) -> Bench:
    bench.add_standard()
    bench.add_scheduler()
    bench.create(NODES, node("n1", zone="a"))
    bench.create(NODES, node("n2", zone="b"))
    return bench


def volume(name: str, size: str = "5Gi", **spec: Any) -> dict[str, Any]:
    source = {"driver": "efs.csi.aws.com", "volumeHandle": "fs-1"}
    modes = spec.pop("accessModes", ["ReadWriteMany"])
    body = {
        "capacity": {"storage": size},
        "accessModes": modes,
        "csi": source,
        "persistentVolumeReclaimPolicy": "Retain",
    }
    return new_object(PERSISTENT_VOLUMES, name, spec={**body, **spec})


def claim(name: str, size: str = "5Gi", **spec: Any) -> dict[str, Any]:
    body = {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": size}}, "storageClassName": ""}
    return new_object(PERSISTENT_VOLUME_CLAIMS, name, "default", spec={**body, **spec})


def user(name: str, claim_name: str) -> dict[str, Any]:
    return pod(name, volumes=[{"name": "v", "persistentVolumeClaim": {"claimName": claim_name}}])


def bound(bench: Bench, name: str) -> str | None:
    found = bench.get(PERSISTENT_VOLUME_CLAIMS, name)
    return found["spec"]["volumeName"] if found["status"]["phase"] == "Bound" else None


def message(bench: Bench, name: str) -> str:
    return str(bench.held_condition(PODS, name, "PodScheduled")["message"])


def test_given_volumes_of_several_sizes_when_a_claim_comes_then_it_gets_the_smallest_that_suits(world: Bench) -> None:
    for name, size in (("large", "9Gi"), ("fits", "6Gi"), ("small", "1Gi")):
        world.create(PERSISTENT_VOLUMES, volume(name, size))
    world.create(PERSISTENT_VOLUMES, volume("other-mode", "5Gi", accessModes=["ReadWriteOnce"]))
    world.create(PERSISTENT_VOLUMES, volume("other-class", "5Gi", storageClassName="x"))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c"))
    world.advance_to(0)
    assert bound(world, "c") == "fits"
    assert world.get(PERSISTENT_VOLUMES, "fits")["status"]["phase"] == "Bound"
    assert world.get(PERSISTENT_VOLUMES, "large")["status"]["phase"] == "Available"
    assert world.get(PERSISTENT_VOLUME_CLAIMS, "c")["status"]["capacity"] == {"storage": "6Gi"}


def test_given_a_claim_that_names_its_volume_when_both_exist_then_they_are_bound_in_any_order(world: Bench) -> None:
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c", volumeName="mine"))
    world.create(PERSISTENT_VOLUMES, volume("other"))
    world.advance_to(0)
    assert bound(world, "c") is None
    world.create(PERSISTENT_VOLUMES, volume("mine"))
    world.advance_to(1)
    assert bound(world, "c") == "mine"


def test_given_a_volume_reserved_for_another_claim_when_a_claim_comes_then_it_does_not_get_it(world: Bench) -> None:
    world.create(PERSISTENT_VOLUMES, volume("v", claimRef={"namespace": "default", "name": "later"}))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c"))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("later"))
    world.advance_to(0)
    assert (bound(world, "c"), bound(world, "later")) == (None, "v")
    assert world.events("FailedBinding") == [
        "no persistent volumes available for this claim and no storage class is set"
    ]


def test_given_a_pod_with_a_claim_when_the_claim_is_missing_then_unbound_then_bound_then_it_is_placed_at_last(
    world: Bench,
) -> None:
    world.create(PODS, user("p", "c"))
    world.advance_to(0)
    assert message(world, "p") == '0/2 nodes are available: persistentvolumeclaim "c" not found. not found'
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c"))
    world.advance_to(1)
    assert message(world, "p") == "0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found"
    world.create(PERSISTENT_VOLUMES, volume("v"))
    world.advance_to(2)
    assert is_true(world.get(PODS, "p"), "PodScheduled")


def test_given_a_volume_of_one_zone_when_a_pod_uses_it_then_it_is_placed_there(world: Bench) -> None:
    term = {"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["b"]}]}
    world.create(PERSISTENT_VOLUMES, volume("v", nodeAffinity={"required": {"nodeSelectorTerms": [term]}}))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c"))
    world.create(PODS, user("p", "c"))
    world.advance_to(0)
    assert world.get(PODS, "p")["spec"]["nodeName"] == "n2"


def test_given_a_class_that_waits_for_its_consumer_when_a_pod_comes_then_claim_and_pod_are_bound(world: Bench) -> None:
    storage_class: dict[str, Any] = {
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    world.create(STORAGE_CLASSES, new_object(STORAGE_CLASSES, "w", **storage_class))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c", storageClassName="w"))
    world.advance_to(0)
    assert world.events("WaitForFirstConsumer") == ["waiting for first consumer to be created before binding"]
    world.create(PODS, user("p", "c"))
    world.advance_to(1)
    assert "2 node(s) didn't find available persistent volumes to bind" in message(world, "p")
    world.create(PERSISTENT_VOLUMES, volume("v", storageClassName="w"))
    world.advance_to(2)
    assert bound(world, "c") == "v"
    assert is_true(world.get(PODS, "p"), "PodScheduled")


def test_given_a_bound_claim_when_it_is_deleted_then_its_volume_is_released_and_not_given_to_another(
    world: Bench,
) -> None:
    world.create(PERSISTENT_VOLUMES, volume("v"))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c"))
    world.advance_to(0)
    world.kernel.call(lambda: world.store.delete(PERSISTENT_VOLUME_CLAIMS, "default", "c"))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("d"))
    world.advance_to(1)
    assert world.get(PERSISTENT_VOLUMES, "v")["status"]["phase"] == "Released"
    assert bound(world, "d") is None


class Storage:
    """A CSI driver that takes 3 s, and fails as often as it is told to."""

    driver = "ebs.csi.aws.com"
    duration_us = 3 * SECOND

    def __init__(self) -> None:
        self.failures: list[ProvisionError] = []
        self.removed: list[str] = []
        self.made: list[str] = []

    def provision(self, request: ProvisionRequest) -> ProvisionedVolume:
        if self.failures:
            raise self.failures.pop(0)
        zone = (
            {}
            if request.node is None
            else {"topology.kubernetes.io/zone": labels_of(request.node)["topology.kubernetes.io/zone"]}
        )
        self.made.append(request.volume_name)
        return ProvisionedVolume(f"vol-{len(self.made)}", request.size_bytes, topology=[zone] if zone else [])

    def delete(self, handle: str) -> None:
        self.removed.append(handle)


@pytest.fixture
def storage(bench: Bench) -> Storage:
    storage = Storage()
    bench.add(*bench.kernel.call(lambda: standard(*bench.parts, bench.seeds, provisioners=[storage])))
    bench.add_scheduler()
    Kubelet(bench)
    bench.create(NODES, node("n1", zone="a"))
    return storage


def made_on_demand(name: str = "gp3", mode: str = "Immediate", **more: Any) -> dict[str, Any]:
    return new_object(STORAGE_CLASSES, name, provisioner="ebs.csi.aws.com", volumeBindingMode=mode, **more)


def test_given_a_class_with_a_provisioner_when_a_claim_comes_then_a_volume_is_made_and_goes_with_it(
    bench: Bench, storage: Storage
) -> None:
    bench.create(STORAGE_CLASSES, made_on_demand())
    made = bench.create(PERSISTENT_VOLUME_CLAIMS, claim("c", storageClassName="gp3"))
    bench.advance_to(2)
    waiting = bench.get(PERSISTENT_VOLUME_CLAIMS, "c")
    annotations = waiting["metadata"]["annotations"]
    assert annotations["volume.kubernetes.io/storage-provisioner"] == "ebs.csi.aws.com"
    assert bench.events("ExternalProvisioning") == [
        "Waiting for a volume to be created either by the external provisioner 'ebs.csi.aws.com' or manually by the system "
        "administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered."
    ]
    assert bench.events("Provisioning") == ['External provisioner is provisioning volume for claim "default/c"']
    name = f"pvc-{made['metadata']['uid']}"
    assert bench.wait(lambda: bound(bench, "c") == name) == 3
    assert bench.events("ProvisioningSucceeded") == [f"Successfully provisioned volume {name}"]
    found = bench.get(PERSISTENT_VOLUMES, name)
    assert found["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] == "ebs.csi.aws.com"
    assert found["spec"]["csi"]["volumeHandle"] == "vol-1"
    bench.kernel.call(lambda: bench.store.delete(PERSISTENT_VOLUME_CLAIMS, "default", "c"))
    bench.advance_to(4)
    assert storage.removed == ["vol-1"]
    assert not bench.exists(PERSISTENT_VOLUMES, name)


def test_given_a_provisioner_that_fails_when_it_tries_again_then_after_1_and_2_s(
    bench: Bench, storage: Storage
) -> None:
    storage.failures = [ProvisionError("rpc error: code = Internal desc = no"), ProvisionError("again")]
    bench.create(STORAGE_CLASSES, made_on_demand())
    bench.create(PERSISTENT_VOLUME_CLAIMS, claim("c", storageClassName="gp3"))
    assert bench.wait(lambda: bound(bench, "c") is not None) == 3 + (1 + 3) + (2 + 3)
    assert bench.events("ProvisioningFailed") == [
        'failed to provision volume with StorageClass "gp3": rpc error: code = Internal desc = no',
        'failed to provision volume with StorageClass "gp3": again',
    ]


def test_given_a_claim_that_a_pod_uses_when_it_is_deleted_then_it_goes_when_the_pod_has_gone(world: Bench) -> None:
    Kubelet(world)
    world.create(PERSISTENT_VOLUMES, volume("v"))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c"))
    world.create(PODS, user("p", "c"))
    world.advance_to(1)
    world.kernel.call(lambda: world.store.delete(PERSISTENT_VOLUME_CLAIMS, "default", "c"))
    world.advance_to(2)
    assert world.exists(PERSISTENT_VOLUME_CLAIMS, "c")
    world.kernel.call(lambda: world.store.delete(PODS, "default", "p"))
    world.advance_to(3)
    assert not world.exists(PERSISTENT_VOLUME_CLAIMS, "c")
    assert world.get(PERSISTENT_VOLUMES, "v")["status"]["phase"] == "Released"


def test_given_a_bound_volume_when_it_is_deleted_then_it_goes_once_its_claim_is_gone(world: Bench) -> None:
    world.create(PERSISTENT_VOLUMES, volume("v"))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c"))
    world.advance_to(1)
    world.kernel.call(lambda: world.store.delete(PERSISTENT_VOLUMES, None, "v"))
    world.advance_to(2)
    assert world.exists(PERSISTENT_VOLUMES, "v")
    world.kernel.call(lambda: world.store.delete(PERSISTENT_VOLUME_CLAIMS, "default", "c"))
    world.advance_to(3)
    assert not world.exists(PERSISTENT_VOLUMES, "v")


def test_given_a_named_volume_that_does_not_suit_when_the_claim_is_looked_at_then_an_event_says_why(
    world: Bench,
) -> None:
    world.create(PERSISTENT_VOLUMES, volume("small", "1Gi"))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c", volumeName="small"))
    world.advance_to(1)
    assert world.events("VolumeMismatch") == ['Cannot bind to requested volume "small": requested PV is too small']


def test_given_a_released_volume_that_nobody_can_delete_when_looked_at_then_it_failed(world: Bench) -> None:
    spec = {
        "capacity": {"storage": "5Gi"},
        "accessModes": ["ReadWriteMany"],
        "hostPath": {"path": "/nosuch"},
        "persistentVolumeReclaimPolicy": "Delete",
    }
    world.create(PERSISTENT_VOLUMES, new_object(PERSISTENT_VOLUMES, "v", spec=spec))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c"))
    world.advance_to(1)
    world.kernel.call(lambda: world.store.delete(PERSISTENT_VOLUME_CLAIMS, "default", "c"))
    world.advance_to(2)
    status = world.get(PERSISTENT_VOLUMES, "v")["status"]
    text = "host_path deleter only supports /tmp/.+ but received provided /nosuch"
    assert (status["phase"], status["message"]) == ("Failed", text)
    assert world.events("VolumeFailedDelete") == [text]


def grow(bench: Bench, name: str, size: str) -> None:
    change = {"spec": {"resources": {"requests": {"storage": size}}}}
    bench.kernel.call(lambda: bench.store.patch(PERSISTENT_VOLUME_CLAIMS, "default", name, change))
    bench.advance_to(bench.now_s + 1)


def test_given_a_claim_that_grows_then_it_waits_for_a_resizer_and_says_so_once_each_time(world: Bench) -> None:
    storage_class = new_object(STORAGE_CLASSES, "grows", provisioner="efs.csi.aws.com", allowVolumeExpansion=True)
    world.create(STORAGE_CLASSES, storage_class)
    world.create(PERSISTENT_VOLUMES, volume("v", storageClassName="grows"))
    world.create(PERSISTENT_VOLUME_CLAIMS, claim("c", storageClassName="grows"))
    world.advance_to(1)
    assert (bound(world, "c"), world.events("ExternalExpanding")) == ("v", [])

    grow(world, "c", "6Gi")
    assert world.events("ExternalExpanding") == ["waiting for an external controller to expand this PVC"]

    patch = {"metadata": {"labels": {"touched": "yes"}}}
    world.kernel.call(lambda: world.store.patch(PERSISTENT_VOLUME_CLAIMS, "default", "c", patch))
    world.advance_to(world.now_s + 1)
    told = [event for event in world.store.list(EVENTS) if event["reason"] == "ExternalExpanding"]
    assert [event.get("count", 1) for event in told] == [1]  # nothing has grown

    grow(world, "c", "7Gi")
    told = [event for event in world.store.list(EVENTS) if event["reason"] == "ExternalExpanding"]
    assert [(event["count"], event["source"]["component"]) for event in told] == [(2, "volume_expand")]
    assert world.get(PERSISTENT_VOLUME_CLAIMS, "c")["status"]["capacity"] == {"storage": "5Gi"}  # nobody resizes
