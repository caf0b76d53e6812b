"""One decision to grow: which group, by how many nodes, for which pods, and what to tell the others. Pure but for the
seeded tie.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.cloud.autoscaler.expander import Option, choose
from harness.cloud.autoscaler.fit import Bin, Shape, rejections
from harness.cloud.autoscaler.packing import pack
from harness.cloud.autoscaler.texts import MAX_SIZE_REACHED
from harness.kube.objects import Object, uid_of


@dataclass(frozen=True)
class Growable:
    """A discovered group: what its next node looks like, how many it wants and may have; `skipped` says why it cannot grow now."""

    name: str
    template: Shape
    desired: int
    max_size: int
    skipped: str | None = None


@dataclass(frozen=True)
class Decision:
    """`chosen` None: nothing grows. `refused` has the reasons of all groups for each pod that none helps.

    `waiting`: pods are left that the next scan looks at.
    """

    chosen: Option | None
    refused: Mapping[str, tuple[Object, tuple[str, ...]]]
    waiting: bool


def decide(pods: Sequence[Object], groups: Sequence[Growable], expander: str, stream: random.Random) -> Decision:
    """What to do about pods that no node takes, neither one that exists nor one that is coming."""
    options: list[Option] = []
    reasons: dict[str, list[str]] = {uid_of(pod): [] for pod in pods}
    helped: set[str] = set()
    for group in groups:
        skipped = group.skipped or (MAX_SIZE_REACHED if group.desired >= group.max_size else None)
        if skipped is not None:
            for pod in pods:
                reasons[uid_of(pod)].append(skipped)
            continue
        fitting = []
        for pod in pods:
            rejected = rejections(pod, Bin(group.template))
            reasons[uid_of(pod)] += rejected
            if not rejected:
                fitting.append(pod)
                helped.add(uid_of(pod))
        packed = pack(fitting, group.template, group.max_size - group.desired)
        if packed.nodes:
            options.append(Option(group.name, packed))
    chosen = choose(expander, options, stream) if options else None
    refused = {uid_of(pod): (pod, tuple(reasons[uid_of(pod)])) for pod in pods if uid_of(pod) not in helped}
    taken = len(chosen.packed.pods) if chosen is not None else 0
    return Decision(chosen, refused, waiting=len(helped) > taken)
