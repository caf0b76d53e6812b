"""One description of a node pool, from which both sides come: the node group (labels, taints, instance types, sizes) and the pods that belong on
it (nodeSelector, tolerations, the check of their requests).

A taint on a managed node group adds no label, and Cluster Autoscaler starts a group from zero only if it knows the labels that the pod
selects: a pool therefore always has the label, and the taint is the same key and value. Follows EKS managed node groups (API of 2026) and
Cluster Autoscaler 1.36, which models a group of several types by its first one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from infra.instance_types import ALLOCATABLE, left_for_pods
from infra.refusal import RefusedValue, refuse_unless

WORKLOAD_TYPE = "workload-type"
INSTANCE_TYPES_MAX = 20
NODES_PER_GROUP_MAX = 450


class CapacityType(StrEnum):
    """How the nodes of a pool are bought; a managed node group never mixes the two."""

    SPOT = "SPOT"
    ON_DEMAND = "ON_DEMAND"


@dataclass(frozen=True, kw_only=True)
class Requests:
    """What the scheduler counts for one pod."""

    cpu_m: int
    memory_mi: int

    def __add__(self, other: Requests) -> Requests:
        return Requests(cpu_m=self.cpu_m + other.cpu_m, memory_mi=self.memory_mi + other.memory_mi)


@dataclass(frozen=True, kw_only=True)
class Taint:
    """A taint as Kubernetes spells it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, kw_only=True)
class NodePool:
    """A managed node group and the place where its pods say they belong."""

    name: str
    instance_types: tuple[str, ...]
    capacity_type: CapacityType
    min_size: int
    max_size: int
    disk_gib: int
    tainted: bool

    def __post_init__(self) -> None:
        place = f"node pool {self.name}"
        refuse_unless(
            1 <= len(self.instance_types) <= INSTANCE_TYPES_MAX,
            f"{place}, instance_types",
            found=len(self.instance_types),
            limit=f"a managed node group takes 1 to {INSTANCE_TYPES_MAX} types",
        )
        for instance_type in self.instance_types:
            refuse_unless(
                instance_type in ALLOCATABLE,
                f"{place}, instance_types",
                found=instance_type,
                limit=f"its allocatable size is unknown, add it to infra/instance_types.py (known: {', '.join(ALLOCATABLE)})",
            )
        memory_mi = [ALLOCATABLE[instance_type].memory_mi for instance_type in self.instance_types]
        refuse_unless(
            memory_mi[0] == min(memory_mi),
            f"{place}, instance_types",
            found=self.instance_types,
            limit="the smallest must come first: Cluster Autoscaler models the group by its first type",
        )
        refuse_unless(self.min_size >= 0, f"{place}, min_size", found=self.min_size, limit="at least 0")
        refuse_unless(
            max(1, self.min_size) <= self.max_size <= NODES_PER_GROUP_MAX,
            f"{place}, max_size",
            found=self.max_size,
            limit=f"at least 1 and min_size ({self.min_size}), at most {NODES_PER_GROUP_MAX} nodes a group",
        )
        refuse_unless(self.disk_gib >= 20, f"{place}, disk_gib", found=self.disk_gib, limit="at least 20 GiB")

    @property
    def labels(self) -> dict[str, str]:
        return {WORKLOAD_TYPE: self.name}

    @property
    def taints(self) -> tuple[Taint, ...]:
        return (Taint(key=WORKLOAD_TYPE, value=self.name, effect="NoSchedule"),) if self.tainted else ()

    @property
    def node_selector(self) -> dict[str, str]:
        return dict(self.labels)

    @property
    def tolerations(self) -> list[dict[str, Any]]:
        return [{"key": t.key, "operator": "Equal", "value": t.value, "effect": t.effect} for t in self.taints]

    @property
    def placement(self) -> dict[str, Any]:
        """The part of a pod spec that puts the pod on this pool."""
        placement: dict[str, Any] = {"nodeSelector": self.node_selector}
        if self.taints:
            placement["tolerations"] = self.tolerations
        return placement

    def refuse_unless_fits(self, pods: Iterable[tuple[str, Requests]]) -> None:
        """Refuse pods that together do not fit one empty node of some instance type of this pool.

        Asked with one pod for a workload (any node must take it) and with all of them for the platform (one node must carry it).
        """
        named = list(pods)
        names = ", ".join(name for name, _ in named)
        total = Requests(cpu_m=sum(r.cpu_m for _, r in named), memory_mi=sum(r.memory_mi for _, r in named))
        for instance_type in self.instance_types:
            left = left_for_pods(instance_type)
            for what, asked, limit, unit in (
                ("cpu", total.cpu_m, left.cpu_m, "m"),
                ("memory", total.memory_mi, left.memory_mi, "Mi"),
                ("pods", len(named), left.pods, ""),
            ):
                if asked > limit:
                    raise RefusedValue(
                        f"{names} on node pool {self.name}, requests of {what}",
                        found=f"{asked}{unit}",
                        limit=f"a {instance_type} leaves {limit}{unit} after its DaemonSets: request less or choose a larger type",
                    )
