"""How fast the nodes of a zone are given up (`ComputeZoneState`, `handleDisruption`, `setLimiterInZone`, 1.34). Pure.

A zone is partially disrupted when at least 55 % of its nodes, and at least 3, are not ready: then one in 100 s, or none at all if the zone has 50 nodes or
fewer. A zone that is wholly down counts as any other, one in 10 s, as long as another zone lives. When all zones are down, the fault is thought to lie with
the control plane: nobody is evicted. So a partial and a total zone outage behave in opposite ways.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from harness.clock import SECOND
from harness.cluster.controllers.settings import ControllerManagerSettings


class ZoneState(Enum):
    """What is left of a zone."""

    NORMAL = "Normal"
    PARTIAL = "PartialDisruption"
    FULL = "FullDisruption"


@dataclass(frozen=True)
class Tally:
    """The nodes of a zone."""

    ready: int
    not_ready: int

    @property
    def nodes(self) -> int:
        """All of them."""
        return self.ready + self.not_ready


def state_of(tally: Tally, settings: ControllerManagerSettings) -> ZoneState:
    """How bad it is."""
    if tally.ready == 0 and tally.not_ready > 0:
        return ZoneState.FULL
    if tally.not_ready > 2 and tally.not_ready / tally.nodes >= settings.unhealthy_zone_threshold:
        return ZoneState.PARTIAL
    return ZoneState.NORMAL


def all_down(states: Mapping[str, ZoneState]) -> bool:
    """Whether no zone has a ready node."""
    return bool(states) and all(state is ZoneState.FULL for state in states.values())


class Limiter:
    """Lets one node pass in an interval, none where the interval is None (`RateLimitedTimedQueue` with a burst of 1)."""

    def __init__(self, interval_us: int | None) -> None:
        self.interval_us = interval_us
        self._free_us = 0

    def free_us(self) -> int | None:
        """The moment from which the next may pass; None for never."""
        return None if self.interval_us is None else self._free_us

    def take(self, now_us: int) -> None:
        """One passes."""
        self._free_us = now_us + (self.interval_us or 0)

    def swap(self, interval_us: int | None, now_us: int) -> None:
        """Another rate; who had to wait before waits for a whole interval of the new one."""
        if interval_us == self.interval_us:
            return
        waits = self.interval_us is None or self._free_us > now_us
        self.interval_us = interval_us
        self._free_us = now_us + (interval_us or 0) if waits else now_us


def interval_us(state: ZoneState, nodes: int, settings: ControllerManagerSettings) -> int | None:
    """The time between two nodes that are given up; None for never."""
    rate = settings.node_eviction_rate
    if state is ZoneState.PARTIAL:
        rate = settings.secondary_node_eviction_rate if nodes > settings.large_cluster_size_threshold else 0.0
    return round(SECOND / rate) if rate > 0 else None
