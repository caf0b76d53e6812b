"""Which node groups a pod can run on: labels that it asks for, taints that it tolerates.

A node of a managed group carries the group's labels and those that EKS, the kubelet and the cloud provider add. Where the value of such a label is only
known on AWS (a zone, a host name) it counts as matching.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fixtures.facts import UnknownFact, instance_type, node_labels
from harness.check.manifests import Pod
from harness.check.templates import NodeGroup, Taint
from harness.kube.selectors import Requirement, from_labels

_NODE_GROUP = "eks.amazonaws.com/nodegroup"
_CAPACITY_TYPE = "eks.amazonaws.com/capacityType"
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "arm64": "arm64"}


def selects(pod: Pod) -> bool:
    """Whether the pod asks for particular nodes at all."""
    return bool(pod.node_selector or pod.affinity)


def matches(pod: Pod, group: NodeGroup) -> bool:
    """Whether nodes of the group have the labels that the pod asks for."""
    wanted = from_labels(pod.node_selector).requirements
    terms = pod.affinity or ((),)
    return any(all(_may_hold(r, labels) for r in (*wanted, *term)) for labels in _nodes(group) for term in terms)


def tolerates(pod: Pod, taints: Iterable[Taint]) -> bool:
    return all(any(_tolerated(toleration, taint) for toleration in pod.tolerations) for taint in taints if taint.repels)


def can_run_on(pod: Pod, group: NodeGroup) -> bool:
    return matches(pod, group) and tolerates(pod, group.taints)


def _tolerated(toleration: Mapping[str, Any], taint: Taint) -> bool:
    if toleration.get("effect") not in {None, "", taint.effect}:
        return False
    if toleration.get("key") not in {None, "", taint.key}:
        return False
    return toleration.get("operator", "Equal") == "Exists" or str(toleration.get("value", "")) == taint.value


def _nodes(group: NodeGroup) -> list[dict[str, str]]:
    """The labels of a node of each of the group's instance types, as far as they are known."""
    shared = {**group.labels, _CAPACITY_TYPE: group.capacity_type}
    if group.name is not None:
        shared[_NODE_GROUP] = group.name
    for key in ("kubernetes.io/os", "beta.kubernetes.io/os"):
        shared[key] = "linux"
    return [{**shared, **_type_labels(name)} for name in group.instance_types]


def _type_labels(name: str) -> dict[str, str]:
    labels = dict.fromkeys(("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"), name)
    try:
        architecture = _ARCHITECTURES[instance_type(name).arch]
    except UnknownFact:
        return labels
    return {**labels, "kubernetes.io/arch": architecture, "beta.kubernetes.io/arch": architecture}


def _may_hold(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    if requirement.key not in labels and any(requirement.key in keys for keys in node_labels().values()):
        return requirement.operator != "DoesNotExist"
    return requirement.matches(labels)
