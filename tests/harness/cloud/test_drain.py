"""Drains: what a PodDisruptionBudget holds back, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

from harness.kube.objects import new_object
from harness.kube.resources import POD_DISRUPTION_BUDGETS, PODS
from tests.harness.cloud.conftest import Cell, MakeCell, node_group, pod_object


def _budget(cell: Cell, allowed: int) -> None:
    if cell.store.get(POD_DISRUPTION_BUDGETS, "em-pipeline", "all") is None:
        spec = {"minAvailable": 1, "selector": {"matchLabels": {"app": "a"}}}
        cell.store.create(POD_DISRUPTION_BUDGETS, new_object(POD_DISRUPTION_BUDGETS, "all", "em-pipeline", spec=spec))
    budget = cell.store.get(POD_DISRUPTION_BUDGETS, "em-pipeline", "all")
    assert budget is not None
    status = {
        "disruptionsAllowed": allowed,
        "currentHealthy": 1,
        "desiredHealthy": 1,
        "expectedPods": 1,
        "observedGeneration": budget["metadata"].get("generation", 1),
    }
    cell.store.patch(POD_DISRUPTION_BUDGETS, "em-pipeline", "all", {"status": status}, subresource="status")


def _cell_with_a_guarded_pod(make_cell: MakeCell) -> tuple[Cell, str]:
    cell = make_cell(node_group(desired_size=1))
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 1)
    node = cell.ready_nodes()[0]

    def fill() -> None:
        pod: dict[str, Any] = pod_object("p", nodeName=node)
        pod["metadata"]["labels"] = {"app": "a"}
        cell.store.create(PODS, pod)
        ready = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
        cell.store.patch(PODS, "em-pipeline", "p", {"status": ready}, subresource="status")
        _budget(cell, allowed=0)

    cell.call(fill)
    return cell, node


def _drain(cell: Cell, node: str, done: list[float], *, respects_budgets: bool, timeout_s: int | None = 600) -> None:
    cell.call(
        lambda: cell.drainer.drain(
            node,
            respects_budgets=respects_budgets,
            timeout_s=timeout_s,
            done=lambda: done.append(cell.seconds(cell.kernel.now)),
        )
    )


def test_given_a_budget_when_the_drain_respects_it_then_the_pod_goes_within_5_s_of_its_permission(
    make_cell: MakeCell,
) -> None:
    cell, node = _cell_with_a_guarded_pod(make_cell)
    done: list[float] = []
    _drain(cell, node, done, respects_budgets=True)
    cell.run(60)
    assert cell.store.get(PODS, "em-pipeline", "p") is not None

    cell.call(lambda: _budget(cell, allowed=1))
    permitted_s = cell.seconds(cell.kernel.now)
    cell.wait(lambda: bool(done))

    assert done[0] - permitted_s <= 5 + 2
    assert cell.node(node)["spec"]["unschedulable"] is True


def test_given_a_budget_when_the_drain_ignores_it_then_the_pod_is_deleted_at_once(make_cell: MakeCell) -> None:
    cell, node = _cell_with_a_guarded_pod(make_cell)
    done: list[float] = []
    begin_s = cell.seconds(cell.kernel.now)
    _drain(cell, node, done, respects_budgets=False)
    cell.wait(lambda: bool(done))

    assert done[0] - begin_s == pytest.approx(2)


def test_given_a_budget_that_never_permits_when_time_is_up_then_the_drain_ends_with_the_pod_left(
    make_cell: MakeCell,
) -> None:
    cell, node = _cell_with_a_guarded_pod(make_cell)
    done: list[float] = []
    begin_s = cell.seconds(cell.kernel.now)
    _drain(cell, node, done, respects_budgets=True, timeout_s=90)
    cell.wait(lambda: bool(done))

    assert done[0] - begin_s == pytest.approx(90)
    assert [pod["metadata"]["name"] for pod in cell.call(lambda: cell.drainer.pods_to_move(node))] == ["p"]


def test_given_a_drain_without_a_limit_then_it_tries_until_the_budget_permits(make_cell: MakeCell) -> None:
    # given `kubectl drain`, which never gives up, when a day later the budget permits, then the pod goes
    cell, node = _cell_with_a_guarded_pod(make_cell)
    done: list[float] = []
    _drain(cell, node, done, respects_budgets=True, timeout_s=None)
    cell.run(24 * 3600)
    assert done == []
    assert cell.store.get(PODS, "em-pipeline", "p") is not None
    cell.call(lambda: _budget(cell, allowed=1))
    cell.wait(lambda: bool(done))
    assert cell.store.get(PODS, "em-pipeline", "p") is None


def test_given_a_drain_without_a_limit_when_one_with_a_limit_joins_then_its_time_holds(make_cell: MakeCell) -> None:
    cell, node = _cell_with_a_guarded_pod(make_cell)
    done: list[float] = []
    begin_s = cell.seconds(cell.kernel.now)
    _drain(cell, node, done, respects_budgets=True, timeout_s=None)
    _drain(cell, node, done, respects_budgets=True, timeout_s=90)
    cell.wait(lambda: len(done) == 2)
    assert [moment - begin_s for moment in done] == [pytest.approx(90)] * 2


def test_given_a_drain_that_waits_when_a_stronger_one_begins_then_both_end_and_budgets_no_longer_count(
    make_cell: MakeCell,
) -> None:
    cell, node = _cell_with_a_guarded_pod(make_cell)
    done: list[float] = []
    _drain(cell, node, done, respects_budgets=True)
    cell.run(20)
    _drain(cell, node, done, respects_budgets=False)
    cell.wait(lambda: len(done) == 2)

    assert cell.store.get(PODS, "em-pipeline", "p") is None
