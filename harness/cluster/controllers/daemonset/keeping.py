"""One node of a DaemonSet: whether it gets a pod, and which of its pods go (`podsShouldBeOnNode` in `daemon_controller.go`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.cluster.controllers.daemonset.placement import REVISION, by_age
from harness.cluster.controllers.pods import is_ready, phase_of
from harness.kube.objects import Object, is_deleting, labels_of


@dataclass
class Verdict:
    """What a node needs."""

    create: bool = False
    delete: list[Object] = field(default_factory=list)
    ended: list[Object] = field(default_factory=list)  # those of `delete` that have failed or succeeded
    waiting: list[Object] = field(default_factory=list)  # failed pods that a back-off protects still


def judge(
    pods: Sequence[Object],
    should_run: bool,
    may_stay: bool,
    surges: bool,
    digest: str,
    available: Callable[[Object], bool],
    in_backoff: Callable[[], bool],
) -> Verdict:
    """`in_backoff` tells whether a failed pod of this node was removed a moment ago, and notes that one is removed now."""
    verdict = Verdict()
    if should_run and not pods:
        verdict.create = True
        return verdict
    alive = [pod for pod in pods if not is_deleting(pod)]
    if not may_stay:
        verdict.delete = alive
        return verdict
    running: list[Object] = []
    for pod in alive:
        phase = phase_of(pod)
        if phase == "Failed" and in_backoff():
            verdict.waiting.append(pod)
        elif phase in {"Failed", "Succeeded"}:
            verdict.ended.append(pod)
        else:
            running.append(pod)
    running = by_age(running)
    verdict.delete = list(verdict.ended)
    if not surges:
        verdict.delete += running[1:]
    elif not running:
        verdict.create = should_run
    elif len(running) > 1:
        verdict.delete += _surplus(running, digest, available)
    return verdict


def _surplus(running: Sequence[Object], digest: str, available: Callable[[Object], bool]) -> list[Object]:
    """With surge one old and one new pod may stand side by side until the new one can take over."""
    new = next((pod for pod in running if labels_of(pod).get(REVISION) == digest), None)
    old = next((pod for pod in running if labels_of(pod).get(REVISION) != digest), None)
    surplus = [pod for pod in running if pod is not new and pod is not old]
    if new is not None and old is not None and (not is_ready(old) or available(new)):
        surplus.append(old)
    return surplus
