"""Pure rules of the Job controller."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.clock import SECOND, format_time, parse_time
from harness.cluster.controllers.job import backoff, indexes, success_policy
from harness.cluster.controllers.job.names import FINALIZER, INDEX, INDEX_FAILURES
from harness.cluster.controllers.job.pod_failure_policy import Match, match
from harness.cluster.controllers.job.pods import plan
from harness.cluster.controllers.job.view import look

from .bench import START

T0 = parse_time(START)


def ended(
    name: str = "p",
    code: int = 1,
    at_s: int = 0,
    *,
    conditions: tuple[str, ...] = (),
    container: str = "main",
    **meta: Any,
) -> dict[str, Any]:
    state = {"terminated": {"exitCode": code, "finishedAt": format_time(T0 + at_s * SECOND)}}
    return {
        "metadata": {
            "name": name,
            "namespace": "default",
            "uid": name,
            "creationTimestamp": START,
            "finalizers": [FINALIZER],
            **meta,
        },
        "spec": {"nodeName": "n"},
        "status": {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [{"name": container, "state": state}],
            "conditions": [{"type": kind, "status": "True"} for kind in conditions],
        },
    }


def running(name: str, index: int | None = None) -> dict[str, Any]:
    annotations = {} if index is None else {INDEX: str(index)}
    metadata = {
        "name": name,
        "namespace": "default",
        "uid": name,
        "creationTimestamp": START,
        "annotations": annotations,
    }
    return {"metadata": metadata, "spec": {"nodeName": "n"}, "status": {"phase": "Running"}}


def job(status: dict[str, Any] | None = None, **spec: Any) -> dict[str, Any]:
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "main"}]}}
    return {
        "metadata": {"name": "j", "uid": "j"},
        "spec": {"template": template, "parallelism": 2, **spec},
        "status": status or {},
    }


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 10), (2, 20), (3, 40), (6, 320), (7, 600), (8, 600), (1000, 600)]
)
def test_given_failures_in_a_row_when_delayed_then_it_doubles_up_to_10_minutes(failures: int, seconds: int) -> None:
    assert backoff.delay_us(failures) == seconds * SECOND


@pytest.mark.parametrize(
    ("succeeded_at", "failed_at", "failures", "last_s"),
    [
        ([], [], 2, 5),
        ([], [30, 31], 4, 31),
        ([40], [30, 31], 0, None),
        ([30], [20, 35, 36], 2, 36),
    ],
)
def test_given_a_record_when_pods_end_then_failures_since_the_last_success_count(
    succeeded_at: list[int], failed_at: list[int], failures: int, last_s: int | None
) -> None:
    before = backoff.BackoffRecord(2, T0 + 5 * SECOND)
    after = before.after([ended(code=0, at_s=s) for s in succeeded_at], [ended(at_s=s) for s in failed_at])
    assert after.failures == failures
    if last_s is not None:
        assert after.last_failure_us == T0 + last_s * SECOND


def test_given_a_back_off_when_time_passes_then_it_counts_from_the_end_of_the_last_failure() -> None:
    record = backoff.BackoffRecord(2, T0)
    assert record.remaining_us(T0 + 15 * SECOND) == 5 * SECOND
    assert record.remaining_us(T0 + 25 * SECOND) == 0


RULES: list[dict[str, Any]] = [
    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
    {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [43], "containerName": "main"}},
    {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [7]}},
]


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        (ended(code=42, conditions=("DisruptionTarget",)), Match("Ignore", False)),
        (
            ended(code=42),
            Match(
                "FailJob",
                True,
                "Container main for pod default/p failed with exit code 42 matching FailJob rule at index 1",
            ),
        ),
        (ended(code=43), Match("FailIndex", True)),
        (ended(code=43, container="side"), Match("Count", True)),
        (ended(code=7), Match()),
    ],
)
def test_given_a_failure_policy_when_a_pod_failed_then_the_first_rule_that_matches_decides(
    pod: dict[str, Any], expected: Match
) -> None:
    assert match({"rules": RULES}, pod) == expected


def test_given_no_failure_policy_when_a_pod_failed_then_it_counts() -> None:
    assert match(None, ended()) == Match()


@pytest.mark.parametrize(
    ("text", "found"), [("", set()), ("1", {1}), ("1,3-5", {1, 3, 4, 5}), ("0-9", {0, 1, 2, 3, 4, 5})]
)
def test_given_index_text_when_parsed_then_these_below_6_are_meant(text: str, found: set[int]) -> None:
    assert indexes.parse(text, 6) == found


@given(st.frozensets(st.integers(0, 60)))
def test_given_any_indexes_when_rendered_and_parsed_then_they_are_the_same(found: frozenset[int]) -> None:
    assert indexes.parse(indexes.render(found), 61) == found


@pytest.mark.parametrize(
    ("rule", "succeeded", "message"),
    [
        ({"succeededCount": 2}, {0, 4}, "Matched rules at index 0"),
        ({"succeededCount": 3}, {0, 4}, None),
        ({"succeededIndexes": "0-1"}, {0, 1, 3}, "Matched rules at index 0"),
        ({"succeededIndexes": "0-1"}, {0, 3}, None),
        ({"succeededIndexes": "0-2", "succeededCount": 1}, {2}, "Matched rules at index 0"),
        ({"succeededIndexes": "0-2", "succeededCount": 1}, {4}, None),
    ],
)
def test_given_a_success_policy_when_indexes_succeeded_then_it_is_met_or_not(
    rule: dict[str, Any], succeeded: set[int], message: str | None
) -> None:
    indexed = job(completions=5, completionMode="Indexed", successPolicy={"rules": [rule]})
    assert success_policy.met(indexed, frozenset(succeeded)) == message


@pytest.mark.parametrize(
    ("spec", "status", "pods", "starts", "removes"),
    [
        ({"completions": 5}, {}, [], 2, 0),
        ({"completions": 5}, {"succeeded": 4}, [], 1, 0),
        ({"completions": 5}, {"succeeded": 5}, [], 0, 0),
        ({"completions": 5, "parallelism": 0}, {}, [running("a")], 0, 1),
        ({}, {}, [], 2, 0),  # no completions: parallelism until one succeeds
        ({}, {"succeeded": 1}, [running("a")], 0, 0),
        ({"completions": 5, "suspend": True}, {}, [running("a"), running("b")], 0, 2),
        ({"completions": 2, "completionMode": "Indexed"}, {}, [running("a", 0), running("b", 0)], 0, 1),
        ({"completions": 2, "completionMode": "Indexed"}, {"completedIndexes": "0"}, [], 1, 0),
    ],
)
def test_given_a_job_when_planned_then_so_many_pods_start_or_go(
    spec: dict[str, Any], status: dict[str, Any], pods: list[dict[str, Any]], starts: int, removes: int
) -> None:
    todo = plan(look(job(status, **spec), pods), 0, T0)
    assert (len(todo.start), len(todo.remove)) == (starts, removes)


def test_given_a_terminating_pod_when_only_failed_ones_are_replaced_then_its_place_stays_taken() -> None:
    leaving = {**running("a"), "metadata": {**running("a")["metadata"], "deletionTimestamp": START}}
    waits = plan(look(job(completions=5, podReplacementPolicy="Failed"), [leaving]), 0, T0)
    hurries = plan(look(job(completions=5, podReplacementPolicy="TerminatingOrFailed"), [leaving]), 0, T0)
    assert (len(waits.start), len(hurries.start)) == (1, 2)


def test_given_a_limit_per_index_when_indexes_failed_then_each_has_its_own_delay() -> None:
    spec: dict[str, Any] = {"completions": 3, "completionMode": "Indexed", "backoffLimitPerIndex": 2, "parallelism": 3}
    first = ended("a", at_s=0, annotations={INDEX: "0", INDEX_FAILURES: "0"})
    second = ended("b", at_s=0, annotations={INDEX: "1", INDEX_FAILURES: "1"})
    view = look(job(**spec), [first, second])
    assert plan(view, 0, T0).start == (2,)
    assert plan(view, 0, T0).wait_us == 10 * SECOND
    assert plan(view, 0, T0 + 10 * SECOND).start == (0, 2)
    assert plan(view, 0, T0 + 20 * SECOND).start == (0, 1, 2)
    third = ended("c", at_s=0, annotations={INDEX: "2", INDEX_FAILURES: "2"})
    assert look(job(**spec), [third]).failed_indexes == {2}
