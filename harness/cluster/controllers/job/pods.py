"""The pods of a Job: how many to start or to remove, and what a new one looks like (`manageJob`, 1.34). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.cluster.controllers.job import indexes
from harness.cluster.controllers.job.names import (
    FINALIZER,
    INDEX,
    has_limit_per_index,
    is_indexed,
    is_suspended,
    replaces_only_failed,
)
from harness.cluster.controllers.job.view import View
from harness.cluster.controllers.pods import pod_from_template
from harness.cluster.controllers.removal import removal_order
from harness.kube.objects import Object, name_of

_AT_ONCE = 500  # MaxPodCreateDeletePerSync
_HOSTNAME_MAX = 63


@dataclass(frozen=True)
class Plan:
    """What to do to the pods now: remove, or start (an index each; None without indexes), or come back after a delay."""

    remove: tuple[Object, ...] = ()
    start: tuple[int | None, ...] = ()
    wait_us: int | None = None


def plan(view: View, backoff_us: int, now_us: int) -> Plan:
    """`backoff_us` is what is left of the Job's own back-off. Removal and creation never happen in one step."""
    job, active = view.job, list(view.active)
    if is_suspended(job):
        return Plan(remove=tuple(removal_order(active)[:_AT_ONCE]))
    wanted = _wanted(view)
    extra = indexes.superfluous(job, active) if is_indexed(job) else []
    surplus = len(active) - wanted - len(extra)
    if surplus > 0:
        gone = {name_of(pod) for pod in extra}
        extra += removal_order(pod for pod in active if name_of(pod) not in gone)[:surplus]
    if extra:
        return Plan(remove=tuple(extra[:_AT_ONCE]))
    terminating = view.terminating if replaces_only_failed(job) else 0
    missing = wanted - len(active) - terminating
    if missing <= 0:
        return Plan()
    if not has_limit_per_index(job) and backoff_us > 0:
        return Plan(wait_us=backoff_us)
    missing = min(missing, _AT_ONCE)
    if not is_indexed(job):
        return Plan(start=(None,) * missing)
    free = indexes.pending(job, view.pods, active, view.settled_indexes)[:missing]
    delays = {index: indexes.index_delay_us(view.kept.get(index), now_us) for index in free}
    later = min((delay for delay in delays.values() if delay > 0), default=None)
    return Plan(start=tuple(index for index, delay in delays.items() if delay == 0), wait_us=later)


def _wanted(view: View) -> int:
    spec = view.job["spec"]
    parallelism = int(spec.get("parallelism", 1))
    if spec.get("completions") is None:
        return len(view.active) if view.succeeded > 0 else parallelism
    return max(min(int(spec["completions"]) - view.succeeded, parallelism), 0)


def new_pod(view: View, index: int | None) -> dict[str, Any]:
    """The pod to create for an index, or for any completion."""
    job = view.job
    base = name_of(job)
    pod = pod_from_template(job["spec"]["template"], job, f"{base}-" if index is None else f"{base}-{index}-")
    metadata, spec = pod["metadata"], pod["spec"]
    metadata["finalizers"] = [*metadata.get("finalizers", ()), FINALIZER]
    if index is None:
        return pod
    annotations = metadata.setdefault("annotations", {})
    annotations[INDEX] = str(index)
    if has_limit_per_index(job):
        annotations.update(indexes.failure_annotations(job, view.kept.get(index)))
    metadata.setdefault("labels", {})[INDEX] = str(index)
    spec["hostname"] = f"{base}-{index}"[:_HOSTNAME_MAX]
    reference = {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}
    for container in (*spec.get("initContainers", ()), *spec["containers"]):
        environment = container.setdefault("env", [])
        if all(entry["name"] != "JOB_COMPLETION_INDEX" for entry in environment):
            environment.append({"name": "JOB_COMPLETION_INDEX", "valueFrom": {"fieldRef": reference}})
    return pod
