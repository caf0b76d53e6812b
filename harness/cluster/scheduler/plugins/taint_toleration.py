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
    LocalFilter,
    LocalScore,
    Points,
    Refusal,
    Whole,
    normalise_by_max,
)
from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.objects import Object

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


class TaintToleration(LocalFilter, LocalScore):
    """Filter and score."""

    name = "TaintToleration"
    events = frozenset({"Node/Add", "Node/UpdateNodeTaint", "Pod/UpdatePodToleration"})

    def check(self, pod: PodInfo) -> Check | None:
        """Refuse nodes with a taint that is not tolerated."""
        tolerations = pod.spec.get("tolerations") or ()

        def test(node: NodeInfo) -> tuple[Refusal, ...]:
            if not node.taints:
                return FITS
            return (Refusal(REASON),) if untolerated(node.taints, tolerations, HARD) else FITS

        return test

    def helps(self, pod: PodInfo, event: ClusterEvent, _cluster: Cluster) -> bool:
        """A node whose taints are tolerated, and were not before; or new tolerations."""
        if event.label == "Pod/UpdatePodToleration" or event.new is None:
            return True
        tolerations = pod.spec.get("tolerations") or ()
        was = event.old is not None and not untolerated(_taints(event.old), tolerations, HARD)
        return not was and not untolerated(_taints(event.new), tolerations, HARD)

    def points(self, pod: PodInfo) -> Points | None:
        """The number of PreferNoSchedule taints that are not tolerated."""
        relevant = [
            toleration
            for toleration in pod.spec.get("tolerations") or ()
            if toleration.get("effect") in {None, "", "PreferNoSchedule"}
        ]
        return lambda node: len(untolerated(node.taints, relevant, SOFT)) if node.taints else 0

    def normalise(self, points: Whole) -> Whole:
        """The fewer the better."""
        return normalise_by_max(points, reverse=True)


def _taints(node: Object) -> Sequence[Mapping[str, Any]]:
    taints: Sequence[Mapping[str, Any]] = (node.get("spec") or {}).get("taints") or ()
    return taints
