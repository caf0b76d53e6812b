"""A Job and its pods as one look at them shows: who is active, what has succeeded and failed, counted or not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.controllers.job import indexes
from harness.cluster.controllers.job.names import has_finalizer, has_limit_per_index, is_indexed
from harness.cluster.controllers.job.pod_failure_policy import match
from harness.cluster.controllers.pods import TERMINAL_PHASES, is_ready, phase_of
from harness.kube.objects import Object, is_deleting, uid_of


@dataclass(frozen=True)
class View:
    """See `look`."""

    job: Object
    pods: Sequence[Object]
    active: Sequence[Object]
    over: Sequence[Object]  # ended, one way or the other, and not let go yet
    new_succeeded: Sequence[Object]  # ended, not yet written to the status in any form
    new_failed: Sequence[Object]
    succeeded: int
    failed: int
    ready: int
    terminating: int
    succeeded_indexes: frozenset[int]
    failed_indexes: frozenset[int]
    kept: Mapping[int, Object]  # per-index limit: the failed pods that hold an index's count

    @property
    def settled_indexes(self) -> frozenset[int]:
        """Indexes that need no pod any more."""
        return self.succeeded_indexes | self.failed_indexes


@dataclass
class Numbers:
    """What the status will say of pods that have not ended."""

    active: int
    ready: int
    terminating: int

    def removed(self, pod: Object) -> None:
        """An active pod was asked to end."""
        self.active -= 1
        self.ready -= is_ready(pod)
        self.terminating += 1


def uncounted(job: Object, kind: str) -> list[str]:
    """`status.uncountedTerminatedPods.<kind>`: uids written down, but not yet added to the counter."""
    return list(((job.get("status") or {}).get("uncountedTerminatedPods") or {}).get(kind) or ())


def look(job: Object, pods: Sequence[Object]) -> View:
    """Work out where a Job stands."""
    status = job.get("status") or {}
    noted_succeeded, noted_failed = uncounted(job, "succeeded"), uncounted(job, "failed")
    active: list[Object] = []
    over: list[Object] = []
    new_succeeded: list[Object] = []
    new_failed: list[Object] = []
    terminating = 0
    for pod in pods:
        phase, deleting = phase_of(pod), is_deleting(pod)
        if phase not in TERMINAL_PHASES:
            if not deleting:
                active.append(pod)
                continue
            terminating += 1
        if not has_finalizer(pod):
            continue
        if phase == "Succeeded":
            over.append(pod)
            if uid_of(pod) not in noted_succeeded:
                new_succeeded.append(pod)
        elif indexes.is_failed(pod, job):
            over.append(pod)
            if uid_of(pod) not in noted_failed:
                new_failed.append(pod)
    policy = job["spec"].get("podFailurePolicy")
    failed = int(status.get("failed") or 0) + len(noted_failed) + sum(match(policy, pod).counts for pod in new_failed)
    succeeded = int(status.get("succeeded") or 0) + len(noted_succeeded) + len(new_succeeded)
    succeeded_indexes: frozenset[int] = frozenset()
    failed_indexes: frozenset[int] = frozenset()
    kept: Mapping[int, Object] = {}
    if is_indexed(job):
        succeeded_indexes = indexes.succeeded(job, pods)
        succeeded = len(succeeded_indexes)
        if has_limit_per_index(job):
            failed_indexes = indexes.failed(job, pods)
            kept = indexes.kept_for_memory(job, pods, active, succeeded_indexes | failed_indexes)
    return View(
        job=job,
        pods=pods,
        active=active,
        over=over,
        new_succeeded=new_succeeded,
        new_failed=new_failed,
        succeeded=succeeded,
        failed=failed,
        ready=sum(is_ready(pod) for pod in active),
        terminating=terminating,
        succeeded_indexes=succeeded_indexes,
        failed_indexes=failed_indexes,
        kept=kept,
    )
