"""Which pods go first when there are too many (`ActivePods`, `ActivePodsWithRanks` in `pkg/controller/controller_utils.go`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cmp_to_key
from typing import Any

from harness.clock import parse_time
from harness.cluster.controllers.pods import is_active, is_ready, phase_of, ready_since_us
from harness.kube.objects import Object, uid_of

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_PHASES = {"Pending": 0, "Unknown": 1}


def removal_order(pods: Iterable[Object]) -> list[Object]:
    """Without regard to nodes, as a Job does it: without a node, pending, not ready, ready for a short time, often restarted, young."""
    return sorted(pods, key=lambda pod: (*_first(pod), -(ready_since_us(pod) or 0), *_restarts(pod), -_created(pod)))


def ranked_removal_order(pods: Sequence[Object], related: Iterable[Object], now_us: int) -> list[Object]:
    """As a ReplicaSet does it: besides, cheap pods first, then those whose node has many pods of the same owner (`related`).

    Ages are compared by their power of two, so that among pods of about the same age the uid decides, which is as good as chance.
    """
    colocated: dict[str, int] = {}
    for pod in related:
        if is_active(pod):
            node = pod["spec"].get("nodeName", "")
            colocated[node] = colocated.get(node, 0) + 1

    def compare(one: Object, other: Object) -> int:
        left = (*_first(one), _cost(one), -colocated.get(one["spec"].get("nodeName", ""), 0))
        right = (*_first(other), _cost(other), -colocated.get(other["spec"].get("nodeName", ""), 0))
        if left != right:
            return -1 if left < right else 1
        for moment in (_ready_since, _created):
            if moment is _created and _restarts(one) != _restarts(other):
                return -1 if _restarts(one) < _restarts(other) else 1
            if moment(one) != moment(other):
                return _by_age(one, other, moment, now_us)
        return 0

    return sorted(pods, key=cmp_to_key(compare))


def _first(pod: Object) -> tuple[bool, int, bool]:
    return bool(pod["spec"].get("nodeName")), _PHASES.get(phase_of(pod), 2), is_ready(pod)


def _cost(pod: Object) -> int:
    text = str((pod["metadata"].get("annotations") or {}).get(DELETION_COST) or "0")
    return int(text) if text.lstrip("-").isdigit() else 0


def _ready_since(pod: Object) -> int:
    return ready_since_us(pod) or 0


def _created(pod: Object) -> int:
    return parse_time(pod["metadata"]["creationTimestamp"])


def _restarts(pod: Object) -> tuple[int, int]:
    """The most restarts of a container, and of a sidecar, negative so that many come first."""
    status: Mapping[str, Any] = pod.get("status") or {}
    sidecars = {
        entry["name"] for entry in pod["spec"].get("initContainers") or () if entry.get("restartPolicy") == "Always"
    }
    regular = (int(entry.get("restartCount") or 0) for entry in status.get("containerStatuses") or ())
    beside = (
        int(entry.get("restartCount") or 0)
        for entry in status.get("initContainerStatuses") or ()
        if entry["name"] in sidecars
    )
    return -max(regular, default=0), -max(beside, default=0)


def _by_age(one: Object, other: Object, moment: Callable[[Object], int], now_us: int) -> int:
    difference = _magnitude(now_us - moment(one)) - _magnitude(now_us - moment(other))
    if difference:
        return difference
    return -1 if uid_of(one) < uid_of(other) else 1


def _magnitude(age_us: int) -> int:
    """The power of two of an age in nanoseconds, rounded down."""
    return (age_us * 1000).bit_length() - 1 if age_us > 0 else -1
