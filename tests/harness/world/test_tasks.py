"""Tasks of a Workflow: which status nodes are tasks, where their last attempt ran, how often they were tried."""

from __future__ import annotations

from typing import Any

from harness.clock import Record
from harness.world.tasks import TaskRun, task_runs
from tests.harness.doubles import START, named

SMALL = {"node_group": "small", "capacity_type": "SPOT", "instance_type": "t3.medium"}
JOINED = [Record(START, "NodeJoined", "Node/a", SMALL), Record(START, "NodeReady", "Node/a", {})]


def status_node(name: str, kind: str, **more: Any) -> dict[str, Any]:
    template = name.partition("(")[0]
    return {
        "id": f"w-{name}",
        "templateName": template,
        "displayName": name,
        "type": kind,
        "phase": "Succeeded",
        "boundaryID": "w",
        **more,
    }


def runs(*nodes: dict[str, Any]) -> list[TaskRun]:
    return task_runs(named("ns/w", status={"nodes": {node["id"]: node for node in nodes}}), JOINED)


def test_given_a_plain_pod_then_it_is_one_attempt_on_its_node() -> None:
    times = {"startedAt": "2026-03-01T08:00:00Z", "finishedAt": "2026-03-01T08:10:00Z"}
    assert runs(status_node("idr", "Pod", hostNodeName="a", **times)) == [
        TaskRun("idr", "Succeeded", "a", "small", "SPOT", times["startedAt"], times["finishedAt"], 1, ("w-idr-idr",))
    ]


def test_given_retries_then_the_last_attempt_says_where_and_all_are_counted() -> None:
    (task,) = runs(
        status_node("flyem", "Retry", children=["w-flyem(0)", "w-flyem(1)"]),
        status_node("flyem(0)", "Pod", hostNodeName="gone", phase="Failed"),
        status_node("flyem(1)", "Pod", hostNodeName="a"),
    )
    assert (task.name, task.attempts, task.node, task.node_group) == ("flyem", 2, "a", "small")
    assert task.pods == ("w-flyem-flyem(0)", "w-flyem-flyem(1)")


def test_given_a_retry_that_runs_on_then_the_next_task_among_its_children_is_no_attempt() -> None:
    tasks = runs(
        status_node("idr", "Retry", children=["w-idr(0)"]),
        status_node("idr(0)", "Pod", hostNodeName="a", children=["w-flyem"]),
        status_node("flyem", "Retry", children=["w-flyem(0)", "w-not-there-yet"]),
        status_node("flyem(0)", "Pod"),
    )
    assert {task.name: task.attempts for task in tasks} == {"idr": 1, "flyem": 1}


def test_given_nodes_that_are_no_tasks_then_they_are_left_out() -> None:
    assert (
        runs(
            {"id": "w", "displayName": "w", "type": "DAG", "phase": "Running"},
            status_node("group", "TaskGroup"),
            status_node("inner", "Pod", boundaryID="elsewhere"),
        )
        == []
    )


def test_given_a_task_that_waits_then_it_is_on_no_node_and_sorts_first() -> None:
    tasks = runs(
        status_node("later", "Pod", startedAt="2026-03-01T08:05:00Z"),
        status_node("earlier", "Pod", startedAt="2026-03-01T08:00:00Z"),
        status_node("waiting", "Retry", phase="Pending"),
    )
    assert [task.name for task in tasks] == ["waiting", "earlier", "later"]
    assert (tasks[0].node, tasks[0].node_group, tasks[0].attempts) == (None, None, 0)


def test_given_a_workflow_that_nobody_looked_at_then_there_are_no_tasks() -> None:
    assert task_runs(named("ns/w"), JOINED) == []
