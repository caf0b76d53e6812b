"""The seam between the scheduling cycle and its plugins, and the order in which they are called.

One cycle for one pod (kubernetes `pkg/scheduler/schedule_one.go`, 1.34):

1. `Filter.admit` of every filter, in the profile's order: a Verdict that refuses the pod as a whole ends the cycle; one that names nodes leaves only these.
2. `Filter.check` of every filter, once: the test of one node, or None when this pod makes the filter superfluous (upstream's Skip).
3. For each node, in the cluster's order from where the last cycle stopped: the tests in the profile's order up to the first that refuses; its reasons are the
   node's. Enough feasible nodes end the search.
4. `Score.rate` of every score, once, with the feasible nodes: raw points for each, or None to be skipped; `normalise` brings them to 0..100; times the weight.
5. The highest sum wins; among equals a seeded draw decides.
6. When nothing was feasible the pod waits until `Filter.helps` of a filter that refused it says that a cluster event could change its mind.

A plugin with `local = True` answers from the pod's spec and the one node only, so its answers are kept by (pod class, node generation). Plugins are pure:
they read what they are given and keep nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.podinfo import PodInfo

MAX_NODE_SCORE = 100

EventKind = Literal["NodeAdd", "NodeUpdate", "AssignedPodAdd", "AssignedPodDelete", "PodUpdate", "VolumeChange"]


@dataclass(frozen=True)
class Refusal:
    """Why a node cannot take the pod. `resolvable` says that removing pods from the node could help (upstream's Unschedulable)."""

    reason: str
    resolvable: bool = False


@dataclass(frozen=True)
class Verdict:
    """What a filter says before it looks at nodes: only these nodes (None: all), or nobody, for this reason."""

    nodes: frozenset[str] | None = None
    refusal: str = ""


@dataclass(frozen=True)
class ClusterEvent:
    """Something that happened and may let a waiting pod in: a node (as it is now) or a pod (as it is or was last)."""

    kind: EventKind
    node: NodeInfo | None = None
    pod: PodInfo | None = None
    pod_before: PodInfo | None = None


Check = Callable[[NodeInfo], tuple[Refusal, ...]]
Points = Callable[[NodeInfo], int]
FITS: tuple[Refusal, ...] = ()


class Filter(Protocol):
    """Decides which nodes can take a pod."""

    name: str
    local: bool

    def admit(self, _pod: PodInfo, _cluster: Cluster, /) -> Verdict | None:
        """Before any node is looked at; None: nothing to say."""
        return None

    def check(self, pod: PodInfo, cluster: Cluster, /) -> Check | None:
        """The test of one node, or None when every node passes."""

    def helps(self, pod: PodInfo, event: ClusterEvent, cluster: Cluster, /) -> bool:
        """Whether `event` could let in a pod that this filter refused (upstream's queueing hint)."""


class Score(Protocol):
    """Says how good a feasible node is."""

    name: str
    local: bool

    def rate(self, pod: PodInfo, cluster: Cluster, feasible: Sequence[NodeInfo], /) -> Points | None:
        """The raw points of one node, or None when this pod makes no difference between nodes. A local score does not look at `feasible`."""

    def normalise(self, points: Sequence[int], /) -> Sequence[int]:
        """Raw points of all feasible nodes to 0..100."""


@dataclass(frozen=True)
class Profile:
    """Which plugins run, in which order, and what a score weighs."""

    filters: tuple[Filter, ...]
    scores: tuple[tuple[Score, int], ...]


@dataclass(frozen=True)
class Diagnosis:
    """Why no node can take a pod: the reasons of each node, or one for the pod as a whole, and the filters that refused."""

    nodes: int
    refusals: Mapping[str, tuple[Refusal, ...]] = field(default_factory=dict)
    whole: str = ""
    plugins: tuple[str, ...] = ()


def normalise_by_max(points: Sequence[int], *, reverse: bool = False) -> Sequence[int]:
    """upstream's DefaultNormalizeScore: the largest becomes 100 (reversed: 0), in whole numbers."""
    largest = max(points, default=0)
    if largest == 0:
        return [MAX_NODE_SCORE if reverse else point for point in points]
    scaled = [MAX_NODE_SCORE * point // largest for point in points]
    return [MAX_NODE_SCORE - point for point in scaled] if reverse else scaled
