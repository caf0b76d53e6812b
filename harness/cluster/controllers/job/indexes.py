"""Indexes of an Indexed Job: their text form `1,3-5`, which have succeeded or failed, which may start (`pkg/controller/job/indexed_job_utils.go`, 1.34)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from harness.cluster.controllers.job.backoff import remaining_us
from harness.cluster.controllers.job.names import (
    INDEX,
    INDEX_FAILURES,
    INDEX_IGNORED_FAILURES,
    has_finalizer,
    replaces_only_failed,
)
from harness.cluster.controllers.job.pod_failure_policy import match
from harness.cluster.controllers.pods import finish_time_us, is_terminating, phase_of
from harness.kube.objects import Object, is_deleting


def parse(text: str | None, completions: int) -> frozenset[int]:
    """The indexes of `1,3-5` below `completions`."""
    found: set[int] = set()
    for part in (text or "").split(","):
        first, _, last = part.partition("-")
        if first:
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(index for index in found if index < completions)


def render(indexes: Iterable[int]) -> str:
    """`1,2,4-6`: two neighbours are no range."""
    spans: list[tuple[int, int]] = []
    for index in sorted(indexes):
        if spans and spans[-1][1] == index - 1:
            spans[-1] = (spans[-1][0], index)
        else:
            spans.append((index, index))
    return ",".join(
        str(first) if first == last else f"{first}{',' if last == first + 1 else '-'}{last}" for first, last in spans
    )


def completions_of(job: Object) -> int:
    """`spec.completions` of an Indexed Job."""
    return int(job["spec"].get("completions") or 0)


def index_of(pod: Object, completions: int) -> int | None:
    """The pod's index, None when it has none or one beyond the completions."""
    text = (pod["metadata"].get("annotations") or {}).get(INDEX)
    if text is None or not str(text).isdigit() or int(text) >= completions:
        return None
    return int(text)


def is_failed(pod: Object, job: Object) -> bool:
    """Whether the pod counts as failed: it did, or it is being deleted and the Job does not wait for its end."""
    if phase_of(pod) == "Failed":
        return True
    return not replaces_only_failed(job) and is_deleting(pod) and phase_of(pod) != "Succeeded"


def succeeded(job: Object, pods: Iterable[Object]) -> frozenset[int]:
    """Indexes that are counted already, or whose pod has succeeded and is to be counted."""
    completions = completions_of(job)
    fresh = {index_of(pod, completions) for pod in pods if phase_of(pod) == "Succeeded" and has_finalizer(pod)}
    known = parse((job.get("status") or {}).get("completedIndexes"), completions)
    return known | {index for index in fresh if index is not None}


def failed(job: Object, pods: Iterable[Object]) -> frozenset[int]:
    """With backoffLimitPerIndex: the indexes that may not be tried again."""
    completions, limit = completions_of(job), int(job["spec"]["backoffLimitPerIndex"])
    fresh = {
        index_of(pod, completions)
        for pod in pods
        if has_finalizer(pod)
        and is_failed(pod, job)
        and (match(job["spec"].get("podFailurePolicy"), pod).action == "FailIndex" or failures_of(pod)[0] >= limit)
    }
    known = parse((job.get("status") or {}).get("failedIndexes"), completions)
    return known | {index for index in fresh if index is not None}


def failures_of(pod: Object) -> tuple[int, int]:
    """The failures that the pod's index had before it: those that count, and those ignored by the policy."""
    annotations = pod["metadata"].get("annotations") or {}
    return int(annotations.get(INDEX_FAILURES) or 0), int(annotations.get(INDEX_IGNORED_FAILURES) or 0)


def failure_annotations(job: Object, previous: Object | None) -> dict[str, str]:
    """With backoffLimitPerIndex: what the next pod of an index remembers."""
    counted, ignored = (0, 0) if previous is None else failures_of(previous)
    if previous is not None:
        if match(job["spec"].get("podFailurePolicy"), previous).counts:
            counted += 1
        else:
            ignored += 1
    annotations = {INDEX_FAILURES: str(counted)}
    if ignored:
        annotations[INDEX_IGNORED_FAILURES] = str(ignored)
    return annotations


def kept_for_memory(
    job: Object, pods: Iterable[Object], active: Iterable[Object], settled: frozenset[int]
) -> Mapping[int, Object]:
    """With backoffLimitPerIndex: the last failed pod of each index that waits for its next try; it keeps its finalizer, as it holds the count."""
    completions = completions_of(job)
    passed = settled | {index for pod in active if (index := index_of(pod, completions)) is not None}
    kept: dict[int, Object] = {}
    for pod in pods:
        index = index_of(pod, completions)
        if index is None or index in passed or not is_failed(pod, job) or not has_finalizer(pod):
            continue
        if index not in kept or _age(kept[index]) <= _age(pod):
            kept[index] = pod
    return kept


def _age(pod: Object) -> tuple[int, int]:
    return sum(failures_of(pod)), finish_time_us(pod)


def index_delay_us(previous: Object | None, now_us: int) -> int:
    """With backoffLimitPerIndex: how long an index has to wait after its last failure."""
    if previous is None:
        return 0
    return remaining_us(sum(failures_of(previous)) + 1, finish_time_us(previous), now_us)


def pending(job: Object, pods: Iterable[Object], active: Iterable[Object], settled: frozenset[int]) -> list[int]:
    """The indexes that no pod works on and that are not settled, lowest first."""
    completions = completions_of(job)
    busy = [index_of(pod, completions) for pod in active]
    if replaces_only_failed(job):
        busy += [index_of(pod, completions) for pod in pods if is_terminating(pod)]
    taken = settled | {index for index in busy if index is not None}
    return [index for index in range(completions) if index not in taken]


def superfluous(job: Object, active: Iterable[Object]) -> list[Object]:
    """Active pods without a valid index, or with one that an older pod works on already."""
    completions, seen, extra = completions_of(job), set(), []
    for pod in sorted(active, key=_seniority):
        index = index_of(pod, completions)
        if index is None or index in seen:
            extra.append(pod)
        else:
            seen.add(index)
    return extra


def _seniority(pod: Object) -> tuple[Any, ...]:
    return (phase_of(pod) != "Running", pod["metadata"]["creationTimestamp"], pod["metadata"]["name"])
