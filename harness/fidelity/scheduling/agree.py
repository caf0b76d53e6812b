"""The embedded scheduler decides recorded cases; differences are told one by one.

Cases are decided by the scheduling cycle alone, on the recorded objects: no store, no queue. Sets of best nodes have to be equal, the recorded node has
to be among them, points have to be equal by plugin and node, refusals by their whole text, preemptions by node and victims (any of ours that are
equally good).
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.clock import parse_time
from harness.cluster.scheduler.cache import Cluster
from harness.cluster.scheduler.cycle import Cycle
from harness.cluster.scheduler.framework import Diagnosis, Profile
from harness.cluster.scheduler.plugins import default_preemption as preemption
from harness.cluster.scheduler.podinfo import PodInfo, pod_info
from harness.cluster.scheduler.profile import default_profile
from harness.cluster.scheduler.selectors import DefaultSelectors
from harness.cluster.scheduler.texts import fit_error
from harness.cluster.scheduler.volumes import BIND_COMPLETED, Volumes
from harness.fidelity.scheduling.cases import shared_objects
from harness.fidelity.scheduling.recording import Case, Decision, Group, Recorded
from harness.kube.objects import Object, labels_of, name_of
from harness.kube.snapshot import Snapshot

_NOW_US = parse_time("2026-06-01T00:00:00Z")
_CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
Change = Callable[[Profile], Profile]


@dataclass
class Agreement:
    """What a comparison found: the sizes of the sets of best nodes, the kinds of outcomes, and each difference in words, by case."""

    cases: int = 0
    sizes: Counter[int] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    differences: dict[str, list[str]] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Of cases without a difference, 0..1."""
        return 1 - len(self.differences) / self.cases if self.cases else 0.0

    def report(self) -> str:
        """In a few lines."""
        sizes = ", ".join(f"{size}: {count}" for size, count in sorted(self.sizes.items()))
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.kinds.items()))
        lines = [
            f"{self.cases - len(self.differences)} of {self.cases} cases agree ({self.share:.2%}): {kinds}",
            f"best nodes a case: {sizes}",
        ]
        lines += [f"  {name}: {words}" for name, found in self.differences.items() for words in found]
        return "\n".join(lines)


class _Place:
    """One group's cluster, as the embedded scheduler sees it."""

    def __init__(self, group: Group, change: Change, *, caching: bool) -> None:
        self.objects = Snapshot(_settled(obj) for obj in group.objects)
        self.cluster = Cluster()
        for obj in (*shared_objects(), *group.objects):
            if obj["kind"] == "Namespace":
                labels = {**labels_of(obj), "kubernetes.io/metadata.name": name_of(obj)}
                self.cluster.set_namespace(name_of(obj), labels)
        for obj in group.objects:
            if obj["kind"] == "Node":
                self.cluster.set_node(_settled(obj))
        for obj in group.objects:
            if obj["kind"] == "Pod":
                self.cluster.set_pod(pod_info(obj), obj["spec"]["nodeName"])
        profile = change(default_profile(Volumes(self.objects), DefaultSelectors(self.objects)))
        self.cycle = Cycle(profile, self.cluster, caching=caching)

    def decide(self, case: Case) -> tuple[Decision, tuple[preemption.Candidate, ...]]:
        """Our decision, and the preemptions that are equally good."""
        for obj in case.objects:
            self.objects.put(_settled(obj))
        self.cycle.generation += 1
        pod = pod_info(case.pod)
        outcome = self.cycle.place(pod, min)
        if isinstance(outcome, Diagnosis):
            return self._refused(pod, outcome, case.budgets)
        explained = self.cycle.explain(pod)
        feasible = {name: dict(entry.scores) for name, entry in explained.items() if not entry.refusals}
        return Decision(node=outcome, scores=feasible if len(feasible) > 1 else {}), ()

    def _refused(
        self, pod: PodInfo, diagnosis: Diagnosis, budgets: Sequence[Object]
    ) -> tuple[Decision, tuple[preemption.Candidate, ...]]:
        outcome = preemption.Outcome(eligible=False)
        if not diagnosis.whole:
            outcome = preemption.preempt(
                pod, diagnosis, self.cluster, lambda: self.cycle.trial(pod), budgets, lambda _: 0, _NOW_US
            )
        message = fit_error(diagnosis, outcome)
        candidate = outcome.candidate
        if candidate is None:
            return Decision(message=message, reason="Unschedulable"), ()
        return Decision(message=message, reason="Unschedulable", nominated=candidate.node), outcome.best


def _settled(obj: Object) -> Object:
    """As the controllers leave it: claims and volumes that name each other are bound, free volumes available, cordoned nodes tainted."""
    made = copy.deepcopy(dict(obj))
    if obj["kind"] == "Node" and obj["spec"].get("unschedulable"):
        made["spec"]["taints"] = [*(obj["spec"].get("taints") or ()), dict(_CORDONED)]
    elif obj["kind"] == "PersistentVolumeClaim" and obj["spec"].get("volumeName"):
        made["metadata"]["annotations"] = {BIND_COMPLETED: "yes"}
        made["status"] = {"phase": "Bound"}
    elif obj["kind"] == "PersistentVolume":
        made["status"] = {"phase": "Bound" if obj["spec"].get("claimRef") else "Available"}
    return made


def compare(recorded: Recorded, change: Change = lambda profile: profile, *, caching: bool = True) -> Agreement:
    """Decide all cases. `change` plants a mistake in the profile, to see that it is found."""
    agreement = Agreement()
    for group in recorded.groups:
        place = _Place(group, change, caching=caching)
        for case in group.cases:
            ours, best = place.decide(case)
            theirs = case.decision
            agreement.cases += 1
            agreement.kinds[_kind(theirs)] += 1
            if theirs.node:
                agreement.sizes[len(theirs.best)] += 1
            found = list(_differences(ours, best, theirs))
            if found:
                agreement.differences[f"{group.seed}/{case.pod['metadata']['name']}"] = found
    return agreement


def _kind(decision: Decision) -> str:
    if decision.nominated:
        return "preempt"
    if not decision.node:
        return "refused"
    return "placed by score" if decision.scores else "placed on the only node"


def _differences(ours: Decision, best: Sequence[preemption.Candidate], theirs: Decision) -> Iterable[str]:
    if theirs.message != ours.message:
        yield f"expected {theirs.message or theirs.node!r}, got {ours.message or ours.node!r}"
        return
    if theirs.nominated:
        choices = {candidate.node: tuple(sorted(victim.key for victim in candidate.victims)) for candidate in best}
        if choices.get(theirs.nominated) != tuple(sorted(theirs.victims)):
            yield f"expected {theirs.nominated} without {theirs.victims}, got one of {choices}"
        return
    if ours.nominated:
        yield f"expected no preemption, got {ours.nominated}"
    if theirs.best != ours.best:
        yield f"expected the best nodes {sorted(theirs.best)}, got {sorted(ours.best)}"
    if theirs.node and theirs.node not in ours.best:
        yield f"expected {theirs.node} among the best nodes, which are {sorted(ours.best)}"
    yield from _points(ours.scores, theirs.scores)


def _points(ours: Mapping[str, Mapping[str, int]], theirs: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    if set(ours) != set(theirs):
        yield f"expected the feasible nodes {sorted(theirs)}, got {sorted(ours)}"
        return
    wrong: dict[str, str] = {}
    for node, expected in theirs.items():
        got = ours[node]
        for plugin in expected.keys() | got.keys():
            if expected.get(plugin) != got.get(plugin) and plugin not in wrong:
                wrong[plugin] = f"{plugin} on {node}: expected {expected.get(plugin)}, got {got.get(plugin)}"
    yield from wrong.values()
