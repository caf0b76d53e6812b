"""Names that Job and its pods share (`staging/src/k8s.io/api/batch/v1`), and questions about a Job's spec."""

from __future__ import annotations

from harness.kube.objects import Object, is_true

FINALIZER = "batch.kubernetes.io/job-tracking"
INDEX = "batch.kubernetes.io/job-completion-index"  # annotation and label
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"


def is_indexed(job: Object) -> bool:
    """Whether every completion has an index."""
    return bool(job["spec"].get("completionMode") == "Indexed")


def has_limit_per_index(job: Object) -> bool:
    """Whether failures are counted for each index by itself."""
    return job["spec"].get("backoffLimitPerIndex") is not None


def replaces_only_failed(job: Object) -> bool:
    """podReplacementPolicy Failed, which a podFailurePolicy implies: a terminating pod still counts until it has ended."""
    return job["spec"].get("podReplacementPolicy") == "Failed" or bool(job["spec"].get("podFailurePolicy"))


def is_suspended(job: Object) -> bool:
    """`spec.suspend`."""
    return bool(job["spec"].get("suspend"))


def is_finished(job: Object) -> bool:
    """Complete or Failed."""
    return is_true(job, "Complete") or is_true(job, "Failed")


def has_finalizer(pod: Object) -> bool:
    """Whether the Job controller still has to count the pod."""
    return FINALIZER in (pod["metadata"].get("finalizers") or ())
