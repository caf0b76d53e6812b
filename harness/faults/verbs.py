"""The fault verbs. Each says what it hits; `strike` does it through the surface of a target."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from fixtures.archives.gate import ARCHIVE_NAMES
from harness.cloud.shortage import RefusalCode
from harness.kube.objects import Object, is_deleting, key_of, labels_of, name_of, namespace_of
from harness.kube.resources import NODES, PODS
from harness.targets.base import CutMode, FaultSurface

_ZONE = "topology.kubernetes.io/zone"

Verdict = Literal["SlowDown", "InternalError", "AccessDenied", "LostAcknowledgement"]


class NothingToHit(LookupError):
    """No object fits the fault's target at the moment it strikes."""


class Fault(Protocol):
    """A way to break something."""

    def strike(self, surface: FaultSurface) -> str:
        """Do it; says what was hit. Raises NothingToHit."""


def _pod(surface: FaultSurface, pattern: str) -> Object:
    """The first live pod whose `namespace/name` matches."""
    for pod in surface.reader.list(PODS):
        running = (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}
        if running and not is_deleting(pod) and fnmatch.fnmatchcase(key_of(pod), pattern):
            return pod
    raise NothingToHit(f"no live pod matches {pattern!r}")


def _node_of(surface: FaultSurface, pattern: str) -> str:
    pod = _pod(surface, pattern)
    node: str | None = pod["spec"].get("nodeName")
    if node is None:
        raise NothingToHit(f"pod {key_of(pod)} is on no node")
    return node


def _refuse_no_time(fault: Fault, seconds: float) -> None:
    if seconds <= 0:
        raise ValueError(f"{type(fault).__name__}: seconds is {seconds:g}, a fault that lasts has to last")


@dataclass(frozen=True)
class DeletePod:
    """`kubectl delete pod`: not a stand-in for a dying node."""

    pod: str

    def strike(self, surface: FaultSurface) -> str:
        """Delete the pod with its own grace period."""
        pod = _pod(surface, self.pod)
        surface.writer.delete(PODS, namespace_of(pod), name_of(pod))
        return f"Pod/{key_of(pod)}"


@dataclass(frozen=True)
class EvictPod:
    """The eviction API, which a PodDisruptionBudget can refuse."""

    pod: str

    def strike(self, surface: FaultSurface) -> str:
        """Evict the pod."""
        pod = _pod(surface, self.pod)
        surface.writer.evict(str(namespace_of(pod)), name_of(pod))
        return f"Pod/{key_of(pod)}"


@dataclass(frozen=True)
class DrainNode:
    """`kubectl drain` of the node on which the pod runs."""

    pod: str

    def strike(self, surface: FaultSurface) -> str:
        """Cordon and evict."""
        node = _node_of(surface, self.pod)
        surface.drain_node(node)
        return f"Node/{node}"


@dataclass(frozen=True)
class ReclaimSpot:
    """EC2 takes back the instance on which the pod runs, `notice_s` after the notice; a rebalance recommendation may come earlier."""

    pod: str
    notice_s: int = 120
    rebalance_lead_s: int | None = None

    def strike(self, surface: FaultSurface) -> str:
        """Start the reclaim."""
        node = _node_of(surface, self.pod)
        surface.reclaim_spot(node, notice_s=self.notice_s, rebalance_lead_s=self.rebalance_lead_s)
        return f"Node/{node}"


@dataclass(frozen=True)
class KillNode:
    """The machine on which the pod runs stops: no signal, no notice."""

    pod: str

    def strike(self, surface: FaultSurface) -> str:
        """Stop it."""
        node = _node_of(surface, self.pod)
        surface.kill_node(node)
        return f"Node/{node}"


@dataclass(frozen=True)
class LoseZone:
    """An availability zone fails: its machines stop at once and none starts there, for `seconds` or for good.

    The zone is that of the name, or the one of the node on which the pod runs.
    """

    zone: str | None = None
    pod: str | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.zone is None) == (self.pod is None):
            raise ValueError("LoseZone: give either the zone or a pod that runs in it")
        if self.seconds is not None:
            _refuse_no_time(self, self.seconds)

    def strike(self, surface: FaultSurface) -> str:
        """Lose it."""
        zone = self._zone(surface)
        surface.lose_zone(zone, for_s=self.seconds)
        return f"Zone/{zone}"

    def _zone(self, surface: FaultSurface) -> str:
        if self.zone is not None:
            return self.zone
        name = _node_of(surface, str(self.pod))
        node = surface.reader.get(NODES, None, name)
        zone = labels_of(node).get(_ZONE) if node is not None else None
        if zone is None:
            raise NothingToHit(f"node {name} is in no zone: it has no label {_ZONE}")
        return zone


@dataclass(frozen=True)
class RefuseCapacity:
    """EC2 launches nothing from the pools that match the globs, for `seconds`: launches fail with `code` and are tried again by Auto Scaling."""

    seconds: float
    code: RefusalCode = "InsufficientInstanceCapacity"
    instance_type: str = "*"
    zone: str = "*"
    capacity_type: str = "*"

    def __post_init__(self) -> None:
        _refuse_no_time(self, self.seconds)
        if self.code not in get_args(RefusalCode):
            raise ValueError(
                f"RefuseCapacity: EC2 has no code {self.code!r} here, use one of {', '.join(get_args(RefusalCode))}"
            )

    def strike(self, surface: FaultSurface) -> str:
        """Refuse from now on."""
        surface.refuse_capacity(
            self.code,
            instance_type=self.instance_type,
            zone=self.zone,
            capacity_type=self.capacity_type,
            for_s=self.seconds,
        )
        return f"Capacity/{self.instance_type}/{self.zone}/{self.capacity_type}"


@dataclass(frozen=True)
class CutNetwork:
    """The network between one pod and the archives that match the glob is cut for `seconds`, also under what is on its way.

    `drop`: packets vanish; a client goes on when the cut ends, or gives up at its own timeout. `reset`: connections are reset.
    """

    pod: str
    archive: str
    seconds: float
    mode: CutMode = "drop"

    def __post_init__(self) -> None:
        _refuse_no_time(self, self.seconds)
        if not self._archives():
            raise ValueError(
                f"CutNetwork: {self.archive!r} matches no archive, use one of {', '.join(ARCHIVE_NAMES)} or a glob"
            )
        if self.mode not in get_args(CutMode):
            raise ValueError(f"CutNetwork: unknown mode {self.mode!r}, use one of {', '.join(get_args(CutMode))}")

    def strike(self, surface: FaultSurface) -> str:
        """Cut it."""
        pod = _pod(surface, self.pod)
        surface.cut_network(key_of(pod), self._archives(), mode=self.mode, for_s=self.seconds)
        return f"Pod/{key_of(pod)}"

    def _archives(self) -> list[str]:
        return [name for name in ARCHIVE_NAMES if fnmatch.fnmatchcase(name, self.archive)]


@dataclass(frozen=True)
class FillDisk:
    """A volume is full for `seconds`, but for some bytes; afterwards it has its room again. `shared` is the pipeline's shared file system."""

    seconds: float
    volume: Literal["shared"] = "shared"
    leaving_bytes: int = 0

    def __post_init__(self) -> None:
        _refuse_no_time(self, self.seconds)
        if self.volume != "shared":
            raise ValueError(f"FillDisk: unknown volume {self.volume!r}, the only one is 'shared'")
        if self.leaving_bytes < 0:
            raise ValueError(f"FillDisk: leaving_bytes is {self.leaving_bytes}, a disk cannot be fuller than full")

    def strike(self, surface: FaultSurface) -> str:
        """Fill it."""
        surface.fill_disk(self.volume, leaving_bytes=self.leaving_bytes, for_s=self.seconds)
        return f"Volume/{self.volume}"


@dataclass(frozen=True)
class FailCalls:
    """Calls of pods to AWS fail: `times` of them from the `first` matching one after the strike."""

    operation: str
    verdict: Verdict
    pod: str = "*"
    target: str = "*"
    first: int = 1
    times: int = 1

    def strike(self, surface: FaultSurface) -> str:
        """Arm the rule."""
        surface.fail_calls(self.operation, self.pod, self.target, self.first, self.times, self.verdict)
        return f"Calls/{self.operation}"
