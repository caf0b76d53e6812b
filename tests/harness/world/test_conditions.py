"""Conditions: when they are met, what they say, and when they can never be met any more."""

from __future__ import annotations

from typing import Any

import pytest

from harness.kube.resources import DEPLOYMENTS, JOBS, NODES, PODS, WORKFLOWS, Resource
from harness.world.chronicle import NODE_GROUP
from harness.world.conditions import (
    Condition,
    Seen,
    deployment_available,
    job_complete,
    nodes_in_group,
    pod_phase,
    workflow_finished,
    workflow_succeeded,
)
from tests.harness.doubles import Shelf, named, status_condition

Objects = list[tuple[Resource, dict[str, Any]]]


def workflow(**status: Any) -> Objects:
    return [(WORKFLOWS, named("ns/w", status=status))]


def job(**status: Any) -> Objects:
    return [(JOBS, named("ns/j", status=status))]


def deployment(replicas: int | None, available: int | None) -> Objects:
    spec = {} if replicas is None else {"replicas": replicas}
    status = {} if available is None else {"availableReplicas": available}
    return [(DEPLOYMENTS, named("ns/d", spec=spec, status=status))]


def node(name: str, group: str, ready: str = "True") -> tuple[Resource, dict[str, Any]]:
    return NODES, named(name, metadata={"labels": {NODE_GROUP: group}}, status=status_condition("Ready", ready))


def pod(key: str, phase: str, **metadata: Any) -> tuple[Resource, dict[str, Any]]:
    return PODS, named(key, metadata=metadata, spec={}, status={"phase": phase})


MET, NOT_YET, NEVER = (True, False), (False, False), (False, True)

TABLE: list[tuple[str, Condition, Objects, tuple[bool, bool], str]] = [
    ("workflow absent", workflow_succeeded("ns/w"), [], NEVER, "it does not exist"),
    ("workflow new", workflow_succeeded("ns/w"), [(WORKFLOWS, named("ns/w"))], NOT_YET, "not looked at yet"),
    ("workflow runs", workflow_succeeded("ns/w"), workflow(phase="Running"), NOT_YET, "Running"),
    ("workflow done", workflow_succeeded("ns/w"), workflow(phase="Succeeded"), MET, "Succeeded"),
    (
        "workflow failed",
        workflow_succeeded("ns/w"),
        workflow(phase="Failed", message="idr exit code 1"),
        NEVER,
        "Failed idr exit code 1",
    ),
    ("workflow in error", workflow_succeeded("ns/w"), workflow(phase="Error"), NEVER, "Error"),
    ("end: absent", workflow_finished("ns/w"), [], NEVER, "not looked at yet"),
    ("end: runs", workflow_finished("ns/w"), workflow(phase="Running"), NOT_YET, "Running"),
    ("end: failed", workflow_finished("ns/w"), workflow(phase="Failed"), MET, "Failed"),
    ("job absent", job_complete("ns/j"), [], NEVER, "it does not exist"),
    ("job active", job_complete("ns/j"), job(active=1, ready=1), NOT_YET, "{'active': 1}"),
    ("job complete", job_complete("ns/j"), job(succeeded=1, **status_condition("Complete")), MET, "{'succeeded': 1}"),
    ("job failed", job_complete("ns/j"), job(failed=2, **status_condition("Failed")), NEVER, "{'failed': 2}"),
    (
        "job only targeted to fail",
        job_complete("ns/j"),
        job(failed=1, **status_condition("FailureTarget")),
        NOT_YET,
        "{'failed': 1}",
    ),
    ("deployment absent", deployment_available("ns/d"), [], NEVER, "it does not exist"),
    ("deployment new", deployment_available("ns/d"), deployment(2, None), NOT_YET, "0 of 2 replicas available"),
    ("deployment partly", deployment_available("ns/d"), deployment(2, 1), NOT_YET, "1 of 2 replicas available"),
    ("deployment default", deployment_available("ns/d"), deployment(None, 1), MET, "1 of 1 replicas available"),
    ("no pod", pod_phase("ns/a-*", "Running"), [pod("ns/b-1", "Running")], NOT_YET, "no such pod"),
    ("a pod runs", pod_phase("ns/a-*", "Running"), [pod("ns/a-1", "Running")], MET, "{'ns/a-1': 'Running'}"),
    ("a pod waits", pod_phase("ns/a-*", "Running"), [pod("ns/a-1", "Pending")], NOT_YET, "{'ns/a-1': 'Pending'}"),
    (
        "a pod that goes does not count",
        pod_phase("ns/a-*", "Running"),
        [pod("ns/a-1", "Running", deletionTimestamp="2026-03-01T08:00:00Z")],
        NOT_YET,
        "no such pod",
    ),
    ("no node asked", nodes_in_group("small*", 0), [node("a", "heavy")], MET, "no node"),
    ("one too few", nodes_in_group("small*", 2), [node("a", "small-1")], NOT_YET, "{'a': 'Ready'}"),
    ("one too many", nodes_in_group("small*", 0), [node("a", "small-1")], NOT_YET, "{'a': 'Ready'}"),
    ("not ready", nodes_in_group("small", 1), [node("a", "small", "False")], NOT_YET, "{'a': 'NotReady'}"),
    ("as many as asked", nodes_in_group("*", 2), [node("a", "x"), node("b", "y")], MET, "{'a': 'Ready', 'b': 'Ready'}"),
    ("a node of no group", nodes_in_group("small", 0), [(NODES, named("own"))], MET, "no node"),
]


@pytest.mark.parametrize(
    ("condition", "objects", "met_and_hopeless", "words"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_given_objects_then_a_condition_answers(
    condition: Condition, objects: Objects, met_and_hopeless: tuple[bool, bool], words: str
) -> None:
    shelf = Shelf()
    for resource, obj in objects:
        shelf.put(resource, obj)
    met, hopeless = met_and_hopeless
    assert condition.look(shelf) == Seen(met, words, hopeless)


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        (workflow_succeeded("ns/w"), "workflow ns/w succeeded"),
        (workflow_finished("ns/w"), "workflow ns/w finished"),
        (job_complete("ns/j"), "job ns/j complete"),
        (deployment_available("ns/d"), "deployment ns/d available"),
        (pod_phase("ns/*", "Running"), "a pod ns/* is Running"),
        (nodes_in_group("small", 2), "2 Ready nodes in small"),
    ],
)
def test_a_condition_says_what_it_asks(condition: Condition, name: str) -> None:
    assert condition.name == name
