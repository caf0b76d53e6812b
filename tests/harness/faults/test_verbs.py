"""The verbs: each touches what it says, picks a live pod, and refuses when there is none."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import pytest

from harness.faults import (
    CutNetwork,
    DeletePod,
    DrainNode,
    EvictPod,
    FailCalls,
    Fault,
    FillDisk,
    KillNode,
    LoseZone,
    ReclaimSpot,
    RefuseCapacity,
)
from harness.faults.verbs import NothingToHit
from harness.kube.resources import NODES, PODS
from harness.targets.base import TakenInstance
from tests.harness.doubles import Shelf, named


class Hands:
    """A writer that remembers what it was asked."""

    def __init__(self, asked: list[tuple[Any, ...]]) -> None:
        self._asked = asked

    def delete(self, resource: Any, namespace: str, name: str) -> None:
        self._asked.append(("delete", resource, namespace, name))

    def evict(self, namespace: str, pod: str) -> None:
        self._asked.append(("evict", namespace, pod))


class RememberingSurface:
    """A surface over a shelf of pods; `asked` is what was done to it."""

    unsupported: ClassVar[dict[str, str]] = {}

    def __init__(self, *pods: dict[str, Any]) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.reader: Any = Shelf()
        self.writer: Any = Hands(self.asked)
        for pod in pods:
            self.reader.put(PODS, pod)

    def reclaim_spot(self, node: str, *, notice_s: int, rebalance_lead_s: int | None) -> None:
        self.asked.append(("reclaim_spot", node, notice_s, rebalance_lead_s))

    def kill_node(self, node: str) -> None:
        self.asked.append(("kill_node", node))

    def drain_node(self, node: str) -> None:
        self.asked.append(("drain_node", node))

    def fail_calls(self, *rule: Any) -> None:
        self.asked.append(("fail_calls", *rule))

    def lose_zone(self, zone: str, *, for_s: float | None) -> None:
        self.asked.append(("lose_zone", zone, for_s))

    def refuse_capacity(self, code: str, **pools: Any) -> None:
        self.asked.append(("refuse_capacity", code, pools))

    def cut_network(self, pod: str, archives: Any, *, mode: str, for_s: float) -> None:
        self.asked.append(("cut_network", pod, tuple(archives), mode, for_s))

    def fill_disk(self, volume: str, *, leaving_bytes: int, for_s: float) -> None:
        self.asked.append(("fill_disk", volume, leaving_bytes, for_s))

    def unfired_rules(self) -> list[str]:
        return []

    def stored_objects(self) -> list[tuple[str, str]]:
        return []

    def taken_instances(self) -> list[TakenInstance]:
        return []


def pod(key: str, phase: str = "Running", node: str | None = "n1", **metadata: Any) -> dict[str, Any]:
    return named(key, metadata=metadata, spec={"nodeName": node} if node else {}, status={"phase": phase})


def in_zone_of(pattern: str) -> LoseZone:
    return LoseZone(pod=pattern)


def cut_off(pattern: str) -> CutNetwork:
    return CutNetwork(pattern, "flyem", seconds=1)


@pytest.mark.parametrize(
    ("fault", "asked", "hit"),
    [
        (DeletePod("ns/a-*"), ("delete", PODS, "ns", "a-1"), "Pod/ns/a-1"),
        (EvictPod("ns/a-*"), ("evict", "ns", "a-1"), "Pod/ns/a-1"),
        (DrainNode("ns/a-*"), ("drain_node", "n1"), "Node/n1"),
        (ReclaimSpot("ns/a-*"), ("reclaim_spot", "n1", 120, None), "Node/n1"),
        (ReclaimSpot("ns/a-*", notice_s=30, rebalance_lead_s=60), ("reclaim_spot", "n1", 30, 60), "Node/n1"),
        (KillNode("ns/a-*"), ("kill_node", "n1"), "Node/n1"),
        (LoseZone("us-east-1b", seconds=60), ("lose_zone", "us-east-1b", 60), "Zone/us-east-1b"),
        (LoseZone(pod="ns/a-*"), ("lose_zone", "us-east-1a", None), "Zone/us-east-1a"),
        (
            RefuseCapacity(60, instance_type="t3.*", capacity_type="SPOT"),
            (
                "refuse_capacity",
                "InsufficientInstanceCapacity",
                {"instance_type": "t3.*", "zone": "*", "capacity_type": "SPOT", "for_s": 60},
            ),
            "Capacity/t3.*/*/SPOT",
        ),
        (
            CutNetwork("ns/a-*", "ebi-*", seconds=5, mode="reset"),
            ("cut_network", "ns/a-1", ("ebi-api", "ebi-ftp"), "reset", 5),
            "Pod/ns/a-1",
        ),
        (FillDisk(5, leaving_bytes=10), ("fill_disk", "shared", 10, 5), "Volume/shared"),
        (
            FailCalls("PutObject", "SlowDown", pod="ns/*", target="*/c/*", first=2, times=3),
            ("fail_calls", "PutObject", "ns/*", "*/c/*", 2, 3, "SlowDown"),
            "Calls/PutObject",
        ),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "strike") else "",
)
def test_a_verb_does_what_it_says_to_the_pod_that_lives(fault: Fault, asked: tuple[Any, ...], hit: str) -> None:
    surface = RememberingSurface(
        pod("ns/a-0", "Succeeded", "n0"),
        pod("ns/a-1"),
        pod("other/b", node="n9"),
    )
    surface.reader.put(NODES, named("n1", metadata={"labels": {"topology.kubernetes.io/zone": "us-east-1a"}}))
    assert fault.strike(surface) == hit
    assert surface.asked == [asked]


@pytest.mark.parametrize("verb", [DeletePod, EvictPod, DrainNode, ReclaimSpot, KillNode, in_zone_of, cut_off])
@pytest.mark.parametrize(
    "pods",
    [
        (),
        (pod("ns/a-0", "Failed"),),
        (pod("ns/a-0", deletionTimestamp="2026-03-01T08:00:00Z"),),
        (pod("ns/other"),),
    ],
    ids=["none", "ended", "going", "another"],
)
def test_without_a_live_pod_a_verb_refuses(verb: Any, pods: tuple[dict[str, Any], ...]) -> None:
    surface = RememberingSurface(*pods)
    with pytest.raises(NothingToHit, match=r"no live pod matches 'ns/a-\*'"):
        verb("ns/a-*").strike(surface)
    assert surface.asked == []


@pytest.mark.parametrize("verb", [DrainNode, ReclaimSpot, KillNode, in_zone_of])
def test_a_pod_that_is_on_no_node_gives_no_machine_to_hit(verb: Any) -> None:
    with pytest.raises(NothingToHit, match="pod ns/a-0 is on no node"):
        verb("ns/*").strike(RememberingSurface(pod("ns/a-0", "Pending", None)))


@pytest.mark.parametrize("node", [(), (named("n1"),)], ids=["no node", "no label"])
def test_a_pod_whose_node_is_in_no_zone_gives_no_zone_to_lose(node: tuple[dict[str, Any], ...]) -> None:
    surface = RememberingSurface(pod("ns/a-1"))
    for one in node:
        surface.reader.put(NODES, one)
    with pytest.raises(NothingToHit, match=r"node n1 is in no zone: it has no label topology\.kubernetes\.io/zone"):
        LoseZone(pod="ns/*").strike(surface)


@pytest.mark.parametrize(
    ("verb", "values", "words"),
    [
        (LoseZone, {}, "LoseZone: give either the zone or a pod that runs in it"),
        (LoseZone, {"zone": "us-east-1a", "pod": "ns/*"}, "LoseZone: give either the zone or a pod"),
        (LoseZone, {"zone": "us-east-1a", "seconds": 0}, "LoseZone: seconds is 0, a fault that lasts has to last"),
        (RefuseCapacity, {"seconds": -1}, "RefuseCapacity: seconds is -1"),
        (RefuseCapacity, {"seconds": 1, "code": "Sorry"}, "EC2 has no code 'Sorry' here, use one of Insufficient"),
        (CutNetwork, {"pod": "*", "archive": "dandi", "seconds": 1}, "'dandi' matches no archive, use one of ebi-api"),
        (CutNetwork, {"pod": "*", "archive": "*", "seconds": 0}, "CutNetwork: seconds is 0"),
        (
            CutNetwork,
            {"pod": "*", "archive": "*", "seconds": 1, "mode": "slow"},
            "unknown mode 'slow', use one of drop",
        ),
        (FillDisk, {"seconds": 0}, "FillDisk: seconds is 0"),
        (FillDisk, {"seconds": 1, "volume": "scratch"}, "unknown volume 'scratch', the only one is 'shared'"),
        (FillDisk, {"seconds": 1, "leaving_bytes": -1}, "leaving_bytes is -1"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_when_it_is_written(
    verb: Any, values: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        verb(**values)
