"""Jobs over time, against traces of a real 1.34.4 control plane."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.clock import parse_time
from harness.cluster.controllers.job import JobController
from harness.kube.client import Change
from harness.kube.objects import Object, is_true
from harness.kube.resources import JOBS, NODES

from .bench import Bench, Kubelet, job, node


def running(bench: Bench, **kubelet: Any) -> None:
    bench.create(NODES, node("n1"))
    bench.add(JobController(*bench.parts))
    bench.add_scheduler()
    Kubelet(bench, **kubelet)


def finished(bench: Bench, name: str = "work") -> bool:
    return is_true(bench.get(JOBS, name), "Failed") or is_true(bench.get(JOBS, name), "Complete")


def starts_s(bench: Bench) -> list[float]:
    start = bench.kernel.start_us
    return sorted((parse_time(pod["metadata"]["creationTimestamp"]) - start) / 1e6 for pod in bench.pods())


def statuses(bench: Bench, name: str) -> list[Mapping[str, Any]]:
    """Every status that is stored from now on."""
    seen: list[Mapping[str, Any]] = []

    def note(change: Change, obj: Object, old: Object | None) -> None:
        if obj["metadata"]["name"] == name and change == "MODIFIED":
            seen.append(obj["status"])

    bench.kernel.call(lambda: bench.store.observe(JOBS, note))
    return seen


def test_given_pods_that_fail_after_30_s_when_the_limit_is_6_then_the_job_fails_at_540_s_with_8_pods(
    bench: Bench,
) -> None:
    running(bench, runs_s=lambda _: 30, exit_code=lambda _: 42)
    bench.create(JOBS, job(completions=8, parallelism=2, backoffLimit=6))
    assert bench.wait(lambda: finished(bench)) == 540
    status = bench.get(JOBS, "work")["status"]
    assert status["failed"] == 8
    assert "active" not in status
    assert starts_s(bench) == [0, 0, 50, 50, 160, 160, 510, 510]
    assert bench.condition(JOBS, "work", "Failed")["reason"] == "BackoffLimitExceeded"
    assert bench.events("BackoffLimitExceeded") == ["Job has reached the specified backoff limit"]


def test_given_two_completions_when_both_succeed_then_the_statuses_are_those_of_a_real_job_controller(
    bench: Bench,
) -> None:
    running(bench, runs_s=lambda _: 5)
    bench.create(JOBS, job("ok", completions=2, parallelism=2))
    seen = statuses(bench, "ok")
    bench.wait(lambda: finished(bench, "ok"))
    uids = [pod["metadata"]["uid"] for pod in bench.pods()]
    start, end = bench.stamp(0), bench.stamp(5)
    words = {
        "status": "True",
        "reason": "CompletionsReached",
        "message": "Reached expected number of succeeded pods",
        "lastProbeTime": end,
        "lastTransitionTime": end,
    }
    met, complete = {"type": "SuccessCriteriaMet", **words}, {"type": "Complete", **words}
    common = {"ready": 0, "terminating": 0, "startTime": start}
    assert seen[0] == {"active": 2, "uncountedTerminatedPods": {}, **common}
    assert seen[-2] == {"conditions": [met], "uncountedTerminatedPods": {"succeeded": uids}, **common}
    assert seen[-1] == {
        "conditions": [met, complete],
        "succeeded": 2,
        "completionTime": end,
        "uncountedTerminatedPods": {},
        **common,
    }
    assert all("finalizers" not in pod["metadata"] or not pod["metadata"]["finalizers"] for pod in bench.pods())
    assert bench.events("Completed") == ["Job completed"]
