"""What the scheduler tells people: the exact texts of kube-scheduler 1.34.4 (`framework.FitError`, seen on a real one)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from harness.cluster.scheduler.framework import Diagnosis
from harness.cluster.scheduler.podinfo import PodInfo

NO_NODES = "no nodes available to schedule pods"
GATED = "Scheduling is blocked due to non-empty scheduling gates"
NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
_NO_CLAIMS = "no new claims to deallocate"  # what DynamicResources adds to every refusal


def fit_error(diagnosis: Diagnosis, pod: PodInfo) -> str:
    """`0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). ...`"""
    if not diagnosis.nodes:
        return NO_NODES
    head = f"0/{diagnosis.nodes} nodes are available: "
    if diagnosis.whole:
        # After a refusal of the whole pod DynamicResources finds no state of its own: its complaint is all that follows.
        return f"{head}{diagnosis.whole}. not found"
    reasons = (refusal.reason for refusals in diagnosis.refusals.values() for refusal in refusals)
    return f"{head}{_counted(reasons)}. {_NO_CLAIMS}, preemption: {_preemption(diagnosis, pod)}"


def _preemption(diagnosis: Diagnosis, pod: PodInfo) -> str:
    if pod.spec.get("preemptionPolicy") == "Never":
        return "not eligible due to preemptionPolicy=Never."
    reasons = (
        NO_VICTIMS if all(refusal.resolvable for refusal in refusals) else NOT_HELPFUL
        for refusals in diagnosis.refusals.values()
    )
    return f"0/{diagnosis.nodes} nodes are available: {_counted(reasons)}."


def _counted(reasons: Iterable[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items()))
