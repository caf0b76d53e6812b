"""A tainted node group that no label tells from others: the taint keeps pods away, and nothing brings the right ones.

A managed node group's taints become no labels. A nodeSelector for the taint's key then matches no node, and the Cluster Autoscaler, which judges a group of
zero nodes by its labels, never starts one.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.model import Plan
from harness.check.placement import can_run_on, selects
from harness.check.templates import NodeGroup

NAME = "tainted-without-label"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for groups in plan.clusters.values():
        for group in groups:
            taint = next((t for t in group.taints if t.repels), None)
            if taint is None or _is_addressable(group, groups):
                continue
            if any(selects(pod) and can_run_on(pod, group) for pod in plan.pods):
                continue
            zero = ", nor can it be scaled up from zero for one" if group.min_size == 0 else ""
            yield Finding(
                group.place,
                NAME,
                f"tainted {taint} but without a label of its own, so no nodeSelector brings a pod to it{zero}: "
                f"add the label {taint.key}={taint.value}",
            )


def _is_addressable(group: NodeGroup, groups: tuple[NodeGroup, ...]) -> bool:
    """Whether some label of its own is on no other group that lacks one of its taints."""
    others = [other for other in groups if other is not group and not set(group.taints) <= set(other.taints)]
    return any(all(other.labels.get(key) != value for other in others) for key, value in group.labels.items())
