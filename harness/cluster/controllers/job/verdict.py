"""Whether a Job has failed or met its success criteria, and how that is said (`pkg/controller/job/job_controller.go`, 1.34).

An interim condition (FailureTarget, SuccessCriteriaMet) comes first; the final one (Failed, Complete) follows with the same reason and message once every pod
has ended and is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.clock import SECOND, format_time, parse_time
from harness.cluster.controllers.job import success_policy
from harness.cluster.controllers.job.indexes import completions_of, is_failed
from harness.cluster.controllers.job.names import has_limit_per_index, is_indexed, is_suspended
from harness.cluster.controllers.job.pod_failure_policy import match
from harness.cluster.controllers.job.view import View
from harness.cluster.controllers.pods import phase_of
from harness.kube.objects import Object, condition

BACKOFF_LIMIT = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
MAX_FAILED_INDEXES = (
    "MaxFailedIndexesExceeded",
    "Job has exceeded the specified maximal number of failed indexes",
)
FAILED_INDEXES = ("FailedIndexes", "Job has failed indexes")
COMPLETIONS = ("CompletionsReached", "Reached expected number of succeeded pods")
SUSPENDED = ("JobSuspended", "Job suspended")
RESUMED = ("JobResumed", "Job resumed")
_FINAL = {"FailureTarget": "Failed", "SuccessCriteriaMet": "Complete"}


def job_condition(kind: str, words: tuple[str, str], now_us: int, status: str = "True") -> dict[str, Any]:
    """A new Job condition."""
    reason, message = words
    now = format_time(now_us)
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastProbeTime": now,
        "lastTransitionTime": now,
    }


def with_condition(conditions: Iterable[Mapping[str, Any]], new: Mapping[str, Any]) -> list[dict[str, Any]]:
    """`conditions` with `new` in the place of the one of its type, or at the end."""
    found = [dict(new) if entry["type"] == new["type"] else dict(entry) for entry in conditions]
    return found if any(entry["type"] == new["type"] for entry in found) else [*found, dict(new)]


def final_of(interim: Object, now_us: int) -> dict[str, Any]:
    """The final condition that follows an interim one."""
    return job_condition(_FINAL[interim["type"]], (interim["reason"], interim["message"]), now_us)


def interim(view: View, now_us: int) -> dict[str, Any] | None:
    """The interim condition: the one that stands already, else the first cause that applies now; completion itself is not judged here."""
    job = view.job
    for kind in _FINAL:
        standing = condition(job, kind)
        if standing is not None and standing["status"] == "True":
            return dict(standing)
    words = _failure(view, now_us)
    if words is not None:
        return job_condition("FailureTarget", words, now_us)
    message = success_policy.met(job, view.succeeded_indexes) if is_indexed(job) else None
    return None if message is None else job_condition("SuccessCriteriaMet", ("SuccessPolicy", message), now_us)


def _failure(view: View, now_us: int) -> tuple[str, str] | None:
    job = view.job
    spec = job["spec"]
    policy = spec.get("podFailurePolicy")
    for pod in view.pods if policy else ():
        message = match(policy, pod).message if is_failed(pod, job) else None
        if message is not None:
            return ("PodFailurePolicy", message)
    limit = int(spec.get("backoffLimit", 6))
    if view.failed > limit or _restarts_exceed(view, limit):
        return BACKOFF_LIMIT
    if (left := deadline_in_us(job, now_us)) is not None and left <= 0:
        return DEADLINE
    if not has_limit_per_index(job) or not view.failed_indexes:
        return None
    if spec.get("maxFailedIndexes") is not None and len(view.failed_indexes) > int(spec["maxFailedIndexes"]):
        return MAX_FAILED_INDEXES
    return FAILED_INDEXES if len(view.settled_indexes) >= completions_of(job) else None


def _restarts_exceed(view: View, limit: int) -> bool:
    """With restartPolicy OnFailure the restarts of pods that still run count, too."""
    if view.job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = 0
    for pod in view.pods:
        if phase_of(pod) in {"Running", "Pending"}:
            status = pod.get("status") or {}
            for entry in (*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())):
                restarts += int(entry.get("restartCount") or 0)
    return restarts > 0 if limit == 0 else restarts >= limit


def deadline_in_us(job: Object, now_us: int) -> int | None:
    """What is left of activeDeadlineSeconds; None when there is none or the Job is suspended."""
    start = (job.get("status") or {}).get("startTime")
    allowed_s = job["spec"].get("activeDeadlineSeconds")
    if start is None or allowed_s is None or is_suspended(job):
        return None
    return parse_time(start) + int(allowed_s) * SECOND - now_us


def is_complete(job: Object, succeeded: int, active: int) -> bool:
    """All completions there; without a number of completions, one success and nobody left at work."""
    completions = job["spec"].get("completions")
    if active:
        return False
    return succeeded > 0 if completions is None else succeeded >= int(completions)
