"""Scores out of kube-scheduler's log at -v=10: the lines of `pkg/scheduler/schedule_one.go` (prioritizeNodes)."""

from __future__ import annotations

import re
from collections.abc import Iterable

_PLUGIN = re.compile(r'"Plugin scored node for pod" pod="([^"]+)" plugin="([^"]+)" node="([^"]+)" score=(-?\d+)')
_TOTAL = re.compile(r'"Calculated node\'s final score for pod" pod="([^"]+)" node="([^"]+)" score=(-?\d+)')

Scores = dict[str, dict[str, dict[str, int]]]  # pod -> node -> plugin


def scores_of(lines: Iterable[str]) -> Scores:
    """The weighted points by pod, node and plugin; of several attempts the last. Raises ValueError when sums do not add up."""
    found: Scores = {}
    finished: set[str] = set()
    for line in lines:
        if (match := _PLUGIN.search(line)) is not None:
            pod, plugin, node, score = match.groups()
            if pod in finished:
                finished.discard(pod)
                found[pod] = {}
            found.setdefault(pod, {}).setdefault(node, {})[plugin] = int(score)
        elif (match := _TOTAL.search(line)) is not None:
            pod, node, score = match.groups()
            finished.add(pod)
            total = sum(found.get(pod, {}).get(node, {}).values())
            if total != int(score):
                raise ValueError(f"the log's points of {pod} on {node} add up to {total}, its final score is {score}")
    return found
