"""`harness explain`: what is printed of a pod, from objects alone and over HTTP, and what the command says when it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.cluster.scheduler.explanation import explain, render
from harness.kube.objects import new_object
from harness.kube.resources import NAMESPACES
from harness.kube.snapshot import Snapshot

from .world import node, pod


def snapshot(*objects: dict[str, Any]) -> Snapshot:
    return Snapshot([new_object(NAMESPACES, "default"), *objects])


def printed(reader: Snapshot, wanting: dict[str, Any]) -> str:
    return render(explain(reader, wanting, 0))


def test_given_a_pending_pod_when_explained_then_each_node_has_its_points_or_its_refusal() -> None:
    taint = {"key": "k", "effect": "NoSchedule"}
    waiting = pod("p", requests={"cpu": "1"})
    reader = snapshot(node("good"), node("tainted", taints=[taint]), node("small", cpu="500m"), waiting)
    assert printed(reader, waiting).splitlines() == [
        "Pod default/p: pending (not tried yet)",
        "",
        "1 of 3 nodes could take it now. Weighted points a plugin, raw ones in brackets:",
        "NODE  TOTAL  TaintToleration  NodeResourcesFit  NodeResourcesBalancedAllocation  ImageLocality",
        "good  473    300 (0)          86 (86)           87 (87)                          0 (0)",
        "",
        "Refused by:",
        "NODE     FILTER            REASONS",
        "small    NodeResourcesFit  Insufficient cpu",
        "tainted  TaintToleration   node(s) had untolerated taint(s)",
    ]


def test_given_a_pod_on_a_node_when_explained_then_it_does_not_stand_in_its_own_way() -> None:
    placed = pod("p", requests={"cpu": "3"}, nodeName="b")
    text = printed(snapshot(node("a"), node("b"), placed), placed)
    assert text.startswith("Pod default/p: on node b\n\n2 of 2 nodes could take it now, were it not placed already.")
    assert "\nb *  " in text


def test_given_a_pod_that_fits_nowhere_when_explained_then_the_refusal_is_the_scheduler_s() -> None:
    waiting = pod("p", requests={"cpu": "9"})
    waiting["status"] = {
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "as it was"}]
    }
    text = printed(snapshot(node("a"), waiting), waiting)
    assert "Pod default/p: pending (Unschedulable)\nThe scheduler said: as it was" in text
    assert (
        "No node could take it now: 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
        "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
    ) in text


def test_given_a_lower_pod_in_the_way_when_explained_then_the_victims_are_named() -> None:
    waiting = pod("p", requests={"cpu": "3"}, priority=10)
    text = printed(snapshot(node("a"), pod("low", requests={"cpu": "3"}, nodeName="a"), waiting), waiting)
    assert text.endswith("It would preempt on node a: default/low")


def test_given_no_nodes_when_explained_then_it_says_so() -> None:
    waiting = pod("p")
    assert "No node could take it now: no nodes available to schedule pods" in printed(snapshot(waiting), waiting)


def test_given_no_kubeconfig_when_the_command_runs_then_it_names_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = tmp_path / "kubeconfig"
    assert main(["explain", "p", "--kubeconfig", str(missing)]) == 2
    assert capsys.readouterr().err == (
        f"harness explain: {missing} is missing: start a cluster with harness up, or name one with --kubeconfig FILE\n"
    )
