"""Pure rules of node lifecycle and taint eviction."""

from __future__ import annotations

import pytest

from harness.clock import SECOND
from harness.cluster.controllers.nodelifecycle.zones import Tally, ZoneState, all_down, interval_us, state_of
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.cluster.controllers.tainteviction import tolerated_for_us

SETTINGS = ControllerManagerSettings()


@pytest.mark.parametrize(
    ("ready", "not_ready", "state"),
    [
        (0, 1, ZoneState.FULL),
        (0, 0, ZoneState.NORMAL),
        (10, 0, ZoneState.NORMAL),
        (1, 2, ZoneState.NORMAL),  # two are not enough, whatever the share
        (2, 3, ZoneState.PARTIAL),
        (9, 11, ZoneState.PARTIAL),  # exactly 55 %
        (10, 11, ZoneState.NORMAL),
    ],
)
def test_given_a_tally_when_judged_then_the_zone_has_this_state(ready: int, not_ready: int, state: ZoneState) -> None:
    assert state_of(Tally(ready, not_ready), SETTINGS) is state


@pytest.mark.parametrize(
    ("state", "nodes", "interval"),
    [
        (ZoneState.NORMAL, 10, 10),
        (ZoneState.FULL, 10, 10),
        (ZoneState.PARTIAL, 50, None),
        (ZoneState.PARTIAL, 51, 100),
    ],
)
def test_given_a_state_when_rated_then_nodes_are_given_up_at_this_interval(
    state: ZoneState, nodes: int, interval: int | None
) -> None:
    assert interval_us(state, nodes, SETTINGS) == (None if interval is None else interval * SECOND)


def test_given_all_zones_down_when_asked_then_it_is_so_but_not_without_zones() -> None:
    assert all_down({"a": ZoneState.FULL, "b": ZoneState.FULL})
    assert not all_down({"a": ZoneState.FULL, "b": ZoneState.PARTIAL})
    assert not all_down({})


TAINT = {"key": "k", "value": "v", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("tolerations", "seconds"),
    [
        ([], 0),
        ([{"key": "k", "operator": "Exists"}], None),
        ([{"operator": "Exists"}], None),
        ([{"key": "k", "value": "v"}], None),
        ([{"key": "k", "value": "w"}], 0),
        ([{"key": "k", "operator": "Exists", "effect": "NoSchedule"}], 0),
        ([{"key": "k", "operator": "Exists", "tolerationSeconds": 300}], 300),
        (
            [
                {"key": "k", "operator": "Exists", "tolerationSeconds": 300},
                {"key": "k", "value": "v", "tolerationSeconds": 5},
            ],
            300,  # of one taint's tolerations the first counts
        ),
        ([{"key": "k", "operator": "Exists", "tolerationSeconds": -3}], 0),
        ([{"key": "k", "operator": "Exists"}, {"key": "k", "value": "v", "tolerationSeconds": 5}], None),
    ],
)
def test_given_tolerations_when_a_no_execute_taint_stands_then_the_pod_may_stay_so_long(
    tolerations: list[dict[str, object]], seconds: int | None
) -> None:
    assert tolerated_for_us([TAINT], tolerations) == (None if seconds is None else seconds * SECOND)
