"""How many replicas the new and the old ReplicaSets of a Deployment get next (`pkg/controller/deployment/{rolling,recreate}.go`, 1.34). Pure.

A proportional scaling of several ReplicaSets in the middle of a rollout is not modelled: the new one takes what the surge allows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.kube.objects import Object


def resolve(value: str | int, total: int, *, up: bool) -> int:
    """An absolute number or a percentage of `total`."""
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    product = int(text[:-1]) * total
    return -(-product // 100) if up else product // 100


@dataclass(frozen=True)
class Bounds:
    """How many pods a rollout may have too many, and how many may be missing."""

    surge: int
    unavailable: int


def bounds_of(spec: Mapping[str, Any]) -> Bounds:
    """The rolling-update limits in pods; both zero would never move, so one may then be missing."""
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return Bounds(0, 0)
    replicas = int(spec.get("replicas", 1))
    rolling = strategy.get("rollingUpdate") or {}
    surge = resolve(rolling.get("maxSurge", "25%"), replicas, up=True)
    unavailable = resolve(rolling.get("maxUnavailable", "25%"), replicas, up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return Bounds(surge, min(unavailable, replicas))


def wanted_of(replica_set: Object) -> int:
    """`spec.replicas`."""
    return int(replica_set["spec"].get("replicas", 1))


def available_of(replica_set: Object) -> int:
    """`status.availableReplicas`."""
    return int((replica_set.get("status") or {}).get("availableReplicas") or 0)


def new_size(spec: Mapping[str, Any], current: int, total: int) -> int:
    """The size of the new ReplicaSet, which has `current`, while all together want `total`."""
    replicas = int(spec.get("replicas", 1))
    if current >= replicas:
        return replicas
    room = replicas + bounds_of(spec).surge - total
    return current + min(max(room, 0), replicas - current)


def old_sizes(spec: Mapping[str, Any], new: Object, old: Sequence[Object]) -> list[int]:
    """The sizes of the old ReplicaSets (oldest first): pods that are not ready go first, then as many as may be missing."""
    replicas = int(spec.get("replicas", 1))
    sizes = [wanted_of(entry) for entry in old]
    floor = replicas - bounds_of(spec).unavailable
    spare = sum(sizes) + wanted_of(new) - floor - (wanted_of(new) - available_of(new))
    for number, entry in enumerate(old):
        if spare <= 0:
            break
        gone = min(spare, sizes[number] - min(available_of(entry), sizes[number]))
        sizes[number] -= gone
        spare -= gone
    surplus = sum(min(available_of(entry), size) for entry, size in zip(old, sizes, strict=True))
    surplus += available_of(new) - floor
    for number, size in enumerate(sizes):
        gone = min(max(surplus, 0), size)
        sizes[number] -= gone
        surplus -= gone
    return sizes
