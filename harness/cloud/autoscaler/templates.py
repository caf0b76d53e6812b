"""The node that a group would add, as Cluster Autoscaler imagines it. Pure.

With a ready node in the group it is a copy of that; at zero it is made of the Auto Scaling group and
DescribeNodegroup: the group's first instance type, its nominal size (upstream takes nothing off: allocatable equals
capacity, 110 pods), its labels and taints. So scale from zero promises more memory than a node has, as upstream does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fixtures.facts import instance_type
from harness.cloud.autoscaler.fit import Shape, shape_of
from harness.cloud.estate import NodeGroupSpec
from harness.kube.objects import Object

TO_BE_DELETED = "ToBeDeletedByClusterAutoscaler"
_MIB = 2**20
_GIB = 2**30
_PODS_AT_ZERO = 110
_PASSING_TAINTS = (
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
    "node.cloudprovider.kubernetes.io/",
    TO_BE_DELETED,
    "DeletionCandidateOfClusterAutoscaler",
)


def template_of(spec: NodeGroupSpec, ready_nodes: Sequence[Object], *, region: str) -> Shape:
    """What the group's next node looks like."""
    name = f"template-node-for-{spec.asg_name}"
    if ready_nodes:
        shape = shape_of(ready_nodes[0])
        labels = {**shape.labels, "kubernetes.io/hostname": name}
        return Shape(name, labels, lasting_taints(shape.taints), shape.allocatable)
    kind = instance_type(spec.instance_types[0])
    labels = {
        "eks.amazonaws.com/capacityType": spec.capacity_type,
        "eks.amazonaws.com/nodegroup": spec.name,
        "kubernetes.io/arch": kind.arch,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": kind.name,
        "topology.kubernetes.io/region": region,
        "topology.kubernetes.io/zone": spec.zones[0],
        **spec.labels,
    }
    allocatable = {
        "cpu": kind.vcpu * 1000,
        "memory": kind.memory_mib * _MIB,
        "ephemeral-storage": spec.disk_gib * _GIB,
        "pods": _PODS_AT_ZERO,
    }
    return Shape(name, labels, [taint.as_object() for taint in spec.taints], allocatable)


def lasting_taints(taints: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """The taints that the next node will have too, without those of a node's present state."""
    return [taint for taint in taints if not taint["key"].startswith(_PASSING_TAINTS)]


def is_discovered(
    spec: NodeGroupSpec,
    tags: Sequence[tuple[str, str | None]] | None,
    named: Sequence[tuple[int, int, str]],
) -> bool:
    """Whether the flags make the autoscaler see the group: by all tags of the Auto Scaling group, or by name."""
    if any(name == spec.asg_name for _low, _high, name in named):
        return True
    if tags is None:
        return False
    own = spec.asg_tags
    return all(key in own and (value is None or own[key] == value) for key, value in tags)
