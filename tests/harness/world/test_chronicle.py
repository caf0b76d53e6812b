"""The chronicle: what of nodes, pods, jobs and workflows becomes a record, once each."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import Timeline
from harness.kube.resources import JOBS, NODES, PODS, WORKFLOWS
from harness.world.chronicle import CAPACITY_TYPE, INSTANCE_TYPE, NODE_GROUP, ZONE, Chronicle, describe_node
from tests.harness.doubles import START, Shelf, named, status_condition

LABELS = {NODE_GROUP: "small", CAPACITY_TYPE: "SPOT", INSTANCE_TYPE: "t3.medium", ZONE: "us-east-1a", "other": "x"}


class Watched:
    """A shelf whose changes a chronicle writes down; `take()` gives what was written since."""

    def __init__(self) -> None:
        self.shelf = Shelf()
        self.timeline = Timeline(lambda: START)
        self.chronicle = Chronicle(self.shelf, self.timeline)
        self._read = 0

    def take(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(kind, subject, details) of the records since the last call."""
        records = list(self.timeline)[self._read :]
        self._read += len(records)
        return [(record.kind, record.subject, record.details) for record in records]


@pytest.fixture
def watched() -> Watched:
    made = Watched()
    made.chronicle.start()
    made.chronicle.follow_workflows()
    return made


def test_given_a_node_then_its_coming_and_going_are_told_and_its_readiness_is_left_to_others(watched: Watched) -> None:
    bare = named("n", metadata={"labels": LABELS})
    watched.shelf.put(NODES, bare)
    assert watched.take() == [
        (
            "NodeJoined",
            "Node/n",
            {"node_group": "small", "capacity_type": "SPOT", "instance_type": "t3.medium", "zone": "us-east-1a"},
        )
    ]
    watched.shelf.put(NODES, bare | {"status": status_condition("Ready")})
    watched.shelf.put(NODES, bare | {"spec": {"unschedulable": True}})
    assert watched.take() == []
    watched.shelf.remove(NODES, "n")
    assert watched.take() == [("NodeGone", "Node/n", {})]


def test_given_a_pod_then_each_phase_is_told_once_with_reason_and_exit_codes(watched: Watched) -> None:
    def pod(phase: str, **more: Any) -> dict[str, Any]:
        return named("ns/p", spec={"nodeName": "n"}, status={"phase": phase, **more})

    watched.shelf.put(PODS, named("ns/p", spec={}, status={"phase": "Pending"}))
    watched.shelf.put(PODS, pod("Pending"))
    assert watched.take() == [("PodPending", "Pod/ns/p", {"node": None})]
    watched.shelf.put(PODS, pod("Running", containerStatuses=[{"state": {"running": {}}}]))
    assert watched.take() == [("PodRunning", "Pod/ns/p", {"node": "n"})]
    statuses = [{"state": {"terminated": {"exitCode": 143}}}, {"state": {}}]
    watched.shelf.put(PODS, pod("Failed", reason="Terminated", containerStatuses=statuses))
    assert watched.take() == [("PodFailed", "Pod/ns/p", {"node": "n", "reason": "Terminated", "exit_codes": [143]})]
    watched.shelf.remove(PODS, "ns/p")
    assert watched.take() == [("PodGone", "Pod/ns/p", {"node": "n"})]


def test_given_a_pod_without_a_phase_then_nothing_is_told(watched: Watched) -> None:
    watched.shelf.put(PODS, named("ns/p", spec={}))
    assert watched.take() == []


@pytest.mark.parametrize("end", ["Complete", "Failed"])
def test_given_a_job_then_its_end_is_told_once(watched: Watched, end: str) -> None:
    watched.shelf.put(JOBS, named("ns/j"))
    watched.shelf.put(JOBS, named("ns/j", status=status_condition(end, "False")))
    assert watched.take() == []
    watched.shelf.put(JOBS, named("ns/j", status=status_condition(end)))
    watched.shelf.put(JOBS, named("ns/j", status=status_condition(end) | {"succeeded": 1}))
    watched.shelf.remove(JOBS, "ns/j")
    assert watched.take() == [(f"Job{end}", "Job/ns/j", {})]


def test_given_a_workflow_then_each_phase_is_told_once(watched: Watched) -> None:
    watched.shelf.put(WORKFLOWS, named("ns/w"))
    for phase in ("Running", "Running", "Succeeded"):
        watched.shelf.put(WORKFLOWS, named("ns/w", status={"phase": phase}))
    watched.shelf.remove(WORKFLOWS, "ns/w")
    assert [kind for kind, _subject, _details in watched.take()] == ["WorkflowRunning", "WorkflowSucceeded"]


def test_what_exists_already_is_told_first() -> None:
    watched = Watched()
    watched.shelf.put(NODES, named("n", status=status_condition("Ready")))
    watched.shelf.put(WORKFLOWS, named("ns/w", status={"phase": "Running"}))
    watched.chronicle.start()
    assert [kind for kind, _subject, _details in watched.take()] == ["NodeJoined"]
    watched.chronicle.follow_workflows()
    assert [kind for kind, _subject, _details in watched.take()] == ["WorkflowRunning"]


def test_a_node_of_nobody_is_described_by_what_it_has() -> None:
    assert describe_node(named("n", metadata={"labels": {ZONE: "us-east-1b"}})) == {"zone": "us-east-1b"}
