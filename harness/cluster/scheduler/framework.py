"""The seam between the scheduling cycle and its plugins, and the order in which they are called.

One cycle for one pod (kubernetes `pkg/scheduler/schedule_one.go`, 1.34 to 1.36):

1. `Filter.admit` of every filter, in the profile's order (upstream's PreFilter): a Verdict that refuses the pod as a whole ends the cycle; one that names
   nodes leaves only these.
2. `LocalFilter.check` and `WideFilter.state` of every filter, once: the test of one node, or None when this pod makes the filter superfluous (Skip).
3. For each node, in the cluster's order from where the last cycle stopped: the tests in the profile's order up to the first that refuses; its reasons are the
   node's. A node to which pods of equal or higher priority are nominated is tested with them on it, and again without. Enough feasible nodes end the search.
4. `LocalScore.rate` and `WideScore.rater` of every score, once: raw points, or None to be skipped; `normalise` brings them to 0..100; times the weight.
5. The highest sum wins; among equals a seeded draw decides.
6. When nothing was feasible, preemption looks for pods that could go (`plugins/default_preemption.py`). The pod waits until `Filter.helps` of a
   filter that refused it says that a cluster event could change its mind.

Two kinds of plugins, for speed. A *local* one answers from the pod's spec and the one node alone, so an answer holds for (pod class, node generation).
A *wide* one looks at many nodes; it keeps what each node contributes in a state object and is told of the nodes that changed (`put`), so a cycle costs
what changed since the last cycle of that pod class. Preemption and nominations put a changed copy of a node into the state for a moment. Arrays run
over the cluster's slots (`cache`). Plugins themselves are pure: they read what they are given and keep nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeAlias

from harness.cluster.scheduler.arrays import np
from harness.cluster.scheduler.cache import Cluster, NodeInfo
from harness.cluster.scheduler.podinfo import PodInfo
from harness.kube.objects import Object

if TYPE_CHECKING:
    import numpy.typing as npt

MAX_NODE_SCORE = 100

Flags: TypeAlias = "npt.NDArray[np.bool_]"
Whole: TypeAlias = "npt.NDArray[np.int64]"


class PluginError(Exception):
    """A plugin could not answer (upstream's status Error): the pod is tried again after a back-off, with reason SchedulerError."""


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
    """Something that happened and may let a waiting pod in, with the object before and after; its label is e.g. `Node/Add`, `Pod/Delete` (pods on nodes)."""

    label: str
    old: Object | None = None
    new: Object | None = None


Check = Callable[[NodeInfo], tuple[Refusal, ...]]
Points = Callable[[NodeInfo], int]
FITS: tuple[Refusal, ...] = ()


class Contributions(Protocol):
    """What a wide plugin keeps for one pod class about all nodes."""

    def put(self, slot: int, node: NodeInfo | None, /) -> None:
        """The node in this slot is now this (None: it has gone)."""


class FilterState(Contributions, Protocol):
    """A wide filter's picture for one pod class."""

    def begin(self) -> None:
        """All changes have been put: work out what is common to the tests that follow."""

    def passing(self) -> Flags | None:
        """By slot, whether the node passes; None: ask node by node."""

    def check(self, node: NodeInfo, /) -> tuple[Refusal, ...]:
        """The test of one node."""


class NodeByNode(FilterState):
    """A picture that holds nothing of the nodes: each is asked when its turn comes."""

    def put(self, slot: int, node: NodeInfo | None, /) -> None:
        """Nodes are looked at one by one."""

    def begin(self) -> None:
        """Nothing is common to the tests."""

    def passing(self) -> Flags | None:
        """Node by node."""
        return None


class Rater(Contributions, Protocol):
    """A wide score's picture for one pod class."""

    def rate(self, slots: Whole, /) -> Whole | None:
        """Raw points of the feasible nodes in these slots, or None when the plugin is to be skipped."""


class Filter(Protocol):
    """Decides which nodes can take a pod; `events` are the labels of the cluster events that could help a pod which it refused."""

    name: str
    events: frozenset[str]

    def admit(self, _pod: PodInfo, _cluster: Cluster, /) -> Verdict | None:
        """Before any node is looked at; None: nothing to say. Raises PluginError."""
        return None

    def helps(self, _pod: PodInfo, _event: ClusterEvent, _cluster: Cluster, /) -> bool:
        """Whether `event`, one of `events`, could let in a pod that this filter refused (upstream's queueing hint)."""
        return True


class LocalFilter(Filter, Protocol):
    """A filter that looks at the pod's spec and one node alone."""

    def check(self, pod: PodInfo, /) -> Check | None:
        """The test of one node, or None when every node passes."""


class WideFilter(Filter, Protocol):
    """A filter that looks beyond the one node, or at more than the pod's spec."""

    def state(self, pod: PodInfo, cluster: Cluster, /) -> FilterState | None:
        """The picture for pods of this class, empty, or None when every node passes."""


class LocalScore(Protocol):
    """Says how good a feasible node is, from the pod's spec and that node alone."""

    name: str

    def points(self, pod: PodInfo, /) -> Points | None:
        """The raw points of one node, or None when this pod makes no difference between nodes."""

    def normalise(self, points: Whole, /) -> Whole:
        """Raw points of all feasible nodes to 0..100."""


class WideScore(Protocol):
    """Says how good a feasible node is among the others."""

    name: str

    def rater(self, pod: PodInfo, cluster: Cluster, /) -> Rater | None:
        """The picture for pods of this class, empty, or None when this pod makes no difference between nodes."""

    def normalise(self, points: Whole, /) -> Whole:
        """Raw points of all feasible nodes to 0..100."""


@dataclass(frozen=True)
class Profile:
    """Which plugins run, in which order, and what a score weighs. Upstream's order has all local filters before the wide ones."""

    local_filters: tuple[LocalFilter, ...]
    wide_filters: tuple[WideFilter, ...]
    local_scores: tuple[tuple[LocalScore, int], ...]
    wide_scores: tuple[tuple[WideScore, int], ...]
    belongs: Callable[[PodInfo], bool] = lambda _pod: False
    """Whether a Service or a set selects the pod, so that its labels and its owner matter to scores."""

    @property
    def filters(self) -> tuple[Filter, ...]:
        """All filters, in order."""
        return (*self.local_filters, *self.wide_filters)


@dataclass(frozen=True)
class Diagnosis:
    """Why no node can take a pod: the reasons of each node, or one for the pod as a whole, and the filters that refused."""

    nodes: int
    refusals: Mapping[str, tuple[Refusal, ...]] = field(default_factory=dict)
    whole: str = ""
    plugins: tuple[str, ...] = ()


def normalise_by_max(points: Whole, *, reverse: bool = False) -> Whole:
    """upstream's DefaultNormalizeScore: the largest becomes 100 (reversed: 0), in whole numbers."""
    largest = int(points.max(initial=0))
    if largest == 0:
        return np.full_like(points, MAX_NODE_SCORE) if reverse else points
    scaled = points * MAX_NODE_SCORE // largest
    return MAX_NODE_SCORE - scaled if reverse else scaled


def refused_resolvably(refusals: Sequence[Refusal]) -> bool:
    """Whether a node refused with upstream's code Unschedulable, so that preemption may look at it."""
    return all(refusal.resolvable for refusal in refusals)
