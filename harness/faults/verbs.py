"""The fault verbs. Each says what it hits; `strike` does it through the surface of a target."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Literal, Protocol

from harness.kube.objects import Object, is_deleting, key_of, name_of, namespace_of
from harness.kube.resources import PODS
from harness.targets.base import FaultSurface

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
