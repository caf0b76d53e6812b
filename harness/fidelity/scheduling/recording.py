"""The committed file: groups of cases with what the real scheduler decided. Compressed JSON; the objects are those that were sent to the API server."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson


@dataclass(frozen=True)
class Decision:
    """What became of one pod.

    `node` is where it was bound, empty when it was refused. `scores` has the weighted points by feasible node and plugin, empty when there was nothing to
    choose. `message` is the condition's. After a preemption `nominated` names the node and `victims` the pods that had to go.
    """

    node: str = ""
    scores: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    message: str = ""
    reason: str = ""
    nominated: str = ""
    victims: tuple[str, ...] = ()

    @property
    def best(self) -> frozenset[str]:
        """The nodes with the highest sum; the node itself when there was nothing to choose."""
        if not self.scores:
            return frozenset({self.node} if self.node else ())
        totals = {name: sum(points.values()) for name, points in self.scores.items()}
        highest = max(totals.values())
        return frozenset(name for name, total in totals.items() if total == highest)


@dataclass(frozen=True)
class Case:
    """One pending pod, what else was created with it, and the decision. `budgets` are the PodDisruptionBudgets as they stood then."""

    pod: dict[str, Any]
    decision: Decision
    objects: Sequence[dict[str, Any]] = ()
    budgets: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True)
class Group:
    """A cluster (nodes, pods on them, claims, Services ...) and the pods that were tried in it, one after the other, each taken away again."""

    seed: int
    objects: Sequence[dict[str, Any]]
    cases: Sequence[Case]


@dataclass(frozen=True)
class Recorded:
    """A whole recording; `about` says version, date, command, seed."""

    about: Mapping[str, Any]
    groups: Sequence[Group]

    @property
    def count(self) -> int:
        """How many cases there are."""
        return sum(len(group.cases) for group in self.groups)


def save(recorded: Recorded, path: Path) -> None:
    """Write it; equal recordings give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = orjson.dumps(asdict(recorded), option=orjson.OPT_SORT_KEYS)
    path.write_bytes(gzip.compress(body, 9, mtime=0))


def load(path: Path) -> Recorded:
    """Read it. Raises OSError, ValueError."""
    body = orjson.loads(gzip.decompress(path.read_bytes()))
    return Recorded(body["about"], [_group(entry) for entry in body["groups"]])


def _group(body: Mapping[str, Any]) -> Group:
    cases = [
        Case(
            pod=entry["pod"],
            decision=Decision(**{**entry["decision"], "victims": tuple(entry["decision"]["victims"])}),
            objects=entry["objects"],
            budgets=entry["budgets"],
        )
        for entry in body["cases"]
    ]
    return Group(body["seed"], body["objects"], cases)
