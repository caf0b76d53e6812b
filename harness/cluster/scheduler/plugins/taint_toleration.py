"""TaintToleration: taints that a pod does not tolerate keep it away (NoSchedule, NoExecute) or make a node worse (PreferNoSchedule).

The reason string names no taint, as in Kubernetes 1.34; up to 1.33 it was `node(s) had untolerated taint {key: value}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.framework import (
    FITS,
    Check,
    ClusterEvent,
    Filter,
    Points,
    Refusal,
    Score,
    normalise_by_max,
)
from harness.cluster.scheduler.podinfo import PodInfo

REASON = "node(s) had untolerated taint(s)"


def tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    """Whether one toleration covers one taint (core/v1 `ToleratesTaint`)."""
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("key") and toleration["key"] != taint.get("key"):
        return False
    operator = toleration.get("operator") or "Equal"
    if operator == "Exists":
        return True
    if not toleration.get("key"):
        return False
    return operator == "Equal" and (toleration.get("value") or "") == (taint.get("value") or "")


def untolerated(
    taints: Sequence[Mapping[str, Any]], tolerations: Sequence[Mapping[str, Any]], effects: frozenset[str]
) -> list[Mapping[str, Any]]:
    """The taints of these effects that no toleration covers, in the node's order."""
    return [
        taint
        for taint in taints
        if taint.get("effect") in effects and not any(tolerates(toleration, taint) for toleration in tolerations)
    ]


HARD = frozenset({"NoSchedule", "NoExecute"})
SOFT = frozenset({"PreferNoSchedule"})


class TaintToleration(Filter, Score):
    """Filter and score."""

    name = "TaintToleration"
    local = True

    def check(self, pod: PodInfo, _cluster: Cluster) -> Check | None:
        """Refuse nodes with a taint that is not tolerated."""
        tolerations = pod.spec.get("tolerations") or ()

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            return (Refusal(REASON),) if untolerated(node.taints, tolerations, HARD) else FITS

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A node whose taints are tolerated, or new tolerations."""
        if event.kind == "PodUpdate":
            return event.pod_before is not None and pod.spec.get("tolerations") != event.pod_before.spec.get(
                "tolerations"
            )
        if event.node is None or event.kind not in {"NodeAdd", "NodeUpdate"}:
            return False
        return not untolerated(event.node.taints, pod.spec.get("tolerations") or (), HARD)

    def rate(self, pod: PodInfo, _cluster: Cluster, _feasible: Sequence[NodeInfo]) -> Points | None:
        """The number of PreferNoSchedule taints that are not tolerated."""
        relevant = [
            toleration
            for toleration in pod.spec.get("tolerations") or ()
            if toleration.get("effect") in {None, "", "PreferNoSchedule"}
        ]
        return lambda node: len(untolerated(node.taints, relevant, SOFT))

    def normalise(self, points: Sequence[int]) -> Sequence[int]:
        """The fewer the better."""
        return normalise_by_max(points, reverse=True)
