"""A defect planted in the embedded cluster is reported by the replay: each test says what it plants. The recordings are the committed ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from harness.clock import MINUTE, SECOND
from harness.cluster.controllers.job import backoff
from harness.cluster.kubelet import probes, starter
from harness.fidelity.command import Places, replay
from harness.fidelity.compare import Difference, compare
from harness.fidelity.embedded import play_embedded
from harness.fidelity.recording import load
from harness.fidelity.trace import Trace, parse_trace
from harness.kube.events import Recorder

PLACES = Places()


def trace(name: str) -> Trace:
    (found,) = PLACES.traces([name])
    return found


def told(differences: list[Difference]) -> str:
    return "\n".join(map(str, differences))


def replayed_with(name: str, change: Callable[[Any], None]) -> str:
    """What the replay of a changed trace says against the recording of the trace as it is: the cluster acts on other orders than it was given."""
    body = copy.deepcopy(yaml.safe_load((PLACES.root / "traces" / f"{name}.yaml").read_text()))
    change(body)
    expected = load(PLACES.recording(trace(name)))
    return told(
        compare(
            expected, play_embedded(parse_trace(name, body), str(expected.about["kubernetes"])), trace(name).tolerance
        )
    )


def test_a_first_back_off_of_12_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_US", 12 * SECOND)
    assert "expected" in told(replay(trace("job/backoff"), PLACES))
    assert "expected" in told(replay(trace("job/backoff-540s"), PLACES))


def test_a_back_off_that_is_capped_at_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "LAST_US", 5 * MINUTE)
    assert "expected" in told(replay(trace("job/backoff-cap"), PLACES))
    assert "expected" in told(replay(trace("job/backoff-540s"), PLACES))


def test_a_back_off_that_counts_pods_that_fail_together_once(monkeypatch: pytest.MonkeyPatch) -> None:
    after = backoff.BackoffRecord.after

    def once(self: backoff.BackoffRecord, succeeded: Any, failed: Any) -> backoff.BackoffRecord:
        found = after(self, succeeded, failed)
        return backoff.BackoffRecord(min(found.failures, self.failures + 1), found.last_failure_us)

    monkeypatch.setattr(backoff.BackoffRecord, "after", once)
    assert "expected" in told(replay(trace("job/backoff-540s"), PLACES))


def test_a_stateful_set_in_another_order() -> None:
    def parallel(body: Any) -> None:
        body["steps"][0]["create"]["spec"]["podManagementPolicy"] = "Parallel"

    assert "Pod/" in replayed_with("statefulset/ordered", parallel)


def test_a_deadline_that_is_not_kept() -> None:
    def endless(body: Any) -> None:
        body["steps"][0]["create"]["spec"]["activeDeadlineSeconds"] = None
        body["end"] = {"at": 20}

    assert "DeadlineExceeded" in replayed_with("job/deadline", endless)


def test_a_rollout_that_takes_an_old_pod_away_first() -> None:
    def other_way_round(body: Any) -> None:
        body["steps"][0]["create"]["spec"]["strategy"]["rollingUpdate"] = {"maxSurge": 0, "maxUnavailable": 1}

    assert "Scaled down replica set" in replayed_with("rollout/surge", other_way_round)


def test_another_victim_of_preemption() -> None:
    def swapped(body: Any) -> None:
        classes = {entry["metadata"]["name"]: entry for entry in body["steps"][0]["create"]}
        classes["pre-low"]["value"], classes["pre-mid"]["value"] = 500, 100

    said = replayed_with("scheduling/preemption", swapped)
    assert "Pod/low" in said
    assert "Pod/mid" in said


def test_another_message(monkeypatch: pytest.MonkeyPatch) -> None:
    event = Recorder.event

    def reworded(self: Recorder, obj: Any, kind: Any, reason: str, message: str, *args: Any, **options: Any) -> None:
        event(self, obj, kind, reason, message.replace("Job completed", "Job is complete"), *args, **options)

    monkeypatch.setattr(Recorder, "event", reworded)
    said = told(replay(trace("job/succeeds"), PLACES))
    assert "event Normal Completed job-controller Job completed: expected" in said
    assert "event Normal Completed job-controller Job is complete: expected at never" in said


def test_a_kubelet_that_asks_a_readiness_probe_only_in_periods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "_SECOND_LOOK_US", 0)
    assert "event Warning Unhealthy kubelet" in told(replay(trace("kubelet/readiness"), PLACES))


def test_a_kubelet_that_looks_at_a_crashed_container_every_20_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starter, "LOOK_US", 20 * SECOND)
    assert "CrashLoopBackOff" in told(replay(trace("kubelet/crash-backoff"), PLACES))


def test_a_container_that_says_nothing_at_its_end() -> None:
    def silent(body: Any) -> None:
        body["steps"][0]["create"]["spec"]["containers"][1]["terminationMessagePolicy"] = "File"

    assert "giving up" in replayed_with("kubelet/last-words", silent)


def test_a_grace_that_is_cut_short() -> None:
    def hasty(body: Any) -> None:
        body["steps"][1]["delete"]["grace"] = 1

    assert "Pod/main" in replayed_with("kubelet/prestop-sleep", hasty)
