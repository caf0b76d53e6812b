"""Defaults of jobs, deployments and replica sets (`pkg/apis/batch/v1/defaults.go`, `pkg/apis/apps/v1/defaults.go`, the strategies' PrepareForCreate)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.cluster.store.defaults.pods import default_pod_spec
from harness.kube.resources import DEPLOYMENTS, JOBS, REPLICA_SETS

Draft = dict[str, Any]
_NO_LIMIT = 2**31 - 1


def _template(spec: Draft) -> Draft:
    template: Draft = spec.setdefault("template", {})
    template.setdefault("metadata", {})
    default_pod_spec(template.setdefault("spec", {}))
    return template


def _job(job: Draft) -> None:
    spec = job.setdefault("spec", {})
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("manualSelector", False)
    spec.setdefault("backoffLimit", _NO_LIMIT if "backoffLimitPerIndex" in spec else 6)
    spec.setdefault(
        "podReplacementPolicy", "Failed" if spec.get("podFailurePolicy") is not None else "TerminatingOrFailed"
    )
    for rule in (spec.get("podFailurePolicy") or {}).get("rules") or ():
        for pattern in rule.get("onPodConditions") or ():
            pattern.setdefault("status", "True")
    template = _template(spec)
    _select_own_pods(job, spec, template)


def _select_own_pods(job: Draft, spec: Draft, template: Draft) -> None:
    """The labels by which a job knows its pods, unless it says `manualSelector` (needs the uid, so only once the job has one)."""
    metadata = job["metadata"]
    if spec.get("manualSelector") or "uid" not in metadata:
        return
    labels = template["metadata"].setdefault("labels", {})
    for prefix in ("", "batch.kubernetes.io/"):
        labels.setdefault(f"{prefix}controller-uid", metadata["uid"])
        labels.setdefault(f"{prefix}job-name", metadata["name"])
    spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": metadata["uid"]}})


def _deployment(deployment: Draft) -> None:
    spec = deployment.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    _template(spec)


def _replica_set(replica_set: Draft) -> None:
    spec = replica_set.setdefault("spec", {})
    spec.setdefault("replicas", 1)
    _template(spec)


WORKLOADS: Mapping[str, Callable[[Draft], None]] = {
    JOBS.group_resource: _job,
    DEPLOYMENTS.group_resource: _deployment,
    REPLICA_SETS.group_resource: _replica_set,
}
