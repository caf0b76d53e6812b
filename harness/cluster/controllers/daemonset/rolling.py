"""Rolling updates of a DaemonSet (`pkg/controller/daemon/update.go`, 1.34): which old pods go, and which nodes get a second one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.controllers.daemonset.placement import is_updated, limits_of
from harness.kube.objects import Object, is_deleting

ByNode = Mapping[str, Sequence[Object]]
Test = Callable[[Object], bool]


@dataclass(frozen=True)
class Replacement:
    """What an update does next."""

    delete: tuple[Object, ...] = ()
    create_on: tuple[str, ...] = ()


def new_and_old(daemon_set: Object, pods: Sequence[Object], digest: str) -> tuple[Object | None, Object | None] | None:
    """The updated and the outdated pod of a node; None when there is more than one of a kind, which the main loop mends."""
    new: Object | None = None
    old: Object | None = None
    for pod in pods:
        if is_deleting(pod):
            continue
        if is_updated(daemon_set, pod, digest):
            if new is not None:
                return None
            new = pod
        else:
            if old is not None:
                return None
            old = pod
    return new, old


def replace(daemon_set: Object, by_node: ByNode, wanted: Sequence[str], digest: str, available: Test) -> Replacement:
    """`wanted` are the nodes that should run a pod, `available` tells whether a pod has been ready for long enough."""
    surge, unavailable = limits_of(daemon_set, len(wanted))
    if wanted and not surge and not unavailable:
        unavailable = 1
    pods = {**by_node, **{node: () for node in wanted if node not in by_node}}
    if surge == 0:
        return _in_place(daemon_set, pods, digest, available, unavailable)
    return _with_surge(daemon_set, pods, set(wanted), digest, available, surge)


def _in_place(daemon_set: Object, by_node: ByNode, digest: str, available: Test, limit: int) -> Replacement:
    """Old pods that are unavailable go at once, others as far as the limit allows."""
    missing = 0
    at_once: list[Object] = []
    candidates: list[Object] = []
    for node in sorted(by_node):
        both = new_and_old(daemon_set, by_node[node], digest)
        if both is None or (both[0] is None) == (both[1] is None):
            missing += 1
            continue
        new, old = both
        if old is None:
            missing += new is not None and not available(new)
        elif not available(old):
            at_once.append(old)
            missing += 1
        elif missing < limit:
            candidates.append(old)
    return Replacement(delete=(*at_once, *candidates[: max(limit - missing, 0)]))


def _with_surge(
    daemon_set: Object, by_node: ByNode, wanted: set[str], digest: str, available: Test, limit: int
) -> Replacement:
    """A second, new pod beside the old one, which goes once the new one is available."""
    delete: list[Object] = []
    unwanted: list[Object] = []
    at_once: list[str] = []
    candidates: list[str] = []
    surging = alive = 0
    for node in sorted(by_node):
        both = new_and_old(daemon_set, by_node[node], digest)
        if both is None:
            surging += 1
            continue
        new, old = both
        first = old if old is not None else new
        alive += first is not None and available(first)
        if old is None:
            continue
        if new is not None:
            if available(new):
                delete.append(old)
            else:
                surging += 1
        elif not available(old):
            if node in wanted:
                at_once.append(node)
            else:
                delete.append(old)
        elif node not in wanted:
            unwanted.append(old)
        elif surging < limit:
            candidates.append(node)
    delete += unwanted[: max(alive - len(wanted), 0)]
    return Replacement(tuple(delete), (*at_once, *candidates[: max(limit - surging, 0)]))
