"""What a node is told before it joins."""

from __future__ import annotations

import io
import json
import tarfile
from typing import Any

import pytest

from harness.targets.kind.capacity import Capacity
from harness.targets.kind.plans import (
    Forward,
    NodePlan,
    is_kubelet_label,
    join_configuration,
    join_script,
    kubelet_configuration,
    plan_archive,
)


def plan(**changes: Any) -> NodePlan:
    """A node of the heavy group."""
    values: dict[str, Any] = {
        "name": "ip-10-0-1-7.ec2.internal",
        "provider_id": "aws:///us-east-1a/i-0aaaaaaaaaaaaaaa1",
        "labels": {"workload-type": "heavy-processing", "topology.kubernetes.io/zone": "us-east-1a"},
        "taints": [{"key": "workload-type", "value": "heavy-processing", "effect": "NoSchedule"}],
        "capacity": Capacity.of("r6i.2xlarge"),
        **changes,
    }
    return NodePlan(**values)


# observed: which of these `kubelet --node-labels` of 1.34 refuses
@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("workload-type", True),
        ("eks.amazonaws.com/nodegroup", True),
        ("karpenter.sh/capacity-type", True),
        ("topology.k8s.aws/zone-id", True),
        ("topology.kubernetes.io/zone", True),
        ("failure-domain.beta.kubernetes.io/region", True),
        ("node.kubernetes.io/anything", True),
        ("kubelet.kubernetes.io/anything", True),
        ("node-role.kubernetes.io/worker", False),
        ("kubernetes.io/role", False),
        ("k8s.io/cloud-provider-aws", False),
        ("topology.kubernetes.io/rack", False),
    ],
)
def test_a_kubelet_may_not_set_every_label(key: str, allowed: bool) -> None:
    assert is_kubelet_label(key) is allowed


def test_given_a_label_of_kubernetes_own_then_the_plan_names_it() -> None:
    with pytest.raises(ValueError, match=r"label k8s\.io/cloud-provider-aws: patch it onto the Node"):
        plan(labels={"k8s.io/cloud-provider-aws": "x"})


def test_the_kubelet_keeps_what_eks_keeps() -> None:
    configuration = kubelet_configuration(Capacity.of("t3.medium"))
    assert configuration["maxPods"] == 17
    assert configuration["kubeReserved"] == {"cpu": "70m", "memory": "442Mi", "ephemeral-storage": "1Gi"}
    assert configuration["evictionHard"]["memory.available"] == "100Mi"


def test_the_node_joins_with_its_name_provider_id_labels_and_taints() -> None:
    registration = join_configuration(plan(), control_plane="one-control-plane", address="172.18.0.4")[
        "nodeRegistration"
    ]
    assert registration["name"] == "ip-10-0-1-7.ec2.internal"
    assert registration["taints"] == [{"key": "workload-type", "value": "heavy-processing", "effect": "NoSchedule"}]
    assert {one["name"]: one["value"] for one in registration["kubeletExtraArgs"]} == {
        "node-ip": "172.18.0.4",
        "node-labels": "topology.kubernetes.io/zone=us-east-1a,workload-type=heavy-processing",
        "provider-id": "aws:///us-east-1a/i-0aaaaaaaaaaaaaaa1",
    }


def test_given_no_label_then_none_is_asked_for() -> None:
    joined = join_configuration(plan(labels={}), control_plane="c", address="172.18.0.4")["nodeRegistration"]
    assert "node-labels" not in {one["name"] for one in joined["kubeletExtraArgs"]}


def test_each_address_is_given_once_and_each_forward_has_its_unit() -> None:
    forwards = [Forward("169.254.170.23", 80, 4001), Forward("169.254.170.23", 81, 4002)]
    script = join_script(plan(forwards=forwards), gateway="172.18.0.1", address="172.18.0.4")
    assert script.count("ip address add 169.254.170.23/32 dev lo") == 1
    units = [line for line in script.splitlines() if line.startswith("systemd-run")]
    assert [line.split("--socket-property=")[1].split()[::2] for line in units] == [
        ["ListenStream=169.254.170.23:80", "172.18.0.1:4001"],
        ["ListenStream=169.254.170.23:81", "172.18.0.1:4002"],
    ]
    assert script.rstrip().endswith("kubeadm join --config=join.json")


def test_the_archive_is_whole() -> None:
    packed = plan_archive(plan(), control_plane="c", gateway="172.18.0.1", address="172.18.0.4")
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        names = tar.getnames()
        patch = tar.extractfile("patches/kubeletconfiguration0+merge.json")
        assert patch is not None
        assert json.load(patch)["kind"] == "KubeletConfiguration"
    assert {"machine/meminfo", "machine/cpu/cpu7", "machine/node", "join.json", "join.sh"} <= set(names)
