"""The fault verbs of the `sim` target, and what became of them: machines that were taken, rules that never fired."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fixtures.archives.failures import FailurePlan
from harness.clock import Kernel, Timeline
from harness.cloud.gateway import Answer, LoseAcknowledgement, MatchingCalls, Refuse, Verdict
from harness.cloud.nodegroups import instance_id_of
from harness.kube.client import Reader, Writer
from harness.kube.objects import key_of
from harness.kube.resources import NODES, PODS
from harness.targets.base import TakenInstance
from harness.targets.cloudside import CloudSide
from harness.targets.sim.losses import LossLedger

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


class SimFaults:
    """Implements `harness.targets.base.FaultSurface`. Belongs to the kernel's thread."""

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
        self._losses = LossLedger()
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

    def unfired_rules(self) -> Sequence[str]:
        """Failures of calls and archives that were asked for and never happened."""
        return [rule.name for rule in self._rules if not rule.fired] + [repr(rule) for rule in self._failures.unfired]

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
        pods = tuple(
            key_of(pod)
            for pod in self.reader.by_index(PODS, "node", node)
            if (pod.get("status") or {}).get("phase") == "Running" and fnmatch.fnmatch(key_of(pod), "em-pipeline/*")
        )
        strike()
        self._taken.append(_Taken(self._kernel.now, instance.id, node, instance.group, notice_s, pods))

    def _answered(self, answer: Answer) -> None:
        if answer.call.operation == "PutObject" and answer.status < 300:
            self._losses.committed(answer.call.party, self._kernel.now)
