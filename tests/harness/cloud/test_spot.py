"""Spot interruptions over virtual time: what the node group does at each announcement, and when things end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.clock import SECOND
from harness.cloud.estate import Estate
from harness.cloud.instances import InstanceState
from harness.cloud.spot import NotSpot, Spot
from harness.kube.resources import NODES, PODS
from tests.harness.cloud.conftest import CLUSTER, Cell, MakeCell, node_group, pod_object

ESTATE = Estate("us-east-1", "123456789012", CLUSTER)


@dataclass
class Board:
    """The instance's metadata, on paper."""

    log: list[tuple[str, str, int]] = field(default_factory=list)

    def notice_interruption(self, instance_id: str, at_us: int) -> None:
        self.log.append(("interruption", instance_id, at_us))

    def notice_rebalance(self, instance_id: str) -> None:
        self.log.append(("rebalance", instance_id, 0))


def _spot(cell: Cell) -> tuple[Spot, Board]:
    board = Board()
    spot = Spot(
        kernel=cell.kernel,
        seeds=cell.seeds,
        timeline=cell.timeline,
        estate=ESTATE,
        groups=cell.groups,
        fleet=cell.fleet,
        drainer=cell.drainer,
        board=board,
    )
    return spot, board


def _with_one_node(make_cell: MakeCell, **changes: Any) -> tuple[Cell, str]:
    cell = make_cell(node_group(desired_size=1, **changes))
    cell.call(cell.groups.start)
    cell.wait(lambda: len(cell.ready_nodes()) == 1)
    return cell, cell.ready_nodes()[0]


def test_given_the_notice_alone_when_it_comes_then_pods_go_at_once_and_the_machine_two_minutes_later(
    make_cell: MakeCell,
) -> None:
    cell, node = _with_one_node(make_cell)
    spot, board = _spot(cell)
    cell.call(lambda: cell.store.create(PODS, pod_object("p", nodeName=node)))
    begin_s = cell.seconds(cell.kernel.now)

    cell.call(lambda: spot.reclaim(node))
    drained_s = cell.wait(lambda: cell.store.get(PODS, "em-pipeline", "p") is None)
    assert cell.node(node)["spec"]["unschedulable"] is True
    shutting_s = cell.wait(lambda: cell.instances.all()[0].state is InstanceState.SHUTTING_DOWN)
    gone_s = cell.wait(lambda: cell.store.get(NODES, None, node) is None)

    assert drained_s - begin_s <= 3
    assert shutting_s - begin_s == pytest.approx(120, abs=1)
    assert 160 <= gone_s - begin_s <= 190, (
        "EC2 says terminated 40 to 60 s after the end, the next look is 5 s later at most"
    )
    kind, instance_id, at_us = board.log[0]
    assert (kind, instance_id) == ("interruption", cell.instances.all()[0].id)
    assert cell.seconds(at_us) - begin_s == pytest.approx(120)
    warning = cell.timeline.of_kind("SpotInterruptionWarning")[0].details["event"]
    assert warning["detail-type"] == "EC2 Spot Instance Interruption Warning"
    assert warning["detail"] == {"instance-id": cell.instances.all()[0].id, "instance-action": "terminate"}


def test_given_an_early_recommendation_when_the_replacement_is_ready_then_the_old_node_drains_and_goes_before_the_notice(
    make_cell: MakeCell,
) -> None:
    cell, node = _with_one_node(make_cell, max_size=1)
    spot, board = _spot(cell)
    cell.call(lambda: cell.store.create(PODS, pod_object("p", nodeName=node)))

    cell.call(lambda: spot.reclaim(node, rebalance_lead_s=600))
    cell.wait(lambda: len(cell.ready_nodes()) == 2)
    assert cell.store.get(PODS, "em-pipeline", "p") is not None, "nothing moves before the replacement is ready"
    cell.wait(lambda: cell.store.get(NODES, None, node) is None)
    cell.run(900)

    assert [entry[0] for entry in board.log] == ["rebalance"]
    assert cell.timeline.of_kind("SpotInterruptionWarning") == []
    assert len(cell.ready_nodes()) == 1
    assert len(cell.instances.all()) == 2
    assert cell.instances.all()[0].reason == "spot rebalance"


def test_given_a_short_lead_when_the_notice_comes_before_the_replacement_is_ready_then_the_drain_starts_at_the_notice(
    make_cell: MakeCell,
) -> None:
    cell, node = _with_one_node(make_cell)
    spot, board = _spot(cell)
    cell.call(lambda: cell.store.create(PODS, pod_object("p", nodeName=node)))
    begin_s = cell.seconds(cell.kernel.now)

    cell.call(lambda: spot.reclaim(node, rebalance_lead_s=10))
    drained_s = cell.wait(lambda: cell.store.get(PODS, "em-pipeline", "p") is None)
    cell.run(600)

    assert 10 <= drained_s - begin_s <= 14
    assert [entry[0] for entry in board.log] == ["rebalance", "interruption"]
    assert [instance.reason for instance in cell.instances.all()] == ["spot interruption", ""]
    assert [use.interrupted for use in cell.instances.usage()] == [True, False]


def test_given_a_pod_that_outlasts_the_drain_when_the_machine_ends_then_it_is_shut_down_gracefully(
    make_cell: MakeCell,
) -> None:
    cell, node = _with_one_node(make_cell)
    cell.machines.pod_end_s = 200
    spot, _board = _spot(cell)
    cell.call(lambda: cell.store.create(PODS, pod_object("p", nodeName=node)))

    cell.call(lambda: spot.reclaim(node))
    cell.run(300)

    what = [(round(at_us / SECOND), entry) for at_us, entry, name in cell.machines.log if name == node]
    assert [entry for _at, entry in what] == ["join", "shut_down 150 30", "leave"]
    assert what[2][0] - what[1][0] <= 150


def test_given_a_lost_machine_when_nobody_was_told_then_pods_stay_and_the_group_replaces_it(
    make_cell: MakeCell,
) -> None:
    cell, node = _with_one_node(make_cell)
    spot, board = _spot(cell)
    cell.call(lambda: cell.store.create(PODS, pod_object("p", nodeName=node)))

    cell.call(lambda: spot.lose_instance(node))
    cell.run(30)

    assert cell.store.get(PODS, "em-pipeline", "p") is not None
    assert board.log == []
    assert cell.instances.all()[0].state is InstanceState.SHUTTING_DOWN
    cell.wait(lambda: len([name for name in cell.ready_nodes() if name != node]) == 1)


def test_given_an_on_demand_node_when_it_shall_be_reclaimed_then_that_is_refused(make_cell: MakeCell) -> None:
    cell, node = _with_one_node(make_cell, capacity_type="ON_DEMAND")
    spot, _board = _spot(cell)

    with pytest.raises(NotSpot, match="on-demand"):
        cell.call(lambda: spot.reclaim(node))
