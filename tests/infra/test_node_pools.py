"""A pool is one description: labels, taints, selectors and tolerations agree, and a pod that cannot fit is refused with the size that is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from infra.environments import DEV
from infra.instance_types import ALLOCATABLE, DAEMON_SETS, left_for_pods
from infra.node_pools import NodePool, Requests
from infra.refusal import RefusedValue

SMALL = DEV.pool("small-loaders")


@pytest.mark.parametrize("pool", DEV.node_pools, ids=lambda pool: pool.name)
def test_given_a_pool_then_its_pods_select_its_label_and_tolerate_its_taints(pool: NodePool) -> None:
    assert pool.node_selector.items() <= pool.labels.items()
    assert [(t["key"], t["value"], t["effect"]) for t in pool.tolerations] == [
        (taint.key, taint.value, taint.effect) for taint in pool.taints
    ]
    for taint in pool.taints:
        assert pool.labels[taint.key] == taint.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"instance_types": ()}, "takes 1 to 20 types"),
        ({"instance_types": ("t3.medium",) * 21}, "takes 1 to 20 types"),
        ({"instance_types": ("x9.huge",)}, "its allocatable size is unknown"),
        ({"instance_types": ("t3.large", "t3.medium")}, "the smallest must come first"),
        ({"min_size": -1}, "at least 0"),
        ({"max_size": 0}, "at least 1 and min_size (0)"),
        ({"min_size": 3, "max_size": 2}, "at least 1 and min_size (3)"),
        ({"max_size": 451}, "at most 450 nodes a group"),
        ({"disk_gib": 10}, "at least 20 GiB"),
    ],
)
def test_given_a_value_beyond_its_limit_when_built_then_it_is_refused_with_the_limit(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(RefusedValue) as refused:
        replace(SMALL, **change)
    assert message in str(refused.value)


def test_given_the_daemon_sets_then_they_are_taken_off_every_type() -> None:
    for name, whole in ALLOCATABLE.items():
        left = left_for_pods(name)
        assert (left.cpu_m, left.pods) == (whole.cpu_m - 150, whole.pods - len(DAEMON_SETS))


def test_given_a_pod_of_the_nominal_size_when_asked_then_the_allocatable_one_refuses_it() -> None:
    with pytest.raises(RefusedValue) as refused:
        SMALL.refuse_unless_fits([("loader", Requests(cpu_m=500, memory_mi=4096))])
    assert str(refused.value) == (
        "loader on node pool small-loaders, requests of memory: found '4096Mi', "
        "a t3.medium leaves 3297Mi after its DaemonSets: request less or choose a larger type"
    )


@pytest.mark.parametrize(
    ("cpu_m", "memory_mi", "fits"),
    [(1780, 3297, True), (1781, 1, False), (1, 3298, False)],
    ids=["exactly", "cpu", "memory"],
)
def test_given_requests_at_the_edge_then_the_smallest_type_decides(cpu_m: int, memory_mi: int, fits: bool) -> None:
    asked = [("pod", Requests(cpu_m=cpu_m, memory_mi=memory_mi))]
    if fits:
        SMALL.refuse_unless_fits(asked)
    else:
        with pytest.raises(RefusedValue):
            SMALL.refuse_unless_fits(asked)


def test_given_more_pods_than_addresses_when_asked_then_they_are_refused() -> None:
    with pytest.raises(RefusedValue, match=r"requests of pods: found '14', a t3.medium leaves 13"):
        SMALL.refuse_unless_fits((f"p{n}", Requests(cpu_m=0, memory_mi=0)) for n in range(14))
