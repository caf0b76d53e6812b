"""How far the replicas may move now: bounds, rates and stabilization (`horizontal.go`, 1.34). Pure; `memory` holds what happened before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.clock import SECOND
from harness.cluster.controllers.horizontalpodautoscaling.memory import History, Moment, changed_within

_UP: Mapping[str, Any] = {
    "stabilizationWindowSeconds": 0,
    "selectPolicy": "Max",
    "policies": [
        {"type": "Percent", "value": 100, "periodSeconds": 15},
        {"type": "Pods", "value": 4, "periodSeconds": 15},
    ],
}
_DOWN: Mapping[str, Any] = {
    "selectPolicy": "Max",
    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
}
_WITHIN = ("DesiredWithinRange", "the desired count is within the acceptable range")
_TOO_FEW = ("TooFewReplicas", "the desired replica count is less than the minimum replica count")
_TOO_MANY = ("TooManyReplicas", "the desired replica count is more than the maximum replica count")
_UP_LIMIT = ("ScaleUpLimit", "the desired replica count is increasing faster than the maximum scale rate")
_DOWN_LIMIT = ("ScaleDownLimit", "the desired replica count is decreasing faster than the maximum scale rate")
_READY = ("ReadyForNewScale", "recommended size matches current size")
_UP_HELD = (
    "ScaleUpStabilized",
    "recent recommendations were lower than current one, applying the lowest recent recommendation",
)
_DOWN_HELD = (
    "ScaleDownStabilized",
    "recent recommendations were higher than current one, applying the highest recent recommendation",
)


@dataclass(frozen=True)
class Bounds:
    """What the autoscaler allows, and what there is."""

    minimum: int
    maximum: int
    current: int


@dataclass(frozen=True)
class Decision:
    """The replicas to have, and what the conditions AbleToScale and ScalingLimited say: reason and message."""

    replicas: int
    able: tuple[str, str]
    limited: bool
    limit: tuple[str, str]


def rules_of(behavior: Mapping[str, Any], direction: str) -> Mapping[str, Any]:
    """`scaleUp` or `scaleDown` with the defaults of autoscaling/v2 for what is not said."""
    default = _UP if direction == "scaleUp" else _DOWN
    return {**default, **{key: value for key, value in (behavior.get(direction) or {}).items() if value is not None}}


def decide(
    behavior: Mapping[str, Any] | None, bounds: Bounds, wanted: int, history: History, now_us: int, downscale_us: int
) -> Decision:
    """From what the metrics want to what is done; the recommendation goes into the history. `downscale_us` is the default window for scaling down."""
    if behavior is None:
        stable = history.stabilize_down(wanted, now_us, downscale_us)
        able = _DOWN_HELD if stable != wanted else _READY
        replicas, limit = _by_bounds(bounds, stable)
    else:
        up, down = rules_of(behavior, "scaleUp"), rules_of(behavior, "scaleDown")
        down_us = down.get("stabilizationWindowSeconds", downscale_us // SECOND) * SECOND
        up_us = up["stabilizationWindowSeconds"] * SECOND
        stable = history.stabilize(bounds.current, wanted, now_us, up_us, down_us)
        able = _READY if stable == wanted else _UP_HELD if wanted >= bounds.current else _DOWN_HELD
        replicas, limit = _by_rates(bounds, stable, up, down, history, now_us)
    return Decision(replicas, able, replicas != stable, limit)


def longest_period_s(rules: Mapping[str, Any]) -> int:
    """Of the policies: how long a change matters."""
    return max((int(policy["periodSeconds"]) for policy in rules.get("policies") or ()), default=0)


def _by_bounds(bounds: Bounds, wanted: int) -> tuple[int, tuple[str, str]]:
    """Without a behaviour: at most doubled, or four."""
    rate = max(2 * bounds.current, 4)
    most, reason = (rate, _UP_LIMIT) if bounds.maximum > rate else (bounds.maximum, _TOO_MANY)
    if wanted < bounds.minimum:
        return bounds.minimum, _TOO_FEW
    if wanted > most:
        return most, reason
    return wanted, _WITHIN


def _by_rates(
    bounds: Bounds, wanted: int, up: Mapping[str, Any], down: Mapping[str, Any], history: History, now_us: int
) -> tuple[int, tuple[str, str]]:
    if wanted > bounds.current:
        rate = max(_up_limit(bounds.current, up, history.ups, history.downs, now_us), bounds.current)
        most, reason = (rate, _UP_LIMIT) if bounds.maximum > rate else (bounds.maximum, _TOO_MANY)
        if wanted > most:
            return most, reason
    elif wanted < bounds.current:
        rate = min(_down_limit(bounds.current, down, history.ups, history.downs, now_us), bounds.current)
        least, reason = (rate, _DOWN_LIMIT) if bounds.minimum < rate else (bounds.minimum, _TOO_FEW)
        if wanted < least:
            return least, reason
    return wanted, _WITHIN


def _starts(
    current: int, policy: Mapping[str, Any], ups: Sequence[Moment], downs: Sequence[Moment], now_us: int
) -> int:
    """The replicas at the beginning of a policy's period."""
    period_us = int(policy["periodSeconds"]) * SECOND
    return current - changed_within(ups, period_us, now_us) + changed_within(downs, period_us, now_us)


def _up_limit(
    current: int, rules: Mapping[str, Any], ups: Sequence[Moment], downs: Sequence[Moment], now_us: int
) -> int:
    if rules["selectPolicy"] == "Disabled":
        return current
    proposals = []
    for policy in rules["policies"]:
        start, value = _starts(current, policy, ups, downs, now_us), int(policy["value"])
        proposals.append(start + value if policy["type"] == "Pods" else math.ceil(start * (1 + value / 100)))
    return min(proposals) if rules["selectPolicy"] == "Min" else max(proposals)


def _down_limit(
    current: int, rules: Mapping[str, Any], ups: Sequence[Moment], downs: Sequence[Moment], now_us: int
) -> int:
    if rules["selectPolicy"] == "Disabled":
        return current
    proposals = []
    for policy in rules["policies"]:
        start, value = _starts(current, policy, ups, downs, now_us), int(policy["value"])
        proposals.append(start - value if policy["type"] == "Pods" else int(start * (1 - value / 100)))
    return max(proposals) if rules["selectPolicy"] == "Min" else min(proposals)
