"""A pod for which a cluster has no node: no group carries the labels that it asks for, or those that do have a taint that it does not tolerate."""

from __future__ import annotations

import datetime
from collections.abc import Iterator

from harness.check.finding import Finding
from harness.check.manifests import Pod
from harness.check.model import Plan
from harness.check.placement import matches, tolerates
from harness.check.templates import NodeGroup

NAME = "no-node-for-pod"


def check(plan: Plan, as_of: datetime.date) -> Iterator[Finding]:  # noqa: ARG001
    for pod in plan.pods:
        if pod.kind == "DaemonSet":  # one for each node that fits, so none is a legal number
            continue
        for groups in plan.clusters.values():
            problem = _problem(pod, groups)
            if problem is not None:
                yield Finding(pod.place, NAME, problem)
                break


def _problem(pod: Pod, groups: tuple[NodeGroup, ...]) -> str | None:
    matching = [group for group in groups if matches(pod, group)]
    if not matching:
        return f"{_wish(pod)} matches the labels of no node group, so the pod stays Pending: label a node group, or select a label that one has"
    if any(tolerates(pod, group.taints) for group in matching):
        return None
    group = matching[0]
    taint = next(t for t in group.taints if t.repels and not tolerates(pod, (t,)))
    return (
        f"every node group that it may use is tainted, {group.logical_id} with {taint}, and it does not tolerate that, "
        "so the pod stays Pending: add a toleration"
    )


def _wish(pod: Pod) -> str:
    selected = [f"{key}={value}" for key, value in sorted(pod.node_selector.items())]
    required = [f"{r.key} {r.operator} {','.join(r.values)}".strip() for r in (pod.affinity[0] if pod.affinity else ())]
    return " and ".join(filter(None, ["nodeSelector " + ",".join(selected) if selected else "", *required]))
