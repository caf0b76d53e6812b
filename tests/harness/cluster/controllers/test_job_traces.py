"""Jobs over time, against traces of a real 1.34.4 control plane."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from harness.clock import parse_time
from harness.cluster.controllers.job import JobController
from harness.kube.client import Change
from harness.kube.objects import Object, is_true, name_of, new_object
from harness.kube.resources import JOBS, NODES, PODS, SERVICE_ACCOUNTS

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


def test_given_pods_that_fail_after_30_s_when_the_limit_is_6_then_the_job_fails_at_541_s_with_8_pods(
    bench: Bench,
) -> None:
    running(bench, runs_s=lambda _: 30, exit_code=lambda _: 42)
    bench.create(JOBS, job(completions=8, parallelism=2, backoffLimit=6))
    assert bench.wait(lambda: finished(bench)) == 541  # the last look is a second after the last end
    status = bench.get(JOBS, "work")["status"]
    assert status["failed"] == 8
    assert "active" not in status
    assert starts_s(bench) == [0, 0, 50, 50, 160, 160, 510, 510]
    assert bench.held_condition(JOBS, "work", "Failed")["reason"] == "BackoffLimitExceeded"
    assert bench.events("BackoffLimitExceeded") == ["Job has reached the specified backoff limit"]


def test_given_two_completions_when_both_succeed_then_the_statuses_are_those_of_a_real_job_controller(
    bench: Bench,
) -> None:
    running(bench, runs_s=lambda _: 5)
    bench.create(JOBS, job("ok", completions=2, parallelism=2))
    seen = statuses(bench, "ok")
    bench.wait(lambda: finished(bench, "ok"))
    uids = [pod["metadata"]["uid"] for pod in bench.pods()]
    start, end = bench.stamp(0), bench.stamp(6)
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


def test_given_a_limit_of_0_when_the_pod_fails_then_the_statuses_are_those_of_a_real_job_controller(
    bench: Bench,
) -> None:
    running(bench, runs_s=lambda _: 4, exit_code=lambda _: 42)
    bench.create(JOBS, job(backoffLimit=0))
    seen = statuses(bench, "work")
    bench.wait(lambda: finished(bench))
    end = bench.stamp(5)
    words = {
        "status": "True",
        "reason": "BackoffLimitExceeded",
        "message": "Job has reached the specified backoff limit",
        "lastProbeTime": end,
        "lastTransitionTime": end,
    }
    target, failed = {"type": "FailureTarget", **words}, {"type": "Failed", **words}
    common = {"ready": 0, "terminating": 0, "startTime": bench.stamp(0)}
    (uid,) = [pod["metadata"]["uid"] for pod in bench.pods()]
    assert seen[-2] == {"conditions": [target], "uncountedTerminatedPods": {"failed": [uid]}, **common}
    assert seen[-1] == {"conditions": [target, failed], "failed": 1, "uncountedTerminatedPods": {}, **common}


def index_of(pod: Object) -> str:
    return str(pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"])


def test_given_an_indexed_job_when_one_index_keeps_failing_then_the_others_finish_and_the_job_fails(
    bench: Bench,
) -> None:
    running(bench, runs_s=lambda _: 1, exit_code=lambda pod: 0 if index_of(pod) == "0" else 7)
    bench.create(JOBS, job(completions=3, parallelism=3, completionMode="Indexed", backoffLimitPerIndex=1))
    assert bench.wait(lambda: finished(bench)) == 12  # fails at 1, again 10 s later for 1 s
    status = bench.get(JOBS, "work")["status"]
    assert (status["completedIndexes"], status["failedIndexes"]) == ("0", "1,2")
    assert (status["succeeded"], status["failed"]) == (1, 4)
    assert bench.held_condition(JOBS, "work", "Failed")["reason"] == "FailedIndexes"
    counts = sorted(
        (index_of(pod), pod["metadata"]["annotations"]["batch.kubernetes.io/job-index-failure-count"])
        for pod in bench.pods()
    )
    assert counts == [("0", "0"), ("1", "0"), ("1", "1"), ("2", "0"), ("2", "1")]
    first = next(pod for pod in bench.pods() if index_of(pod) == "0")
    assert first["spec"]["hostname"] == "work-0"
    assert first["spec"]["containers"][0]["env"][0]["name"] == "JOB_COMPLETION_INDEX"


def test_given_a_success_policy_when_its_index_succeeded_then_the_others_are_stopped_and_the_job_is_complete(
    bench: Bench,
) -> None:
    running(bench, runs_s=lambda pod: 5 if index_of(pod) == "0" else 100, stop_s=3)
    policy = {"rules": [{"succeededIndexes": "0"}]}
    bench.create(JOBS, job(completions=3, parallelism=3, completionMode="Indexed", successPolicy=policy))
    assert bench.wait(lambda: bench.condition(JOBS, "work", "SuccessCriteriaMet") is not None) == 6
    assert bench.wait(lambda: finished(bench)) == 10
    complete = bench.held_condition(JOBS, "work", "Complete")
    assert (complete["reason"], complete["message"]) == ("SuccessPolicy", "Matched rules at index 0")


def test_given_a_fail_job_rule_when_a_pod_exits_so_then_no_other_is_tried(bench: Bench) -> None:
    running(bench, runs_s=lambda _: 5, exit_code=lambda _: 42)
    rules = [{"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}}]
    bench.create(JOBS, job(backoffLimit=3, podFailurePolicy={"rules": rules}))
    assert bench.wait(lambda: finished(bench)) == 6
    (pod,) = bench.pods()
    text = f"Container main for pod default/{pod['metadata']['name']} failed with exit code 42 matching FailJob rule at index 0"
    assert bench.held_condition(JOBS, "work", "Failed")["message"] == text
    assert bench.events("PodFailurePolicy") == [text]


def test_given_an_ignored_failure_when_it_happens_then_the_limit_is_not_touched(bench: Bench) -> None:
    failing = {"left": 3}

    def code(_: Object) -> int:
        failing["left"] -= 1
        return 42 if failing["left"] >= 0 else 0

    running(bench, runs_s=lambda _: 1, exit_code=code)
    rules = [{"action": "Ignore", "onExitCodes": {"operator": "In", "values": [42]}}]
    bench.create(JOBS, job(backoffLimit=0, podFailurePolicy={"rules": rules}))
    # It still backs off: 1 + 10 + 1 + 20 + 1 + 40 + 1 s.
    assert bench.wait(lambda: finished(bench)) == 74
    status = bench.get(JOBS, "work")["status"]
    assert (status["succeeded"], status.get("failed")) == (1, None)


def test_given_a_deadline_when_it_is_over_then_running_pods_are_stopped_and_the_job_fails_after_their_end(
    bench: Bench,
) -> None:
    running(bench, stop_s=4)
    bench.create(JOBS, job(activeDeadlineSeconds=60, backoffLimit=0))
    assert bench.wait(lambda: bench.condition(JOBS, "work", "FailureTarget") is not None) == 60
    assert bench.get(JOBS, "work")["status"]["terminating"] == 1
    assert bench.wait(lambda: finished(bench)) == 65
    assert bench.held_condition(JOBS, "work", "Failed")["reason"] == "DeadlineExceeded"
    assert bench.get(JOBS, "work")["status"]["failed"] == 1


def test_given_a_suspended_job_when_it_is_resumed_and_suspended_again_then_pods_come_and_go_and_nothing_failed(
    bench: Bench,
) -> None:
    running(bench)
    bench.create(JOBS, job(suspend=True, activeDeadlineSeconds=100))

    def suspend(value: bool) -> None:
        bench.kernel.call(lambda: bench.store.patch(JOBS, "default", "work", {"spec": {"suspend": value}}))

    bench.advance_to(500)
    assert not bench.pods()
    assert "startTime" not in bench.get(JOBS, "work")["status"]
    suspend(False)
    bench.advance_to(550)
    assert len(bench.pods()) == 1
    assert bench.get(JOBS, "work")["status"]["startTime"] == bench.stamp(500)
    suspend(True)
    bench.advance_to(900)
    assert not bench.pods()
    assert "failed" not in bench.get(JOBS, "work")["status"]
    assert [bench.events("Suspended"), bench.events("Resumed")] == [["Job suspended"], ["Job resumed"]]


def test_given_a_job_that_sleeps_past_its_deadline_when_it_is_resumed_then_it_fails_at_once_as_on_a_real_one(
    bench: Bench,
) -> None:
    running(bench)
    bench.create(JOBS, job(activeDeadlineSeconds=3))
    bench.advance_to(1)
    bench.kernel.call(lambda: bench.store.patch(JOBS, "default", "work", {"spec": {"suspend": True}}))
    bench.advance_to(6)
    assert not finished(bench)
    bench.kernel.call(lambda: bench.store.patch(JOBS, "default", "work", {"spec": {"suspend": False}}))
    assert bench.wait(lambda: finished(bench)) == 6
    kinds = [entry["type"] for entry in bench.get(JOBS, "work")["status"]["conditions"]]
    assert kinds == ["Suspended", "FailureTarget", "Failed"]
    assert bench.held_condition(JOBS, "work", "Failed")["reason"] == "DeadlineExceeded"


def test_given_a_pod_that_is_deleted_when_its_end_takes_time_then_the_policy_says_whether_two_run_at_once(
    bench: Bench,
) -> None:
    running(bench, stop_s=20, exit_code=lambda _: 0)
    bench.create(JOBS, job("soon", podReplacementPolicy="TerminatingOrFailed"))
    bench.create(JOBS, job("late", podReplacementPolicy="Failed"))
    bench.advance_to(5)
    for pod in bench.pods():
        bench.kernel.call(partial(bench.store.delete, PODS, "default", name_of(pod)))
    bench.advance_to(20)
    names = sorted(pod["metadata"]["labels"]["job-name"] for pod in bench.pods())
    assert names == ["late", "soon", "soon"]
    bench.advance_to(36)
    names = sorted(pod["metadata"]["labels"]["job-name"] for pod in bench.pods())
    assert names == ["late", "soon"], "the failed one's successor came after its own back-off"


def test_given_a_job_that_is_deleted_when_its_pods_run_then_their_finalizers_hold_nobody(bench: Bench) -> None:
    bench.create(NODES, node("n1"))
    bench.add_standard()
    bench.add_scheduler()
    Kubelet(bench, stop_s=2)
    bench.create(JOBS, job(parallelism=2, completions=2))
    bench.advance_to(5)
    bench.kernel.call(lambda: bench.store.delete(JOBS, "default", "work"))
    assert bench.wait(lambda: not bench.pods()) == 7


def test_given_a_pod_that_the_api_refuses_when_tried_again_then_the_delay_doubles_from_1_s(bench: Bench) -> None:
    running(bench)
    bench.create(JOBS, job(template={"serviceAccountName": "missing"}))
    bench.advance_to(0.5)
    assert len(bench.timeline.of_kind("FailedCreate")) == 1
    bench.advance_to(7.5)
    times = [(record.at_us - bench.kernel.start_us) / 1e6 for record in bench.timeline.of_kind("FailedCreate")]
    assert times == [0, 1, 3, 7]
    assert all("missing" in record.details["message"] for record in bench.timeline.of_kind("FailedCreate"))
    bench.create(SERVICE_ACCOUNTS, new_object(SERVICE_ACCOUNTS, "missing", "default"))
    assert bench.wait(lambda: bool(bench.pods())) == 15


def test_given_a_controller_that_starts_late_when_pods_failed_before_then_the_back_off_is_worked_out_from_them(
    bench: Bench,
) -> None:
    running(bench, runs_s=lambda _: 30, exit_code=lambda _: 42)
    bench.create(JOBS, job(completions=8, parallelism=2, backoffLimit=6))
    bench.advance_to(100)

    def restart() -> None:
        bench.manager.stop("job-controller")
        second = JobController(*bench.parts)
        second.name = "job-controller-2"
        bench.manager.add(second)

    bench.kernel.call(restart)
    assert bench.wait(lambda: finished(bench)) == 541
