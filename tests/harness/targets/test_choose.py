"""Targets by name: `aws-dev` ends with one sentence until it exists."""

from __future__ import annotations

import pytest

from harness.targets.base import TargetUnavailable
from harness.targets.choose import NAMES, choose_target


def test_a_target_that_does_not_exist_yet_says_so_in_one_sentence() -> None:
    with pytest.raises(TargetUnavailable) as caught:
        choose_target("aws-dev")
    assert str(caught.value) == "target aws-dev does not exist yet: run with --target=sim, which needs nothing but pip"


def test_an_unknown_target_is_refused_with_the_names_that_exist() -> None:
    with pytest.raises(TargetUnavailable, match=r"^target 'eks' is unknown: choose one of sim, kind, aws-dev$"):
        choose_target("eks")


@pytest.mark.slow
def test_sim_names_itself_and_what_it_can_do() -> None:
    sim = choose_target(NAMES[0])
    assert sim.name == "sim"
    assert sim.capabilities >= {"virtual_time", "real_processes", "spot_market", "bill", "kubernetes_api"}
    assert "real_containers" not in sim.capabilities
