"""The small rules as tables: names, durations, retry decisions, what a pod says, patches, loops, clean-up."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.clock import SECOND, parse_time
from harness.workflows import InvalidSpec
from harness.workflows.assess import Finding, assess
from harness.workflows.cleanup import pods_to_delete, time_to_live_us
from harness.workflows.durations import go_time, humanize, parse_duration
from harness.workflows.items import expand
from harness.workflows.naming import display_name, fnv32a, node_id, pod_name
from harness.workflows.podspec_patch import apply_patch
from harness.workflows.retry import Decision, decide, policy_of, retry_scope

START = "2026-03-01T08:00:00Z"
NOW_US = parse_time("2026-03-01T08:00:10Z")


def test_names_are_hashes_as_go_computes_them() -> None:
    assert [fnv32a(""), fnv32a("a"), fnv32a("hello")] == [2166136261, 3826002220, 1335831723]
    assert node_id("wf", "wf") == "wf"
    assert node_id("wf", "wf.a") == f"wf-{fnv32a('wf.a')}"
    assert pod_name("wf", "wf", "main") == "wf"
    assert pod_name("wf", "wf.a", "echo") == f"wf-echo-{fnv32a('wf.a')}"
    assert len(pod_name("w" * 200, "n", "t" * 200)) <= 253


@pytest.mark.parametrize(
    ("name", "boundary", "shown"),
    [
        ("wf", "", "wf"),
        ("wf.a", "wf", "a"),
        ("wf[0].a", "wf", "a"),
        ("wf[0]", "wf", "[0]"),
        ("wf.a(0)", "wf", "a(0)"),
        ("wf.a.b", "wf.a", "b"),
    ],
)
def test_display_names_leave_the_boundary_out(name: str, boundary: str, shown: str) -> None:
    assert display_name(name, boundary) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("20s", 20), ("1h30m", 5400), ("90", 90), (5, 5), ("1.5m", 90), ("500ms", 0.5), ("1d", 86400)]
)
def test_durations_are_read(text: Any, seconds: float) -> None:
    assert parse_duration(text) == seconds * SECOND


@pytest.mark.parametrize("text", ["", "soon", "5 apples", "s5"])
def test_what_is_no_duration_is_named(text: str) -> None:
    with pytest.raises(InvalidSpec, match="as a duration"):
        parse_duration(text)


def test_times_are_written_as_go_writes_them() -> None:
    assert go_time(parse_time(START)) == "2026-03-01 08:00:00 +0000 UTC"
    assert humanize(90 * SECOND) == "1 minutes 30 seconds"


def attempt(phase: str, code: str | None = None, message: str = "", ended: str = START) -> dict[str, Any]:
    outputs = {"outputs": {"exitCode": code}} if code else {}
    return {"phase": phase, "startedAt": START, "finishedAt": ended, "message": message, **outputs}


FAILED, ERROR = attempt("Failed", "1", "main: Error (exit code 1)"), attempt("Error", None, "pod deleted")


@pytest.mark.parametrize(
    ("strategy", "attempts", "decision"),
    [
        ({}, [attempt("Succeeded", "0")], Decision(phase="Succeeded")),
        ({}, [FAILED], Decision(again=True)),
        ({"limit": 0}, [FAILED], Decision(phase="Failed", message="No more retries left")),
        ({"limit": "1"}, [FAILED], Decision(again=True)),
        ({"limit": 1}, [FAILED, FAILED], Decision(phase="Failed", message="No more retries left")),
        ({}, [ERROR], Decision(phase="Error", message="pod deleted")),
        ({"retryPolicy": "OnError"}, [FAILED], Decision(phase="Failed", message="main: Error (exit code 1)")),
        ({"retryPolicy": "OnError"}, [ERROR], Decision(again=True)),
        ({"retryPolicy": "Always"}, [ERROR], Decision(again=True)),
        ({"retryPolicy": "OnTransientError"}, [FAILED], Decision(phase="Failed", message="main: Error (exit code 1)")),
        ({"retryPolicy": "OnTransientError"}, [attempt("Error", None, "i/o timeout")], Decision(again=True)),
        ({"expression": "true"}, [ERROR], Decision(again=True)),  # an expression makes the policy Always
        ({"expression": "true", "retryPolicy": "OnFailure"}, [ERROR], Decision(phase="Error", message="pod deleted")),
        ({"expression": 'lastRetry.exitCode == "-1"'}, [ERROR], Decision(again=True)),
        ({"expression": "retries == '1'"}, [FAILED, FAILED], Decision(again=True)),
        (
            {"expression": "false"},
            [FAILED],
            Decision(phase="Failed", message="retryStrategy.expression evaluated to false"),
        ),
        (
            {"limit": 3, "backoff": {"duration": "60"}},
            [FAILED],
            Decision(wait_us=50 * SECOND, message="Backoff for 1 minutes"),
        ),
        ({"limit": 3, "backoff": {"duration": "5s", "factor": 2}}, [FAILED, FAILED], Decision(again=True)),
        (
            {"limit": 3, "backoff": {"duration": "6s", "factor": "2"}},
            [FAILED, FAILED],
            Decision(wait_us=2 * SECOND, message="Backoff for 12 seconds"),
        ),
        (
            {"limit": 3, "backoff": {"duration": "60s", "cap": "20s"}},
            [FAILED],
            Decision(wait_us=10 * SECOND, message="Backoff for 20 seconds"),
        ),
        (
            {"backoff": {"duration": "1s", "maxDuration": "5s"}},
            [FAILED],
            Decision(phase="Failed", message="Max duration limit exceeded"),
        ),
        (
            {"backoff": {"duration": "30s", "maxDuration": "20s"}},
            [FAILED],
            Decision(phase="Failed", message="Backoff would exceed max duration limit"),
        ),
    ],
)
def test_what_follows_an_attempt(strategy: dict[str, Any], attempts: list[dict[str, Any]], decision: Decision) -> None:
    assert decide(strategy, attempts, now_us=NOW_US) == decision


def test_a_shutdown_and_a_deadline_end_the_retries() -> None:
    assert decide({}, [FAILED], now_us=NOW_US, shutdown="Stop").message == "Stopped with strategy 'Stop'"
    late = decide({}, [FAILED], now_us=NOW_US, deadline_us=NOW_US)
    assert late == Decision(phase="Failed", message="retry exceeded workflow deadline 2026-03-01 08:00:10 +0000 UTC")


def test_policies_and_what_the_next_attempt_is_told() -> None:
    assert policy_of({}) == "OnFailure"
    with pytest.raises(InvalidSpec, match="Often is not a valid RetryPolicy"):
        policy_of({"retryPolicy": "Often"})
    assert retry_scope([])["retries"] == "0"
    assert retry_scope([ERROR]) == {
        "retries": "1",
        "lastRetry.exitCode": "0",
        "lastRetry.status": "Error",
        "lastRetry.duration": "0",
        "lastRetry.message": "pod deleted",
    }


def pod(phase: str, *containers: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "p", "namespace": "n"},
        "spec": {"nodeName": "host"},
        "status": {"phase": phase, "containerStatuses": list(containers), **status},
    }


def ended(name: str, code: int, reason: str = "Error", **more: Any) -> dict[str, Any]:
    return {"name": name, "state": {"terminated": {"exitCode": code, "reason": reason, **more}}}


def waits(name: str, **waiting: str) -> dict[str, Any]:
    return {"name": name, "state": {"waiting": waiting}}


UNSCHEDULABLE = {
    "type": "PodScheduled",
    "status": "False",
    "reason": "Unschedulable",
    "message": "0/3 nodes are available",
}


@pytest.mark.parametrize(
    ("found", "phase", "message"),
    [
        (pod("Pending"), "Pending", ""),
        (pod("Pending", waits("main", reason="ContainerCreating")), "Pending", "ContainerCreating"),
        (pod("Pending", waits("main", reason="ErrImagePull", message="gone")), "Pending", "ErrImagePull: gone"),
        (pod("Pending", conditions=[UNSCHEDULABLE]), "Pending", "Unschedulable: 0/3 nodes are available"),
        (pod("Running"), "Running", ""),
        (pod("Succeeded", ended("main", 0, "Completed")), "Succeeded", ""),
        (pod("Failed", ended("main", 3)), "Failed", "main: Error (exit code 3)"),
        (pod("Failed", ended("main", 137, "OOMKilled")), "Failed", "main: OOMKilled (exit code 137)"),
        (pod("Failed", ended("main", 1, message="why")), "Failed", "main: Error (exit code 1): why"),
        (pod("Failed", ended("side", 1), ended("main", 2)), "Failed", "main: Error (exit code 2)"),
        (pod("Failed", ended("main", 0), ended("side", 9)), "Failed", "side: Error (exit code 9)"),
        (pod("Failed", ended("main", 1), message="Pod was rejected"), "Failed", "Pod was rejected"),
        (pod("Failed"), "Failed", "can't find failed message for pod p namespace n"),
        (
            pod("Failed", waits("main", reason="Gone", message="x")),
            "Error",
            "Pod failed before main container starts due to Gone: x",
        ),
        (
            pod("Failed", ended("main", 0), initContainerStatuses=[ended("prepare", 1)]),
            "Error",
            "prepare: Error (exit code 1)",
        ),
    ],
)
def test_a_pod_gives_its_node_this_phase_and_message(found: dict[str, Any], phase: str, message: str) -> None:
    finding = assess(found, {"phase": "Pending"})
    assert finding is not None
    assert (finding.phase, finding.message or "", finding.host) == (phase, message, "host")


@pytest.mark.parametrize(
    ("code", "phase", "message"), [(143, "Failed", "main: Error (exit code 143)"), (0, "Succeeded", "")]
)
def test_a_pod_that_was_ended_for_a_shutdown_is_told_by_its_own_end(code: int, phase: str, message: str) -> None:
    stopped = pod(
        "Failed", ended("main", code), message="Pod was active on the node longer than the specified deadline"
    )
    finding = assess(stopped, {"phase": "Failed", "message": "workflow shutdown with strategy:  Stop"})
    assert finding == Finding(phase, message, code, "host")


def test_the_message_of_a_node_that_ran_before_is_left_and_no_status_says_nothing() -> None:
    assert assess(pod("Running"), {"phase": "Error", "message": "pod deleted"}) == Finding("Running", None, host="host")
    assert assess({"metadata": {}, "spec": {}}, {"phase": "Pending"}) is None


SPEC = {
    "containers": [
        {"name": "main", "image": "a", "resources": {"limits": {"cpu": "1"}}, "env": [{"name": "X", "value": "1"}]}
    ],
    "restartPolicy": "Never",
}


@pytest.mark.parametrize(
    ("patch", "path", "value"),
    [
        ('{"terminationGracePeriodSeconds": 60}', ("terminationGracePeriodSeconds",), 60),
        (
            "containers:\n- name: main\n  resources: {limits: {memory: 1Gi}}",
            ("containers", 0, "resources", "limits"),
            {"cpu": "1", "memory": "1Gi"},
        ),
        (
            "containers: [{name: main, env: [{name: X, value: '2'}, {name: Y, value: z}]}]",
            ("containers", 0, "env", 1, "value"),
            "z",
        ),
        (
            "containers: [{name: side, image: b}]",
            ("containers", 0, "image"),
            "b",
        ),  # what is new comes first, as upstream
        ("containers: [{name: main, $patch: delete}]", ("containers",), []),
        ("restartPolicy: null\nnodeName: x", ("nodeName",), "x"),
        ("$retainKeys: [nodeName]\nnodeName: x", (), {"nodeName": "x"}),
        (
            "containers: [{name: side}, {name: main}]\n$setElementOrder/containers: [{name: side}, {name: main}]",
            ("containers", 0, "name"),
            "side",
        ),
    ],
)
def test_a_patch_is_merged_by_the_keys_of_a_pod(patch: str, path: tuple[Any, ...], value: Any) -> None:
    found: Any = apply_patch(SPEC, patch)
    for key in path:
        found = found[key]
    assert found == value


@pytest.mark.parametrize("patch", ["[1]", "{", "containers: [{image: x}]", "containers: [{name: main, $patch: x}]"])
def test_a_patch_that_is_none_is_refused(patch: str) -> None:
    with pytest.raises(InvalidSpec, match="podSpecPatch"):
        apply_patch(SPEC, patch)


@pytest.mark.parametrize(
    ("loop", "names"),
    [
        ({}, None),
        ({"withItems": ["x", 2, True]}, ["t(0:x)", "t(1:2)", "t(2:true)"]),
        ({"withItems": [{"b": 1, "a": "z"}]}, ["t(0:a:z,b:1)"]),
        ({"withItems": [[1, 2]]}, ["t(0:[1,2])"]),
        ({"withParam": '["x"]'}, ["t(0:x)"]),
        ({"withParam": "[]"}, []),
        ({"withSequence": {"count": "2"}}, ["t(0:0)", "t(1:1)"]),
        ({"withSequence": {"start": "2", "end": "0"}}, ["t(0:2)", "t(1:1)", "t(2:0)"]),
        ({"withSequence": {"count": 1, "start": 10, "format": "n%03X"}}, ["t(0:n00A)"]),
        ({"withSequence": {"count": 0}}, []),
    ],
)
def test_a_loop_gives_these_tasks(loop: dict[str, Any], names: list[str] | None) -> None:
    expanded = expand({"name": "t", **loop}, {})
    assert (expanded if expanded is None else [task["name"] for task in expanded]) == names


@pytest.mark.parametrize(
    "loop",
    [
        {"withParam": "x"},
        {"withParam": '{"a": 1}'},
        {"withSequence": {}},
        {"withSequence": {"count": 1, "format": "x"}},
    ],
)
def test_a_loop_over_nothing_is_refused(loop: dict[str, Any]) -> None:
    with pytest.raises(InvalidSpec):
        expand({"name": "t", **loop}, {})


@settings(deadline=None)
@given(st.integers(-20, 20), st.integers(-20, 20))
def test_a_sequence_has_both_its_ends(start: int, end: int) -> None:
    expanded = expand({"name": "t", "arguments": "{{item}}", "withSequence": {"start": start, "end": end}}, {})
    assert expanded is not None
    values = [int(task["arguments"]) for task in expanded]
    assert (values[0], values[-1], len(values)) == (start, end, abs(end - start) + 1)


def finished(phase: str, **spec: Any) -> dict[str, Any]:
    return {"spec": spec, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("rule", "phase", "seconds"),
    [
        ({}, "Succeeded", None),
        ({"secondsAfterCompletion": 9}, "Error", 9),
        ({"secondsAfterSuccess": 5, "secondsAfterCompletion": 9}, "Succeeded", 5),
        ({"secondsAfterFailure": 7, "secondsAfterCompletion": 9}, "Failed", 7),
    ],
)
def test_the_time_to_live(rule: dict[str, int], phase: str, seconds: int | None) -> None:
    expected = None if seconds is None else seconds * SECOND
    assert time_to_live_us(finished(phase, ttlStrategy=rule)) == expected


def test_pod_gc_keeps_to_its_delay_and_its_selector() -> None:
    pods = [
        {"metadata": {"name": name, "namespace": "n", "labels": {"keep": keep}}, "status": {"phase": "Succeeded"}}
        for name, keep in (("a", "no"), ("b", "yes"))
    ]
    rule = {
        "strategy": "OnPodCompletion",
        "deleteDelayDuration": "1m",
        "labelSelector": {"matchLabels": {"keep": "no"}},
    }
    assert pods_to_delete(finished("Running", podGC=rule), pods) == {"n/a": 60 * SECOND}
