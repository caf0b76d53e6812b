"""Spot and on-demand node groups for the same work: whether a pod is interrupted is then a matter of which group grew first.

Two groups of one cluster serve the same work when no label tells them apart and they share labels, taints or instance types.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from itertools import combinations

from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.templates import NodeGroup

NAME = "spot-and-on-demand"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for groups in plan.clusters.values():
        for one, other in combinations(groups, 2):
            if {one.capacity_type, other.capacity_type} == {"SPOT", "ON_DEMAND"} and _same_work(one, other):
                spot, steady = (one, other) if one.capacity_type == "SPOT" else (other, one)
                yield Finding(
                    spot.place,
                    NAME,
                    f"spot, while {steady.logical_id} offers the same work on demand and no label tells them apart: "
                    "decide for one, or label both and let pods select",
                )


def _same_work(one: NodeGroup, other: NodeGroup) -> bool:
    if one.labels != other.labels:
        return False
    same_taints = bool(one.taints) and set(one.taints) == set(other.taints)
    return bool(one.labels) or same_taints or bool(set(one.instance_types) & set(other.instance_types))
