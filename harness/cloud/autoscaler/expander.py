"""Which of several groups grows: Cluster Autoscaler's expanders. Pure but for the seeded choice among equals, which
upstream makes at random.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from harness.cloud.autoscaler.packing import Packed


@dataclass(frozen=True)
class Option:
    """A group that would help, with what it would take."""

    group: str
    packed: Packed


def choose(expander: str, options: Sequence[Option], stream: random.Random) -> Option:
    """The option that the expander prefers; `options` must not be empty."""
    match expander:
        case "least-waste":
            best = min(map(wasted_share, options))
            equal = [option for option in options if wasted_share(option) == best]
        case "most-pods":
            most = max(len(option.packed.pods) for option in options)
            equal = [option for option in options if len(option.packed.pods) == most]
        case "least-nodes":
            least = min(len(option.packed.nodes) for option in options)
            equal = [option for option in options if len(option.packed.nodes) == least]
        case _:
            equal = list(options)
    ordered = sorted(equal, key=lambda option: option.group)
    return ordered[0] if len(ordered) == 1 else stream.choice(ordered)


def wasted_share(option: Option) -> float:
    """Unused share of cpu and of memory, added up: what least-waste compares."""
    total = 0.0
    for resource in ("cpu", "memory"):
        available = sum(one.shape.allocatable.get(resource, 0) for one in option.packed.nodes)
        used = sum(one.used.get(resource, 0) for one in option.packed.nodes)
        total += (available - used) / available if available else 0.0
    return total
