"""Which nodes are not needed, and since when: the part of a scan that shrinks groups. Pure but for its memory of since
when.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.cloud.autoscaler.flags import Flags
from harness.cloud.autoscaler.removal import (
    copy_bins,
    fit_elsewhere,
    is_protected,
    obstacle,
    pods_to_move,
    utilization,
)
from harness.cloud.autoscaler.snapshot import NodeView, Snapshot


@dataclass(frozen=True)
class Unneeded:
    """A node that could go."""

    view: NodeView
    since_us: int
    empty: bool


class Unneededness:
    """Since when each node is not needed, over the scans."""

    def __init__(self) -> None:
        self._since: dict[str, int] = {}

    def clear(self) -> None:
        """Forget: the autoscaler has restarted."""
        self._since.clear()

    def update(
        self, snapshot: Snapshot, flags: Flags, groups: Collection[str], needed: Collection[str], now_us: int
    ) -> list[Unneeded]:
        """The nodes of `groups` that could go now, empty ones first; `needed` are nodes that pending pods are about to use."""
        found: list[Unneeded] = []
        removed: list[str] = []
        ready = [view for view in snapshot.nodes if view.ready and not view.is_being_deleted]
        bins = {view.name: view.bin for view in ready}
        for view in sorted(ready, key=lambda one: (len(pods_to_move(one.pods)) > 0, one.name)):
            if view.group not in groups or view.name in needed or is_protected(view.node):
                continue
            moving = pods_to_move(view.pods)
            if moving:
                if utilization(view.bin) >= flags.scale_down_utilization_threshold:
                    continue
                if any(obstacle(pod, flags, snapshot.budgets) is not None for pod in moving):
                    continue
                names = [name for name in bins if name != view.name and name not in removed]
                trial = dict(zip(names, copy_bins(bins[name] for name in names), strict=True))
                if not fit_elsewhere(moving, list(trial.values())):
                    continue
                bins.update(trial)
            removed.append(view.name)
            found.append(Unneeded(view, self._since.get(view.name, now_us), not moving))
        self._since = {one.view.name: one.since_us for one in found}
        return found


def removable(
    unneeded: Sequence[Unneeded],
    flags: Flags,
    *,
    now_us: int,
    spare: Mapping[str, int],
    draining: bool,
) -> list[Unneeded]:
    """Those whose time has come: as many empty nodes as may go at once, and one that has to be drained.

    None goes below its group's minimum: `spare` nodes are above it.
    """
    left = dict(spare)
    chosen: list[Unneeded] = []
    for one in unneeded:
        group = str(one.view.group)
        if now_us - one.since_us < flags.scale_down_unneeded_us or left.get(group, 0) < 1:
            continue
        if one.empty:
            if sum(other.empty for other in chosen) >= flags.max_empty_bulk_delete:
                continue
        elif draining or any(not other.empty for other in chosen):
            continue
        left[group] -= 1
        chosen.append(one)
    return chosen
