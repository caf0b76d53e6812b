"""A Job and its pods as one look at them shows: who is active, what has succeeded and failed, counted or not yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.controllers.job import indexes
from harness.cluster.controllers.job.names import has_finalizer, has_limit_per_index, is_indexed
from harness.cluster.controllers.job.pod_failure_policy import match
from harness.cluster.controllers.pods import is_active, is_ready, is_terminating, phase_of
from harness.kube.objects import Object, uid_of


@dataclass(frozen=True)
class View:
    """See `look`."""

    job: Object
    pods: Sequence[Object]
    active: Sequence[Object]
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
    active = [pod for pod in pods if is_active(pod)]
    noted_succeeded, noted_failed = uncounted(job, "succeeded"), uncounted(job, "failed")
    mine = [pod for pod in pods if has_finalizer(pod)]
    new_succeeded = [pod for pod in mine if phase_of(pod) == "Succeeded" and uid_of(pod) not in noted_succeeded]
    new_failed = [pod for pod in mine if indexes.is_failed(pod, job) and uid_of(pod) not in noted_failed]
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
        new_succeeded=new_succeeded,
        new_failed=new_failed,
        succeeded=succeeded,
        failed=failed,
        ready=sum(is_ready(pod) for pod in active),
        terminating=sum(is_terminating(pod) for pod in pods),
        succeeded_indexes=succeeded_indexes,
        failed_indexes=failed_indexes,
        kept=kept,
    )
