"""What the scheduler tells people: the exact texts of kube-scheduler 1.34.4 (`framework.FitError`, seen on a real one)."""

from __future__ import annotations

from collections import Counter

from harness.cluster.scheduler.framework import Diagnosis
from harness.cluster.scheduler.plugins.default_preemption import Outcome

NO_NODES = "no nodes available to schedule pods"
GATED = "Scheduling is blocked due to non-empty scheduling gates"
PREEMPTING = "preempting to accommodate a higher priority pod"
_NO_CLAIMS = "no new claims to deallocate"  # what DynamicResources adds to every refusal
_NO_STATE = "not found"  # and what it says when it was not asked, as a plugin before it refused the pod as a whole
MESSAGE_MAX = 1024


def fit_error(diagnosis: Diagnosis, preemption: Outcome) -> str:
    """`0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint(s). no new claims to deallocate, preemption: ...`

    When preemption found victims nothing follows the reasons.
    """
    if not diagnosis.nodes:
        return NO_NODES
    head = f"0/{diagnosis.nodes} nodes are available:"
    if diagnosis.whole:
        return f"{head} {diagnosis.whole}. {_NO_STATE}"
    reasons = Counter(refusal.reason for refusals in diagnosis.refusals.values() for refusal in refusals)
    told = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    if preemption.candidate is not None:
        return f"{head} {told}."
    return f"{head} {told}. {_NO_CLAIMS}, preemption: {preemption.message}"


def event_note(message: str) -> str:
    """As long as an event may be; the condition holds the whole message."""
    if len(message.encode()) <= MESSAGE_MAX:
        return message
    return message.encode()[: MESSAGE_MAX - 4].decode(errors="ignore") + " ..."
