"""How many replicas the ReplicaSets of a Deployment get next (`pkg/controller/deployment/{rolling,sync}.go`, `util/deployment_util.go`, 1.34). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from harness.cluster.controllers.percent import scaled
from harness.kube.objects import Object, name_of

DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"


@dataclass(frozen=True)
class Bounds:
    """How many pods a rollout may have too many, and how many may be missing."""

    surge: int
    unavailable: int


def replicas_of(spec: Mapping[str, Any]) -> int:
    """`spec.replicas`."""
    return int(spec.get("replicas", 1))


def bounds_of(spec: Mapping[str, Any]) -> Bounds:
    """The rolling-update limits in pods; both zero would never move, so one may then be missing."""
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Bounds(0, 0)
    replicas = replicas_of(spec)
    rolling = strategy.get("rollingUpdate") or {}
    surge = scaled(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = scaled(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(surge, min(unavailable, replicas))


def wanted_of(replica_set: Object) -> int:
    """`spec.replicas`."""
    return replicas_of(replica_set["spec"])


def available_of(replica_set: Object) -> int:
    """`status.availableReplicas`."""
    return int((replica_set.get("status") or {}).get("availableReplicas") or 0)


def new_size(spec: Mapping[str, Any], current: int, total: int) -> int:
    """The size of the new ReplicaSet, which has `current`, while all together want `total`."""
    replicas = replicas_of(spec)
    if current >= replicas or (spec.get("strategy") or {}).get("type") == "Recreate":
        return replicas
    room = replicas + bounds_of(spec).surge - total
    return current + min(max(room, 0), replicas - current)


def is_behind(spec: Mapping[str, Any], new: Object, old: Sequence[Object]) -> bool:
    """Whether the status of an old ReplicaSet counts more available pods than it wants: it was scaled down a moment ago, so its numbers do not hold yet.

    Upstream stops with an error ("got invalid request to scale down") and tries again.
    """
    missing = wanted_of(new) - available_of(new)
    floor_ = replicas_of(spec) - bounds_of(spec).unavailable
    spare = sum(wanted_of(entry) for entry in (*old, new)) - floor_ - missing
    return spare > 0 and any(0 < wanted_of(entry) < available_of(entry) for entry in old)


def without_unhealthy(spec: Mapping[str, Any], new: Object, old: Sequence[Object]) -> list[int]:
    """The sizes of the old ReplicaSets (oldest first) without pods that are not available, as many as may go."""
    sizes = [wanted_of(entry) for entry in old]
    floor_ = replicas_of(spec) - bounds_of(spec).unavailable
    spare = sum(sizes) + wanted_of(new) - floor_ - (wanted_of(new) - available_of(new))
    for number, entry in enumerate(old):
        if spare <= 0:
            break
        gone = min(spare, max(sizes[number] - available_of(entry), 0))
        sizes[number] -= gone
        spare -= gone
    return sizes


def without_surplus(spec: Mapping[str, Any], new: Object, old: Sequence[Object], sizes: Sequence[int]) -> list[int]:
    """The sizes once as many available pods are taken away as the rollout can do without."""
    left = list(sizes)
    surplus = sum(available_of(entry) for entry, size in zip(old, sizes, strict=True) if size > 0)
    surplus += available_of(new) - (replicas_of(spec) - bounds_of(spec).unavailable)
    for number, size in enumerate(left):
        gone = min(max(surplus, 0), size)
        left[number] -= gone
        surplus -= gone
    return left


def proportional(deployment: Object, active: Sequence[Object]) -> dict[str, int]:
    """The sizes, by name, when a Deployment is scaled in the middle of a rollout: each active ReplicaSet gets its share, the first what is left over.

    Shares are of the largest number of pods that there might be, which each ReplicaSet remembers from before in an annotation.
    """
    spec = deployment["spec"]
    allowed = replicas_of(spec) + bounds_of(spec).surge if replicas_of(spec) else 0
    to_add = allowed - sum(wanted_of(entry) for entry in active)
    order = sorted(active, key=lambda entry: (entry["metadata"]["creationTimestamp"], name_of(entry)))
    if to_add > 0:  # larger ones first, newer ones first among equals; when scaling down, older ones first
        order.reverse()
    order.sort(key=wanted_of, reverse=True)
    sizes = {name_of(entry): wanted_of(entry) for entry in order}
    if to_add == 0:
        return sizes
    added = 0
    for entry in order:
        share = _share(deployment, entry, allowed)
        left = to_add - added
        share = 0 if not wanted_of(entry) or not left else min(share, left) if to_add > 0 else max(share, left)
        sizes[name_of(entry)] += share
        added += share
    if order:
        first = name_of(order[0])
        sizes[first] = max(sizes[first] + to_add - added, 0)
    return sizes


def _share(deployment: Object, replica_set: Object, allowed: int) -> int:
    size = wanted_of(replica_set)
    if not replicas_of(deployment["spec"]):
        return -size
    annotations = replica_set["metadata"].get("annotations") or {}
    before = int(annotations.get(MAXIMUM) or 0) or int((deployment.get("status") or {}).get("replicas") or 0)
    if not before:
        return 0
    exact = Fraction(size * allowed, before)
    return floor(exact + Fraction(1, 2)) - size


def is_scaling(deployment: Object, replica_sets: Sequence[Object]) -> bool:
    """Whether `spec.replicas` has changed since an active ReplicaSet was last sized."""
    replicas = str(replicas_of(deployment["spec"]))
    return any(
        annotations.get(DESIRED) not in {None, replicas}
        for entry in replica_sets
        if wanted_of(entry) > 0 and (annotations := entry["metadata"].get("annotations") or {})
    )


def is_saturated(deployment: Object, new: Object | None) -> bool:
    """Whether the new ReplicaSet has taken over: full size, and all of it available."""
    if new is None:
        return False
    replicas = replicas_of(deployment["spec"])
    annotations = new["metadata"].get("annotations") or {}
    return wanted_of(new) == replicas == available_of(new) and annotations.get(DESIRED) == str(replicas)
