"""The fault verbs of the targets with a modelled AWS, and what became of them: machines that were taken, rules that never fired.

What is broken here is modelled on all of these targets: machines, the spot market, capacity, calls to AWS. How a network is cut and a disk
filled is each target's own.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fixtures.archives.failures import FailurePlan
from harness.clock import Kernel, Timeline, seconds
from harness.cloud.gateway import Answer, LoseAcknowledgement, MatchingCalls, Refuse, Verdict
from harness.cloud.nodegroups import instance_id_of
from harness.cloud.outage import ZoneOutages
from harness.cloud.shortage import Shortage
from harness.kube.client import Reader, Writer
from harness.kube.objects import key_of
from harness.kube.resources import NODES, PODS
from harness.targets.base import TakenInstance
from harness.targets.cloudside import CloudSide
from harness.targets.losses import LossLedger

_VERDICTS: Mapping[str, Verdict] = {
    "SlowDown": Refuse(503, "SlowDown"),
    "InternalError": Refuse(500, "InternalError"),
    "AccessDenied": Refuse(403, "AccessDenied"),
    "LostAcknowledgement": LoseAcknowledgement(),
}


@dataclass(frozen=True)
class _Taken:
    at_us: int
    instance: str
    node: str
    node_group: str
    notice_s: int
    pods: tuple[str, ...]


class CloudFaults:
    """A part of `harness.targets.base.FaultSurface`. Belongs to the kernel's thread."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        timeline: Timeline,
        reader: Reader,
        writer: Writer,
        cloud: CloudSide,
        failures: FailurePlan,
    ) -> None:
        self.reader = reader
        self.writer = writer
        self._kernel = kernel
        self._timeline = timeline
        self._cloud = cloud
        self._failures = failures
        self._taken: list[_Taken] = []
        self._rules: list[MatchingCalls] = []
        self._shortages: list[Shortage] = []
        self._outages = ZoneOutages(groups=cloud.groups, fleet=cloud.fleet, instances=cloud.instances)
        self._losses = LossLedger()
        self._stored: list[tuple[str, str]] = []
        cloud.gateway.on_answer.append(self._answered)

    def reclaim_spot(self, node: str, *, notice_s: int, rebalance_lead_s: int | None) -> None:
        """Let EC2 take a spot instance back."""
        self._take(
            node, notice_s, lambda: self._cloud.spot.reclaim(node, notice_s=notice_s, rebalance_lead_s=rebalance_lead_s)
        )

    def kill_node(self, node: str) -> None:
        """Let a machine stop at once, without notice."""
        self._take(node, 0, lambda: self._cloud.spot.lose_instance(node))

    def drain_node(self, node: str) -> None:
        """Cordon a node and evict what runs there, as `kubectl drain` does: PodDisruptionBudgets hold, and it tries for ever."""
        self._cloud.drainer.drain(node, respects_budgets=True, timeout_s=None, done=lambda: None)

    def fail_calls(self, operation: str, pod: str, target: str, first: int, times: int, verdict: str) -> None:
        """Let matching calls to AWS fail."""
        rule = MatchingCalls(f"{verdict} {operation}", _VERDICTS[verdict], operation, pod, target, first, times)
        self._rules.append(rule)
        self._cloud.gateway.rules.append(rule)

    def lose_zone(self, zone: str, *, for_s: float | None) -> None:
        """Let every machine in a zone stop at once, and let none start there for so long."""
        taken = []
        for member in self._outages.members(zone):
            instance = self._cloud.fleet.instance_of(member)
            pods = self._running_on(member.node_name)
            taken.append(_Taken(self._kernel.now, instance.id, member.node_name, instance.group, 0, pods))
        self._outages.lose(zone)
        self._taken += taken
        if for_s is not None:
            self._end("LoseZone", zone, self._cloud.tempo.us(seconds(for_s)), lambda: self._outages.restore(zone))

    def refuse_capacity(self, code: str, *, instance_type: str, zone: str, capacity_type: str, for_s: float) -> None:
        """Let EC2 refuse launches from some pools."""
        shortage = Shortage(code, instance_type, zone, capacity_type)
        self._shortages.append(shortage)
        rules = self._cloud.instances.capacity_rules
        rules.append(shortage)
        what = f"{instance_type}/{zone}/{capacity_type}"
        self._end("RefuseCapacity", what, self._cloud.tempo.us(seconds(for_s)), lambda: rules.remove(shortage))

    def stored_objects(self) -> Sequence[tuple[str, str]]:
        """Each object that a pod stored, in order: the pod and the object's URL."""
        return list(self._stored)

    def unfired_rules(self) -> Sequence[str]:
        """What was asked for and never happened: failures of calls and archives, refusals that no launch met."""
        return [
            *(rule.name for rule in self._rules if not rule.fired),
            *(repr(rule) for rule in self._failures.unfired),
            *(repr(shortage) for shortage in self._shortages if not shortage.refused),
        ]

    def taken_instances(self) -> Sequence[TakenInstance]:
        """The machines that faults took, with the work that was lost on them."""
        records = list(self._timeline)
        return [
            TakenInstance(
                at_us=taken.at_us,
                instance=taken.instance,
                node=taken.node,
                node_group=taken.node_group,
                notice_s=taken.notice_s,
                pods=taken.pods,
                lost_s=sum(self._losses.lost_s(pod, taken.node, records) for pod in taken.pods),
            )
            for taken in self._taken
        ]

    def _take(self, node: str, notice_s: int, strike: Callable[[], None]) -> None:
        """Strike, and note what ran there before; a strike that is refused (no spot instance) notes nothing."""
        found = self.reader.get(NODES, None, node)
        instance_id = instance_id_of(found) if found is not None else None
        instance = self._cloud.instances.get(instance_id or "")
        if instance is None:
            raise LookupError(f"node {node} is no EC2 instance")
        pods = self._running_on(node)
        strike()
        self._taken.append(_Taken(self._kernel.now, instance.id, node, instance.group, notice_s, pods))

    def _running_on(self, node: str) -> tuple[str, ...]:
        return tuple(
            key_of(pod)
            for pod in self.reader.by_index(PODS, "node", node)
            if (pod.get("status") or {}).get("phase") == "Running" and fnmatch.fnmatch(key_of(pod), "em-pipeline/*")
        )

    def _end(self, verb: str, what: str, after_us: int, end: Callable[[], None]) -> None:
        """Let a fault that lasts have its end."""

        def ends() -> None:
            end()
            self._timeline.record("FaultEnded", f"Fault/{verb}", what=what)

        self._kernel.after(after_us, ends)

    def _answered(self, answer: Answer) -> None:
        if answer.call.operation == "PutObject" and answer.status < 300:
            self._losses.committed(answer.call.party, self._kernel.now)
            self._stored.append((answer.call.party.rsplit("/", 2)[0], answer.call.target))
