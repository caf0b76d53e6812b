"""Whether a pod fits a node: what Cluster Autoscaler asks of the scheduler's filters, for nodes that exist and for nodes
that would. Pure.

Filters in the scheduler's order (1.34): NodeUnschedulable, TaintToleration, NodeAffinity, NodeResourcesFit; the first
that fails gives the reasons, in its own words. Not asked: volumes, spread and pod affinity, host ports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.kube import quantity
from harness.kube.objects import Object, name_of
from harness.kube.selectors import Requirement

AFFINITY_REASON = "node(s) didn't match Pod's node affinity/selector"
UNSCHEDULABLE_REASON = "node(s) were unschedulable"

_NODE_OPERATORS = frozenset({"In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"})


@dataclass(frozen=True)
class Shape:
    """What a node offers: labels, taints and allocatable resources (cpu in millicores, the rest in units)."""

    name: str
    labels: Mapping[str, str]
    taints: Sequence[Mapping[str, str]]
    allocatable: Mapping[str, int]
    unschedulable: bool = False


@dataclass
class Bin:
    """A node that is being filled."""

    shape: Shape
    used: dict[str, int] = field(default_factory=dict)

    def add(self, requests: Mapping[str, int]) -> None:
        """Place a pod."""
        for resource, amount in requests.items():
            self.used[resource] = self.used.get(resource, 0) + amount


def shape_of(node: Object) -> Shape:
    """A node as it is."""
    spec = node.get("spec") or {}
    return Shape(
        name=name_of(node),
        labels=node["metadata"].get("labels") or {},
        taints=spec.get("taints") or (),
        allocatable=amounts((node.get("status") or {}).get("allocatable") or {}),
        unschedulable=bool(spec.get("unschedulable")),
    )


def amounts(resources: Mapping[str, Any]) -> dict[str, int]:
    """Quantities as integers: cpu in millicores, the rest in units."""
    return {
        name: quantity.milli(value) if name == "cpu" else quantity.whole(value) for name, value in resources.items()
    }


def requests_of(pod: Object) -> dict[str, int]:
    """What the scheduler counts for a pod: containers and sidecars together, or an init container if that is more; and one pod."""
    spec = pod["spec"]
    total: dict[str, int] = {}
    for container in spec.get("containers") or ():
        _sum(total, container)
    peak: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    for container in spec.get("initContainers") or ():
        own = amounts((container.get("resources") or {}).get("requests") or {})
        if container.get("restartPolicy") == "Always":
            _sum(sidecars, container)
            own = dict(sidecars)
        else:
            own = {name: own.get(name, 0) + sidecars.get(name, 0) for name in {**own, **sidecars}}
        for name, amount in own.items():
            peak[name] = max(peak.get(name, 0), amount)
    for name, amount in sidecars.items():
        total[name] = total.get(name, 0) + amount
    for name, amount in peak.items():
        total[name] = max(total.get(name, 0), amount)
    for name, amount in amounts(spec.get("overhead") or {}).items():
        total[name] = total.get(name, 0) + amount
    return {**total, "pods": 1}


def rejections(pod: Object, place: Bin) -> list[str]:
    """Why the pod does not fit, in the words of the first filter that refuses; empty when it fits."""
    shape = place.shape
    if shape.unschedulable and not _is_tolerated(
        pod, {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    ):
        return [UNSCHEDULABLE_REASON]
    for taint in shape.taints:
        if taint.get("effect") in {"NoSchedule", "NoExecute"} and not _is_tolerated(pod, taint):
            return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
    if not _matches_affinity(pod, shape):
        return [AFFINITY_REASON]
    return _lacks(requests_of(pod), place)


def _lacks(requests: Mapping[str, int], place: Bin) -> list[str]:
    reasons = []
    allocatable, used = place.shape.allocatable, place.used
    if used.get("pods", 0) + 1 > allocatable.get("pods", 0):
        reasons.append("Too many pods")
    for resource, amount in requests.items():
        if resource != "pods" and amount > allocatable.get(resource, 0) - used.get(resource, 0):
            reasons.append(f"Insufficient {resource}")
    return reasons


def _is_tolerated(pod: Object, taint: Mapping[str, str]) -> bool:
    for toleration in pod["spec"].get("tolerations") or ():
        if toleration.get("effect") not in {None, "", taint.get("effect")}:
            continue
        if toleration.get("key") not in {None, "", taint["key"]}:
            continue
        if toleration.get("operator", "Equal") == "Exists":
            return True
        if toleration.get("key") and toleration.get("value", "") == taint.get("value", ""):
            return True
    return False


def _matches_affinity(pod: Object, shape: Shape) -> bool:
    spec = pod["spec"]
    selector = spec.get("nodeSelector") or {}
    if any(shape.labels.get(key) != value for key, value in selector.items()):
        return False
    affinity = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(
        "requiredDuringSchedulingIgnoredDuringExecution"
    )
    if affinity is None:
        return True
    return any(_matches_term(term, shape) for term in affinity.get("nodeSelectorTerms") or ())


def _matches_term(term: Mapping[str, Any], shape: Shape) -> bool:
    """A term without any requirement matches nothing."""
    by_label = [(entry, shape.labels) for entry in term.get("matchExpressions") or ()]
    by_field = [(entry, {"metadata.name": shape.name}) for entry in term.get("matchFields") or ()]
    entries = [*by_label, *by_field]
    return bool(entries) and all(_requirement(entry).matches(values) for entry, values in entries)


def _requirement(entry: Mapping[str, Any]) -> Requirement:
    operator = str(entry["operator"])
    if operator not in _NODE_OPERATORS:
        raise ValueError(f"node selector operator {operator!r} is not one of {', '.join(sorted(_NODE_OPERATORS))}")
    return Requirement(str(entry["key"]), operator, tuple(entry.get("values") or ()))


def _sum(total: dict[str, int], container: Mapping[str, Any]) -> None:
    for name, amount in amounts((container.get("resources") or {}).get("requests") or {}).items():
        total[name] = total.get(name, 0) + amount
