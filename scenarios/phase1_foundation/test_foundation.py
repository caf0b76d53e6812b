"""Phase 1: the stack, the repositories and the node groups."""

from __future__ import annotations

from typing import Any

import pytest

from harness.kube.objects import labels_of
from harness.kube.resources import NODES, PODS
from harness.world.chronicle import CAPACITY_TYPE, INSTANCE_TYPE, NODE_GROUP, ZONE
from harness.world.conditions import nodes_in_group, pod_phase
from harness.world.world import NAMESPACE, World

pytestmark = pytest.mark.phase(1)

PAUSE = "registry.k8s.io/pause:3.10"


def pod(name: str, group: Any, *, tolerates: bool) -> dict[str, Any]:
    """A pod that asks for the labels of a node group."""
    tolerations = [
        {"key": taint["key"], "value": taint["value"], "effect": taint["effect"]} for taint in group.get("taints") or ()
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "nodeSelector": dict(group["labels"]),
            "tolerations": tolerations if tolerates else [],
            "containers": [
                {"name": "main", "image": PAUSE, "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}}
            ],
        },
    }


def test_each_node_group_brings_nodes_with_its_labels_taints_and_capacity(world: World) -> None:
    groups = world.backend.node_groups()
    assert len(groups) >= 3
    for group in groups:
        # given a pod that asks for this group and tolerates it
        name = str(group["nodegroupName"])
        key = world.create(pod(f"probe-{name}", group, tolerates=True))
        # when it runs
        world.wait(pod_phase(key, "Running"), timeout_s=1800)
        # then its node carries what the template says, and what EKS adds
        node_name = world.get(PODS, key)["spec"]["nodeName"]
        node = world.get(NODES, node_name)
        labels = labels_of(node)
        assert group["labels"].items() <= labels.items()
        assert labels[NODE_GROUP] == name
        assert labels[CAPACITY_TYPE] == group["capacityType"]
        assert labels[INSTANCE_TYPE] in group["instanceTypes"]
        assert labels[ZONE].startswith("us-east-1")
        assert node["spec"]["providerID"].startswith(f"aws:///{labels[ZONE]}/i-")
        wanted = {(taint["key"], taint["value"], taint["effect"]) for taint in group.get("taints") or ()}
        assert wanted == {
            (taint["key"], taint.get("value"), taint["effect"])
            for taint in node["spec"].get("taints") or ()
            if not taint["key"].startswith("node.kubernetes.io/")  # those of conditions come and go
        }


@pytest.mark.needs("virtual_time")
def test_a_pod_that_does_not_tolerate_the_taint_stays_out(world: World) -> None:
    # given a tainted group with a node
    group = next(group for group in world.backend.node_groups() if group.get("taints"))
    invited = world.create(pod("invited", group, tolerates=True))
    world.wait(pod_phase(invited, "Running"), timeout_s=1800)
    # when a pod asks for the same node without tolerating its taint
    stranger = world.create(pod("stranger", group, tolerates=False))
    world.advance(900)
    # then it waits, and the reason says why
    seen = world.get(PODS, stranger)
    assert seen["status"]["phase"] == "Pending"
    (scheduled,) = [c for c in seen["status"]["conditions"] if c["type"] == "PodScheduled"]
    assert scheduled["reason"] == "Unschedulable"
    assert "1 node(s) had untolerated taint" in scheduled["message"]


def test_every_image_that_the_manifests_name_has_a_repository(world: World) -> None:
    # given what CI has pushed
    pushed = set(world.backend.publish_images(world.image_tag()))
    # when the manifests name an image of the account's registry
    named = {
        container["image"].replace("{{workflow.parameters.image-tag}}", world.image_tag())
        for documents in world.backend.manifests("workloads").values()
        for document in documents
        for container in containers(document)
    }
    # then it is there
    assert named
    assert named == pushed


def test_without_its_image_a_task_waits_and_says_so(world: World) -> None:
    # given a service whose image was never pushed
    world.backend.kernel.call(lambda: world.backend.withdraw_image("idr", world.image_tag()))
    # when its Job runs
    world.run_job("idr")
    world.wait(pod_phase(f"{NAMESPACE}/idr-*", "Pending"))
    world.wait(nodes_in_group("*small*", 1), timeout_s=1800)
    world.advance(60)
    # then its pod cannot pull
    (waiting,) = world.pods(name="idr")
    assert waiting["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] in {
        "ErrImagePull",
        "ImagePullBackOff",
    }


def containers(document: Any) -> list[Any]:
    """All containers anywhere in a document."""
    if isinstance(document, dict):
        own = [document["container"]] if "container" in document else list(document.get("containers") or ())
        return own + [found for value in document.values() for found in containers(value) if found not in own]
    if isinstance(document, list):
        return [found for value in document for found in containers(value)]
    return []
