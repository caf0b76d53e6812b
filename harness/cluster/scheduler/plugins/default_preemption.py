"""DefaultPreemption: which pods could go so that a pod of higher priority fits.

Follows `defaultpreemption/default_preemption.go` and `framework/preemption/preemption.go` (1.34): on each node that refused with something that
removing pods may resolve, all pods of lower priority are taken away; if the pod fits then, as many as possible are reprieved, those first whose
PodDisruptionBudget would be violated, then by importance (priority, then the earlier start). Among the nodes the best has, one criterion after the
other: the fewest violations, the lowest highest priority, the lowest sum of priorities, the fewest victims, the latest start of its most important
victim; then a draw.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.clock import parse_time
from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import Diagnosis, Refusal, refused_resolvably
from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.objects import Object, condition, namespace_of
from harness.kube.selectors import from_object

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NEVER = "not eligible due to preemptionPolicy=Never."
TERMINATING = "not eligible due to a terminating pod on the nominated node."
REASON = "PreemptionByScheduler"
MIN_CANDIDATES = 100
MIN_CANDIDATES_PERCENTAGE = 10
_OFFSET = 2**31  # makes sums of priorities grow with every victim


@dataclass(frozen=True)
class Candidate:
    """A node and the pods that would have to go, the most important first."""

    node: str
    victims: tuple[PodInfo, ...]
    violations: int


@dataclass(frozen=True)
class Outcome:
    """The best candidate, or the message why there is none; `eligible` is False when the pod was not even looked at (it keeps its nomination)."""

    candidate: Candidate | None = None
    message: str = ""
    eligible: bool = True
    best: tuple[Candidate, ...] = field(default=())


Trial = Callable[[NodeInfo], Sequence[Refusal]]


def preempt(
    pod: PodInfo,
    diagnosis: Diagnosis,
    cluster: Cluster,
    trial: Callable[[], Trial],
    budgets: Sequence[Object],
    draw: Callable[[int], int],
    now_us: int,
) -> Outcome:
    """Look for a node on which removing pods lets `pod` in. `draw(n)` gives a number below n."""
    refused = ineligible(pod, diagnosis, cluster)
    if refused:
        return Outcome(message=refused, eligible=False)
    potential = [
        node
        for node in cluster.nodes()
        if node.name in diagnosis.refusals and refused_resolvably(diagnosis.refusals[node.name])
    ]
    reasons: dict[str, Sequence[str]] = {}
    candidates: list[Candidate] = []
    if potential and min(cluster.priorities, default=pod.priority) >= pod.priority:
        reasons = {node.name: (NO_VICTIMS,) for node in potential}
    elif potential:
        candidates = _dry_run(pod, potential, trial(), budgets, draw, now_us, reasons)
    if not candidates:
        counts: dict[str, int] = {NOT_HELPFUL: diagnosis.nodes - len(reasons)}
        for texts in reasons.values():
            for text in texts:
                counts[text] = counts.get(text, 0) + 1
        told = ", ".join(sorted(f"{count} {text}" for text, count in counts.items() if count))
        return Outcome(message=f"0/{diagnosis.nodes} nodes are available: {told}.")
    best = best_candidates(candidates, now_us)
    return Outcome(best[draw(len(best))] if len(best) > 1 else best[0], best=tuple(best))


def ineligible(pod: PodInfo, diagnosis: Diagnosis, cluster: Cluster) -> str:
    """Why the pod may not preempt anybody now, or empty."""
    if not pod.preempts:
        return NEVER
    nominated = pod.nominated_node
    node = cluster.get(nominated) if nominated else None
    if node is None or not refused_resolvably(diagnosis.refusals.get(nominated, ())):
        return ""
    leaving = any(other.priority < pod.priority and _leaves_for_another(other) for other in node.pods.values())
    return TERMINATING if leaving else ""


def _leaves_for_another(pod: PodInfo) -> bool:
    if not pod.is_terminating:
        return False
    target = condition(pod.pod, "DisruptionTarget") or {}
    return target.get("status") == "True" and target.get("reason") == REASON


def _dry_run(
    pod: PodInfo,
    potential: Sequence[NodeInfo],
    trial: Trial,
    budgets: Sequence[Object],
    draw: Callable[[int], int],
    now_us: int,
    reasons: dict[str, Sequence[str]],
) -> list[Candidate]:
    """Candidates, as many as are enough; `reasons` gets why the other nodes are none."""
    enough = min(max(len(potential) * MIN_CANDIDATES_PERCENTAGE // 100, MIN_CANDIDATES), len(potential))
    offset = draw(len(potential)) if enough < len(potential) else 0
    candidates: list[Candidate] = []
    unviolated = 0
    for turn in range(len(potential)):
        node = potential[(offset + turn) % len(potential)]
        found = victims_on(pod, node, trial, budgets, now_us)
        if isinstance(found, Candidate):
            candidates.append(found)
            unviolated += not found.violations
            if unviolated and len(candidates) >= enough:
                break
        else:
            reasons[node.name] = found
    return candidates


def victims_on(
    pod: PodInfo, node: NodeInfo, trial: Trial, budgets: Sequence[Object], now_us: int
) -> Candidate | tuple[str, ...]:
    """The fewest pods that have to leave the node, or why that would not help."""
    lower = [other for other in node.pods.values() if other.priority < pod.priority]
    if not lower:
        return (NO_VICTIMS,)
    trying = node.copy()
    for other in lower:
        trying.remove(other.key)
    refusals = trial(trying)
    if refusals:
        return tuple(refusal.reason for refusal in refusals)
    lower.sort(key=lambda other: importance(other, now_us))
    violating, others = split_by_budget(lower, budgets)
    victims: list[PodInfo] = []
    violations = 0
    for other in (*violating, *others):
        trying.add(other)
        if trial(trying):
            trying.remove(other.key)
            victims.append(other)
            violations += other in violating
    victims.sort(key=lambda other: importance(other, now_us))
    return Candidate(node.name, tuple(victims), violations)


def importance(pod: PodInfo, now_us: int) -> tuple[int, int]:
    """Sorts the most important first: higher priority, then the earlier start (now, for a pod that has not started)."""
    return (-pod.priority, started_us(pod, now_us))


def started_us(pod: PodInfo, now_us: int) -> int:
    """When the pod started."""
    start = (pod.pod.get("status") or {}).get("startTime")
    return parse_time(start) if start else now_us


def split_by_budget(pods: Sequence[PodInfo], budgets: Sequence[Object]) -> tuple[list[PodInfo], list[PodInfo]]:
    """Those whose removal, one after the other, would violate a PodDisruptionBudget, and the rest; both in the given order."""
    left: list[tuple[Object, int]] = [
        (budget, int((budget.get("status") or {}).get("disruptionsAllowed") or 0)) for budget in budgets
    ]
    violating: list[PodInfo] = []
    others: list[PodInfo] = []
    for pod in pods:
        violated = False
        for position, (budget, allowed) in enumerate(left):
            if not _guards(budget, pod):
                continue
            left[position] = (budget, allowed - 1)
            violated = violated or allowed - 1 < 0
        (violating if violated else others).append(pod)
    return violating, others


def _guards(budget: Object, pod: PodInfo) -> bool:
    if not pod.labels or namespace_of(budget) != pod.namespace:
        return False
    selector = from_object(budget["spec"].get("selector"))
    if selector is None or not selector.requirements or not selector.matches(pod.labels):
        return False
    disrupted: Mapping[str, Any] = (budget.get("status") or {}).get("disruptedPods") or {}
    return pod.pod["metadata"]["name"] not in disrupted


def best_candidates(candidates: Sequence[Candidate], now_us: int) -> list[Candidate]:
    """Those that win by all criteria."""

    def earliest_of_highest(candidate: Candidate) -> int:
        highest = max(victim.priority for victim in candidate.victims)
        return min(started_us(victim, now_us) for victim in candidate.victims if victim.priority == highest)

    criteria: tuple[Callable[[Candidate], int], ...] = (
        lambda candidate: -candidate.violations,
        lambda candidate: -candidate.victims[0].priority,
        lambda candidate: -sum(victim.priority + _OFFSET for victim in candidate.victims),
        lambda candidate: -len(candidate.victims),
        earliest_of_highest,
    )
    left = list(candidates)
    for criterion in criteria:
        highest = max(criterion(candidate) for candidate in left)
        left = [candidate for candidate in left if criterion(candidate) == highest]
        if len(left) == 1:
            break
    return left
