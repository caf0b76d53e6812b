"""What an autoscaler remembers: its recommendations and its scalings (`timestampedRecommendation`, `timestampedScaleEvent` of `horizontal.go`, 1.34).

Upstream, too, keeps this in memory only: a restarted controller begins with the present replicas as its one recommendation. Old entries are reused in
place, the last outdated one first, so the lists never grow beyond what the windows hold. What is exactly as old as a window is outside of it: upstream's looks
are always a little more than a period apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Moment:
    """A recommendation, or how many replicas were added or taken away, and when."""

    replicas: int
    at_us: int


@dataclass
class History:
    """Of one autoscaler."""

    recommendations: list[Moment] = field(default_factory=list)
    ups: list[Moment] = field(default_factory=list)
    downs: list[Moment] = field(default_factory=list)

    def begin(self, replicas: int, now_us: int) -> None:
        """The first recommendation is what there is."""
        if not self.recommendations:
            self.recommendations.append(Moment(replicas, now_us))

    def stabilize_down(self, wanted: int, now_us: int, window_us: int) -> int:
        """The highest recommendation of the window (stabilizeRecommendation); `wanted` becomes one."""
        cutoff_us = now_us - window_us
        outdated = [number for number, one in enumerate(self.recommendations) if one.at_us <= cutoff_us]
        recent = [one.replicas for one in self.recommendations if one.at_us > cutoff_us]
        _record(self.recommendations, outdated, Moment(wanted, now_us))
        return max([wanted, *recent])

    def stabilize(self, current: int, wanted: int, now_us: int, up_us: int, down_us: int) -> int:
        """The present replicas, brought between the lowest recommendation of the window for up and the highest of that for down."""
        up_cutoff_us, down_cutoff_us = now_us - up_us, now_us - down_us
        lowest = min([wanted, *(one.replicas for one in self.recommendations if one.at_us > up_cutoff_us)])
        highest = max([wanted, *(one.replicas for one in self.recommendations if one.at_us > down_cutoff_us)])
        outdated = [
            number
            for number, one in enumerate(self.recommendations)
            if one.at_us <= up_cutoff_us and one.at_us <= down_cutoff_us
        ]
        _record(self.recommendations, outdated, Moment(wanted, now_us))
        return min(max(current, lowest), highest)

    def scaled(self, before: int, after: int, now_us: int, longest_us: int) -> None:
        """Remember a scaling for as long as a policy may ask for it."""
        entries = self.ups if after > before else self.downs
        outdated = [number for number, one in enumerate(entries) if one.at_us <= now_us - longest_us]
        _record(entries, outdated, Moment(abs(after - before), now_us))


def changed_within(entries: Sequence[Moment], period_us: int, now_us: int) -> int:
    """The replicas of all entries that are younger than the period."""
    return sum(one.replicas for one in entries if one.at_us > now_us - period_us)


def _record(entries: list[Moment], outdated: Sequence[int], new: Moment) -> None:
    if outdated:
        entries[outdated[-1]] = new
    else:
        entries.append(new)
