"""Who runs on which control plane."""

from __future__ import annotations

from typing import Any

from harness.fidelity.real import Lane, plan
from harness.fidelity.trace import Trace, parse_trace


def trace(name: str, **body: Any) -> Trace:
    return parse_trace(f"a/{name}", {"shows": "x", "steps": [], "end": {"at": 1}, **body})


def names(lane: Lane) -> tuple[list[str], list[str]]:
    return [one.name for one in lane.together], [one.name for one in lane.alone]


def test_what_shares_runs_together_and_what_counts_nodes_one_after_another() -> None:
    alone = {"nodes": [{"name": "n"}]}
    lanes = plan([trace("1"), trace("2"), trace("3", **alone), trace("4", **alone)], {}, lanes_max=1)
    assert sorted(map(names, lanes)) == [([], ["a/3", "a/4"]), (["a/1", "a/2"], [])]


def test_other_flags_and_fed_metrics_have_their_own() -> None:
    flags = {"flags": {"controller-manager": ["--x=1"]}}
    metrics: dict[str, Any] = {"steps": [{"metrics": {}}]}
    lanes = plan([trace("1"), trace("2", **flags), trace("3", **metrics), trace("4", **flags)], {}, lanes_max=4)
    assert sorted(names(lane)[0] for lane in lanes) == [["a/1"], ["a/2", "a/4"], ["a/3"]]
    assert [lane.metrics for lane in lanes if lane.together[0].name == "a/3"] == [True]


def test_long_work_is_spread_over_as_many_as_are_allowed_the_longest_first() -> None:
    traces = [trace(str(number), nodes=[{"name": "n"}]) for number in range(12)]
    lanes = plan(traces, {one.name: 60.0 + number for number, one in enumerate(traces)}, lanes_max=3)
    assert len(lanes) == 3
    assert sorted(one.name for lane in lanes for one in lane.alone) == sorted(one.name for one in traces)
    assert lanes[0].duration_s >= lanes[-1].duration_s > 0.8 * lanes[0].duration_s


def test_traces_that_share_have_no_node_name_in_common() -> None:
    shared = {"nodes": [{"name": "n"}], "scheduling": "driver"}
    lanes = plan([trace("1", **shared), trace("2", **shared), trace("3")], {}, lanes_max=4)
    assert sorted(names(lane)[0] for lane in lanes) == [["a/1", "a/3"], ["a/2"]]
