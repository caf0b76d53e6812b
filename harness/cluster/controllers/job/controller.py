"""The Job controller: starts pods until a Job's completions are reached, counts each ended pod exactly once, and says how it ended.

Follows `pkg/controller/job/job_controller.go` (1.34). Counting is in three steps, each written before the next: the uids of ended pods go to
`uncountedTerminatedPods`, their finalizer is removed, the counters move. A Job that fails first carries FailureTarget while its pods are stopped, then Failed.
The back-off record is kept in memory, as upstream, and worked out anew from the pods when the controller starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from harness.clock import MINUTE, SECOND, Kernel, format_time
from harness.cluster.controllers.job import indexes, pods, verdict
from harness.cluster.controllers.job.backoff import BackoffRecord
from harness.cluster.controllers.job.membership import members
from harness.cluster.controllers.job.names import (
    FINALIZER,
    has_finalizer,
    has_limit_per_index,
    is_finished,
    is_indexed,
    is_suspended,
)
from harness.cluster.controllers.job.pace import BATCH_US, Pace
from harness.cluster.controllers.job.pod_failure_policy import match
from harness.cluster.controllers.job.view import Numbers, View, look, uncounted
from harness.cluster.controllers.pods import PodControl, Retries, is_terminal, phase_of
from harness.cluster.controllers.refs import index_orphans, keys_of_owners
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import (
    Object,
    condition,
    controller_of,
    is_deleting,
    name_of,
    namespace_of,
    split_key,
    thaw,
    uid_of,
)
from harness.kube.resources import JOBS, PODS

_RETRY_FIRST_US, _RETRY_LAST_US = 1 * SECOND, 1 * MINUTE  # DefaultJobApiBackOff, MaxJobApiBackOff
_MANAGED_BY = "kubernetes.io/job-controller"
_INDEX = "job"  # of pods that are not counted: namespace/name of the Job that controls them, whether it exists or not
_UNCOUNTED_MAX = 500  # MaxUncountedPods: so many are counted in one go


def _job_of(pod: Object) -> Iterable[str]:
    owner = controller_of(pod)
    if owner is not None and owner["kind"] == JOBS.kind and owner["apiVersion"] == JOBS.api_version:
        yield f"{namespace_of(pod)}/{owner['name']}"


def _open_pod_of(pod: Object) -> Iterable[str]:
    """Only what still matters: a pod that has ended and is counted is never looked at again, however many there are."""
    if has_finalizer(pod) or not is_terminal(pod):
        yield from _job_of(pod)


class JobController:
    """Runs Jobs."""

    name = "job-controller"

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named(self.name)
        self._pods = PodControl(writer, self._events)
        self._retries = Retries(_RETRY_FIRST_US, _RETRY_LAST_US)  # of pods that the API refuses
        self._refusals = Retries(_RETRY_FIRST_US, _RETRY_LAST_US)  # of statuses
        self._pace = Pace()
        self._records: dict[str, BackoffRecord] = {}  # by the Job's uid
        reader.add_index(PODS, _INDEX, _open_pod_of)
        index_orphans(reader, PODS)

    def watches(self) -> Sequence[Watch]:
        """Jobs and their pods."""
        return [Watch(JOBS), Watch(PODS, keys_of_owners(self._reader, JOBS))]

    def reconcile(self, key: str) -> int | None:
        """Bring one Job a step on."""
        namespace, name = split_key(key)
        job = self._reader.get(JOBS, namespace, name)
        if job is None or is_finished(job):
            # Whatever still waits to be counted never will be: let it go (upstream's orphan pods).
            for pod in self._reader.by_index(PODS, _INDEX, key):
                self._release(pod)
            if job is not None:
                self._records.pop(uid_of(job), None)
                self._retries.forget(uid_of(job))
                self._refusals.forget(uid_of(job))
                self._pace.forget(uid_of(job))
            return None
        if job["spec"].get("managedBy", _MANAGED_BY) != _MANAGED_BY:
            return None
        now = self._kernel.now
        if held_us := self._pace.hold_us(job, now):
            return held_us
        owned = self._reader.by_index(PODS, _INDEX, key)
        mine, strangers = members(self._reader, self._writer, job, owned)
        for pod in strangers:
            self._release(pod)
        again_us = self._sync(job, mine)
        self._pace.plan(job, again_us, now)
        return again_us

    def _sync(self, job: Object, owned: Sequence[Object]) -> int | None:
        now = self._kernel.now
        status = thaw(job.get("status") or {})
        if "startTime" not in status and not is_suspended(job):
            status["startTime"] = format_time(now)
        view = look({**job, "status": status}, owned)
        record = self._record(view)
        numbers = Numbers(len(view.active), view.ready, view.terminating)
        ending = verdict.interim(view, now)
        wait_us = None
        if ending is not None:
            for pod in view.active:
                self._pods.delete(job, pod)
                numbers.removed(pod)
        else:
            if not is_deleting(job):
                wait_us = self._manage(view, record, numbers)
                wait_us = None if wait_us is None else max(wait_us, BATCH_US)
            if verdict.is_complete(job, view.succeeded, numbers.active):
                ending = verdict.job_condition("SuccessCriteriaMet", verdict.COMPLETIONS, now)
            elif not is_deleting(job):
                self._say_whether_suspended(job, status)
        if numbers.ready > numbers.active:
            # Upstream reports no active pods while it backs off, and the API refuses that beside ready ones: nothing is counted until it may go on.
            return min(self._refusals.failed(uid_of(job), now), wait_us or _RETRY_LAST_US)
        self._refusals.forget(uid_of(job))
        self._count(view, status, numbers, ending)
        self._records[uid_of(job)] = record
        left_us = None if ending else verdict.deadline_in_us({**job, "status": status}, now)
        return min((moment for moment in (wait_us, left_us) if moment is not None), default=None)

    def _record(self, view: View) -> BackoffRecord:
        known = self._records.get(uid_of(view.job))
        if known is None:
            noted = {*uncounted(view.job, "succeeded"), *uncounted(view.job, "failed")}
            every = self._reader.by_index(PODS, "owner", uid_of(view.job))
            counted = [pod for pod in every if not has_finalizer(pod) or uid_of(pod) in noted]
            known = BackoffRecord().after(
                [pod for pod in counted if phase_of(pod) == "Succeeded"],
                [pod for pod in counted if phase_of(pod) == "Failed"],
            )
        return known.after(view.new_succeeded, view.new_failed)

    def _manage(self, view: View, record: BackoffRecord, numbers: Numbers) -> int | None:
        """Start or remove pods; the time until more may be started."""
        job, now = view.job, self._kernel.now
        todo = pods.plan(view, record.remaining_us(now), now)
        for pod in todo.remove:
            self._release(pod)  # it is removed by us, so it is no failure
            if self._reader.get(PODS, namespace_of(pod), name_of(pod)) is not None:
                self._pods.delete(job, pod)
            numbers.removed(pod)
        if todo.start and (blocked_us := self._retries.left_us(uid_of(job), now)):
            return blocked_us
        if todo.start:
            made, error = self._pods.create_some(job, [pods.new_pod(view, index) for index in todo.start])
            numbers.active += made
            if error is not None:
                return self._retries.failed(uid_of(job), now)
            self._retries.forget(uid_of(job))
        if todo.wait_us is not None and not todo.start:
            numbers.active = 0  # upstream reports none while it backs off, even if some still run
        return todo.wait_us

    def _say_whether_suspended(self, job: Object, status: dict[str, Any]) -> None:
        """The condition Suspended; a Job that resumes starts its clock anew."""
        suspended = is_suspended(job)
        standing = condition(job, "Suspended")
        wanted = "True" if suspended else "False"
        if (standing is None and not suspended) or (standing is not None and standing["status"] == wanted):
            return
        words = verdict.SUSPENDED if suspended else verdict.RESUMED
        entry = verdict.job_condition("Suspended", words, self._kernel.now, wanted)
        status["conditions"] = verdict.with_condition(status.get("conditions") or (), entry)
        if not suspended:
            status["startTime"] = format_time(self._kernel.now)
        self._events.event(job, "Normal", "Suspended" if suspended else "Resumed", words[1])

    def _count(self, view: View, status: dict[str, Any], numbers: Numbers, ending: dict[str, Any] | None) -> None:
        """Note down who ended, let them go, add them up; then finish the Job if all is over."""
        job = view.job
        done, succeeded, failed = self._ended(view, ending)
        succeeded = [*uncounted(job, "succeeded"), *succeeded]
        failed = [*uncounted(job, "failed"), *failed]
        _set(status, "active", numbers.active)
        status["ready"], status["terminating"] = numbers.ready, numbers.terminating
        if is_indexed(job):
            _set(status, "succeeded", len(view.succeeded_indexes))
            _set(status, "completedIndexes", indexes.render(view.succeeded_indexes))
            if has_limit_per_index(job):
                status["failedIndexes"] = indexes.render(view.failed_indexes)
        noted = {"succeeded": succeeded, "failed": failed}
        status["uncountedTerminatedPods"] = {kind: uids for kind, uids in noted.items() if uids}
        if ending is not None and condition(job, ending["type"]) is None:
            status["conditions"] = [*(status.get("conditions") or ()), ending]
        job = self._write(job, status)
        for pod in done:
            self._release(pod)
        _set(status, "succeeded", int(status.get("succeeded") or 0) + len(succeeded))
        _set(status, "failed", int(status.get("failed") or 0) + len(failed))
        status["uncountedTerminatedPods"] = {}
        final = None
        if ending is not None and not numbers.terminating and not self._more_to_count(view, done):
            final = verdict.final_of(ending, self._kernel.now)
            status["conditions"] = [*status["conditions"], final]
            if final["type"] == "Complete":
                status["completionTime"] = final["lastTransitionTime"]
        job = self._write(job, status)
        if final is not None:
            self._say_finished(job, final)

    def _ended(self, view: View, ending: dict[str, Any] | None) -> tuple[list[Object], list[str], list[str]]:
        """The pods that can be let go, and the uids of those to be counted by uid (successes of an Indexed Job are known by their index)."""
        job = view.job
        fails = ending is not None and ending["type"] == "FailureTarget"
        done: list[Object] = []
        succeeded: list[str] = []
        failed: list[str] = []
        noted_failed, policy = uncounted(job, "failed"), job["spec"].get("podFailurePolicy")
        kept = {uid_of(pod) for pod in view.kept.values()}
        all_go = is_deleting(job) or ending is not None
        for pod in view.pods if all_go else view.over:
            if not has_finalizer(pod):
                continue
            uid, pod_failed = uid_of(pod), indexes.is_failed(pod, job)
            if not all_go and pod_failed and uid in kept:
                continue
            done.append(pod)
            has_place = not is_indexed(job) or indexes.index_of(pod, indexes.completions_of(job)) is not None
            if phase_of(pod) == "Succeeded":
                if not is_indexed(job) and uid not in uncounted(job, "succeeded"):
                    succeeded.append(uid)
            elif (pod_failed or fails) and has_place and uid not in noted_failed and match(policy, pod).counts:
                failed.append(uid)
            if len(done) >= _UNCOUNTED_MAX:
                break
        return done, succeeded, failed

    @staticmethod
    def _more_to_count(view: View, done: Sequence[Object]) -> bool:
        """Whether pods were left for the next reconcile, because there were too many."""
        return len(done) >= _UNCOUNTED_MAX and any(has_finalizer(pod) for pod in view.pods[len(done) :])

    def _say_finished(self, job: Object, final: dict[str, Any]) -> None:
        if final["type"] == "Complete":
            completions = job["spec"].get("completions")
            if completions is not None and int(job["status"].get("succeeded") or 0) > int(completions):
                words = "Too many succeeded pods running after completion count reached"
                self._events.event(job, "Warning", "TooManySucceededPods", words)
            self._events.event(job, "Normal", "Completed", "Job completed")
        else:
            self._events.event(job, "Warning", final["reason"], final["message"])

    def _write(self, job: Object, status: dict[str, Any]) -> Object:
        stored = self._reader.get(JOBS, namespace_of(job), name_of(job))
        if stored is None or status == stored.get("status"):
            return job
        return self._writer.replace(JOBS, {**job, "status": status}, subresource="status")

    def _release(self, pod: Object) -> None:
        """Remove the tracking finalizer."""
        current = self._reader.get(PODS, namespace_of(pod), name_of(pod))
        if current is None or uid_of(current) != uid_of(pod) or not has_finalizer(current):
            return
        left = [finalizer for finalizer in current["metadata"]["finalizers"] if finalizer != FINALIZER]
        self._writer.patch(PODS, namespace_of(pod), name_of(pod), {"metadata": {"finalizers": left}})


def _set(status: dict[str, Any], field: str, value: int | str) -> None:
    """Set a field that upstream leaves out when it is empty."""
    if value:
        status[field] = value
    else:
        status.pop(field, None)
