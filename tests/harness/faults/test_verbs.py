"""The verbs: each touches what it says, picks a live pod, and refuses when there is none."""

from __future__ import annotations

from typing import Any

import pytest

from harness.faults import DeletePod, DrainNode, EvictPod, FailCalls, Fault, KillNode, ReclaimSpot
from harness.faults.verbs import NothingToHit
from harness.kube.resources import PODS
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

    def unfired_rules(self) -> list[str]:
        return []

    def taken_instances(self) -> list[TakenInstance]:
        return []


def pod(key: str, phase: str = "Running", node: str | None = "n1", **metadata: Any) -> dict[str, Any]:
    return named(key, metadata=metadata, spec={"nodeName": node} if node else {}, status={"phase": phase})


@pytest.mark.parametrize(
    ("fault", "asked", "hit"),
    [
        (DeletePod("ns/a-*"), ("delete", PODS, "ns", "a-1"), "Pod/ns/a-1"),
        (EvictPod("ns/a-*"), ("evict", "ns", "a-1"), "Pod/ns/a-1"),
        (DrainNode("ns/a-*"), ("drain_node", "n1"), "Node/n1"),
        (ReclaimSpot("ns/a-*"), ("reclaim_spot", "n1", 120, None), "Node/n1"),
        (ReclaimSpot("ns/a-*", notice_s=30, rebalance_lead_s=60), ("reclaim_spot", "n1", 30, 60), "Node/n1"),
        (KillNode("ns/a-*"), ("kill_node", "n1"), "Node/n1"),
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
    assert fault.strike(surface) == hit
    assert surface.asked == [asked]


@pytest.mark.parametrize("verb", [DeletePod, EvictPod, DrainNode, ReclaimSpot, KillNode])
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


@pytest.mark.parametrize("verb", [DrainNode, ReclaimSpot, KillNode])
def test_a_pod_that_is_on_no_node_gives_no_machine_to_hit(verb: Any) -> None:
    with pytest.raises(NothingToHit, match="pod ns/a-0 is on no node"):
        verb("ns/*").strike(RememberingSurface(pod("ns/a-0", "Pending", None)))
