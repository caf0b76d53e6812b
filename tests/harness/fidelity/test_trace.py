"""Traces as files: what is understood, and that mistakes are named with their place."""

from __future__ import annotations

from typing import Any

import pytest

from harness.clock import SECOND
from harness.fidelity.trace import parse_trace
from harness.fidelity.values import TraceError, duration_us, lookup, parse_condition

JOB = {"kind": "Job", "metadata": {"name": "main"}, "spec": {}}
END = {"at": "10s"}


def trace(**body: Any) -> dict[str, Any]:
    return {"shows": "Something.", "steps": [{"create": JOB}], "end": END, **body}


def test_a_trace_without_nodes_is_bound_by_the_driver_and_shares_a_control_plane() -> None:
    read = parse_trace("job/x", trace())
    assert (read.scheduling, read.isolation, read.namespace) == ("driver", "shared", "job-x")
    assert list(read.observe) == ["Job", "Pod", "Event"]
    assert [node.name for node in read.nodes] == ["job-x-node"]


def test_with_nodes_the_real_scheduler_is_asked_and_the_control_plane_is_its_own() -> None:
    read = parse_trace("job/x", trace(nodes=[{"names": ["a1", "a2"], "zone": "z"}]))
    assert (read.scheduling, read.isolation) == ("default", "alone")
    assert read.nodes[1].labels == {"topology.kubernetes.io/zone": "z"}


def test_a_deployment_is_observed_with_its_replica_sets() -> None:
    steps = [{"create": [{"kind": "Deployment"}, {"kind": "ConfigMap"}]}]
    assert list(parse_trace("a/b", trace(steps=steps)).observe) == ["Deployment", "ReplicaSet", "Pod", "Event"]


def test_the_digest_is_of_what_is_played_not_of_how_it_is_told() -> None:
    base = parse_trace("a/b", trace()).digest
    assert parse_trace("a/b", trace(shows="In other words.", tolerance={"seconds": 3, "because": "x"})).digest == base
    assert parse_trace("a/b", trace(end={"at": "11s"})).digest != base


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"shows": None}, "shows: missing"),
        ({"speed": 1}, "trace: 'speed' is not known"),
        ({"end": None}, "end: missing"),
        ({"steps": [{"at": "1s"}]}, "steps[1]: has 0 verbs"),
        ({"steps": [{"create": JOB, "delete": {}}]}, "steps[1]: has 2 verbs"),
        ({"steps": [{"at": "soon", "create": JOB}]}, "steps[1].at: 'soon' is no duration"),
        ({"steps": [{"after": {"kind": "Jbo"}, "wait": None}]}, "steps[1].after: 'Jbo' is no kind"),
        ({"kubelet": [{"exits": 1}]}, "kubelet[0]: 'exits' is not known"),
        ({"tolerance": {"seconds": 3}}, "tolerance: say why"),
        ({"observe": {"Pod": {"drop": ["node"]}}}, "observe.Pod: say why"),
        ({"flags": {"kubelet": []}}, "flags: 'kubelet' is not known"),
        ({"isolation": "maybe"}, "isolation: 'maybe' is none of shared, alone"),
        ({"nodes": [{}]}, "nodes[0]: a node needs a name"),
        ({"oracle": "kind", "nodes": [{"name": "a"}]}, "such a trace plays on real nodes"),
    ],
)
def test_a_mistake_is_named_with_its_place(body: dict[str, Any], said: str) -> None:
    with pytest.raises(TraceError) as caught:
        parse_trace("a/b", trace(**body))
    assert said in str(caught.value)


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("1m30s", 90), ("250ms", 0.25), (2, 2), ("-5s", -5)])
def test_durations(text: str | int, seconds: float) -> None:
    assert duration_us(text, "x") == seconds * SECOND


def test_places_in_objects() -> None:
    obj = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}, "metadata": {"labels": {"a": "b"}}}
    assert lookup(obj, "status.conditions[type=Ready].status") == "True"
    assert lookup(obj, "status.conditions[0].type") == "Ready"
    assert lookup(obj, "status.conditions[type=Bad].status") is None
    assert lookup(obj, "spec.x.y") is None


@pytest.mark.parametrize(("count", "holds"), [(2, True), (">=1", True), ("<2", False), (">2", False), (None, True)])
def test_conditions_count_what_matches(count: int | str | None, holds: bool) -> None:
    body = {"kind": "Pod", "where": {"status.phase": "Running"}} | ({} if count is None else {"count": count})
    pods = [{"metadata": {"name": name}, "status": {"phase": phase}} for name, phase in (("a", "Running"), ("b", "Running"), ("c", "Failed"))]  # fmt: skip
    assert parse_condition(body, "x").holds(pods) is holds


def test_an_unset_number_counts_as_0() -> None:
    condition = parse_condition({"kind": "Job", "where": {"status.active": 0}}, "x")
    assert condition.holds([{"metadata": {"name": "a"}, "status": {}}])
