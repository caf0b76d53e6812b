"""Eviction under memory pressure: pure rules.

Follows kubernetes 1.34 `pkg/kubelet/eviction` (eviction_manager.go, helpers.go) for the one signal that is modelled here, `allocatableMemory.available` with
the default hard threshold of 100Mi: the pods of a node hold more than its allocatable memory. Pods above their requests go first, then those of lower priority,
then those that exceed their request most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.cluster.kubelet.admission import request_of
from harness.cluster.kubelet.status import Verdict
from harness.kube import quantity
from harness.kube.objects import Object

THRESHOLD_BYTES = 100 << 20
LOOK_EVERY_S = 10  # monitoringInterval
TRANSITION_S = 300  # --eviction-pressure-transition-period
GRACE_S = 1  # immediateEvictionGracePeriodSeconds


@dataclass(frozen=True)
class Held:
    """A pod of a node and the memory that its containers hold, in bytes by container."""

    pod: Object
    containers: Mapping[str, int]

    @property
    def total(self) -> int:
        """Of the whole pod."""
        return sum(self.containers.values())


def available_bytes(node: Object, held: Sequence[Held]) -> int:
    """What is left for pods, threshold included."""
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    return quantity.whole(allocatable.get("memory", 0)) + THRESHOLD_BYTES - sum(entry.total for entry in held)


def first_to_go(held: Sequence[Held]) -> Held | None:
    """The pod that is evicted next; critical ones stay."""
    candidates = [entry for entry in held if not _is_critical(entry.pod) and entry.total > 0]
    return min(candidates, key=_rank, default=None)


def _rank(entry: Held) -> tuple[bool, int, int]:
    above = entry.total - request_of(entry.pod).get("memory", 0)
    return above <= 0, int(entry.pod["spec"].get("priority") or 0), -above


def _is_critical(pod: Object) -> bool:
    return int(pod["spec"].get("priority") or 0) >= 2_000_000_000


def verdict(entry: Held, available: int) -> Verdict:
    """What the evicted pod's status and event say."""
    text = f"The node was low on resource: memory. Threshold quantity: {binary(THRESHOLD_BYTES)}, available: {binary(max(0, available))}. "
    for spec in entry.pod["spec"]["containers"]:
        used = entry.containers.get(str(spec["name"]), 0)
        asked = ((spec.get("resources") or {}).get("requests") or {}).get("memory", "0")
        if used > quantity.whole(asked):
            text += f"Container {spec['name']} was using {binary(used)}, request is {asked}, has larger consumption of memory. "
    return Verdict("Evicted", text, disruption=True)


def refusal(pod: Object) -> Verdict | None:
    """Under memory pressure the kubelet admits no pod that asks for nothing, unless it is critical or tolerates the taint."""
    asks = any(
        (spec.get("resources") or {}).get(kind)
        for spec in (*(pod["spec"].get("initContainers") or ()), *pod["spec"]["containers"])
        for kind in ("requests", "limits")
    )
    tolerates = any(
        toleration.get("key") in {"node.kubernetes.io/memory-pressure", None}
        and toleration.get("effect") in {"NoSchedule", None}
        for toleration in pod["spec"].get("tolerations") or ()
    )
    if asks or tolerates or _is_critical(pod):
        return None
    return Verdict("Evicted", "The node had condition: [MemoryPressure]. ")


def binary(amount: int) -> str:
    """Bytes as Kubernetes prints a quantity in powers of 1024: `100Mi`, `1536Ki`."""
    for unit, shift in (("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)):
        if amount and amount % (1 << shift) == 0:
            return f"{amount >> shift}{unit}"
    return str(amount)
