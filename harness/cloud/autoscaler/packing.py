"""How many new nodes pods need, by first fit of the larger first, as upstream's binpacking estimator does. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.cloud.autoscaler.fit import Bin, Shape, rejections, requests_of
from harness.kube.objects import Object, key_of


@dataclass(frozen=True)
class Packed:
    """New nodes and the pods that they take."""

    nodes: tuple[Bin, ...]
    pods: tuple[Object, ...]


def pack(pods: Sequence[Object], template: Shape, nodes_max: int) -> Packed:
    """Fill at most `nodes_max` nodes of the template."""
    bins: list[Bin] = []
    placed: list[Object] = []
    for pod in sorted(pods, key=lambda one: (-_weight(one, template), key_of(one))):
        place = next((one for one in bins if not rejections(pod, one)), None)
        if place is None:
            if len(bins) >= nodes_max:
                continue
            fresh = Bin(replace(template, name=f"{template.name}-{len(bins)}"))
            if rejections(pod, fresh):
                continue
            bins.append(fresh)
            place = fresh
        place.add(requests_of(pod))
        placed.append(pod)
    return Packed(tuple(bins), tuple(placed))


def place_on(pods: Sequence[Object], bins: Sequence[Bin]) -> list[Object]:
    """Place pods on nodes that exist or are coming; the pods that are left over."""
    left = []
    for pod in pods:
        place = next((one for one in bins if not rejections(pod, one)), None)
        if place is None:
            left.append(pod)
        else:
            place.add(requests_of(pod))
    return left


def _weight(pod: Object, template: Shape) -> float:
    requests = requests_of(pod)
    return sum(
        requests.get(resource, 0) / template.allocatable[resource]
        for resource in ("cpu", "memory")
        if template.allocatable.get(resource)
    )
