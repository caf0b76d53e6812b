"""Spot interruptions as EC2 announces them and as managed node groups answer; and machines that are lost without a word.

Follows fixtures/facts/spot.yaml and eks.yaml: a rebalance recommendation may come before the notice: the group asks
for a replacement at once, and cordons and drains the old node when the replacement is ready. The notice comes 120 s
before the end: what still runs is drained at once, and a replacement is asked for if none was. At the end the
operating system shuts down. Every step is a record on the timeline in EventBridge's shape, and stands in the
instance's metadata.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from harness.clock import SECOND, Kernel, Seeds, Timeline, format_time
from harness.cloud.estate import Estate
from harness.cloud.instances import InstanceState
from harness.cloud.nodegroups import Drainer, Fleet, Member, NodeGroups
from harness.cloud.tempo import Tempo

INTERRUPTION = "spot interruption"
_REBALANCE = "spot rebalance"
_DRAIN_TIMEOUT_S = 15 * 60


class NotSpot(ValueError):
    """An instance that EC2 does not take back."""


class NoticeBoard(Protocol):
    """Where notices are posted for the instance itself: its metadata."""

    def notice_interruption(self, instance_id: str, at_us: int) -> None:
        """The instance ends at `at_us`."""

    def notice_rebalance(self, instance_id: str) -> None:
        """The instance is at elevated risk since now."""


class Spot:
    """Takes instances back. All methods belong to the kernel's thread."""

    def __init__(
        self,
        *,
        kernel: Kernel,
        seeds: Seeds,
        timeline: Timeline,
        estate: Estate,
        groups: NodeGroups,
        fleet: Fleet,
        drainer: Drainer,
        board: NoticeBoard,
        tempo: Tempo | None = None,
    ) -> None:
        self._kernel = kernel
        self._seeds = seeds
        self._timeline = timeline
        self._estate = estate
        self._groups = groups
        self._fleet = fleet
        self._drainer = drainer
        self._board = board
        self._tempo = tempo or Tempo()
        self._waiting: list[Member] = []  # old members that wait for a replacement to be ready
        fleet.observe_ready(self._replacement_ready)

    def reclaim(self, node_name: str, *, notice_s: int = 120, rebalance_lead_s: int | None = None) -> None:
        """Interrupt the node's instance: the notice comes after `rebalance_lead_s` (at once without), the end `notice_s` later.

        Raises LookupError for a node of no group, NotSpot for an on-demand instance.
        """
        member = self._member(node_name)
        if self._fleet.instance_of(member).pool.capacity_type != "SPOT":
            raise NotSpot(
                f"node {node_name} is on an on-demand instance: EC2 takes back spot instances only, use lose_instance"
            )
        if rebalance_lead_s is None:
            self._notice(member, notice_s)
            return
        self._recommend(member)
        self._kernel.after(self._tempo.us(rebalance_lead_s * SECOND), lambda: self._notice(member, notice_s))

    def lose_instance(self, node_name: str, reason: str = "hardware failure") -> None:
        """Power cut: no notice, no shutdown. Raises LookupError for a node of no group."""
        member = self._member(node_name)
        self._fleet.lose(member, reason)
        self._groups.lost(member, reason)

    def _member(self, node_name: str) -> Member:
        member = self._fleet.by_node(node_name)
        if member is None:
            raise LookupError(f"node {node_name} belongs to no node group")
        return member

    def _recommend(self, member: Member) -> None:
        self._board.notice_rebalance(member.instance_id)
        self._announce(member, "EC2 Instance Rebalance Recommendation", {})
        if member.ending or member.replaced:
            return
        self._waiting.append(member)
        self._groups.replace(member, _REBALANCE)

    def _replacement_ready(self, ready: Member) -> None:
        """The oldest waiting node of the group may go."""
        waiting = [old for old in self._waiting if old.spec.name == ready.spec.name and old is not ready]
        if not waiting:
            return
        old = waiting[0]
        self._waiting.remove(old)
        if not old.ending:
            self._drain(old, lambda: self._fleet.stop(old, _REBALANCE))

    def _notice(self, member: Member, notice_s: int) -> None:
        if self._is_over(member):
            return
        end_us = self._kernel.now + self._tempo.us(notice_s * SECOND)
        self._board.notice_interruption(member.instance_id, end_us)
        self._announce(member, "EC2 Spot Instance Interruption Warning", {"instance-action": "terminate"})
        self._waiting = [one for one in self._waiting if one is not member]
        if not member.replaced:
            self._groups.replace(member, INTERRUPTION)
        if not member.ending:
            self._drain(member, lambda: None)
        self._kernel.at(end_us, lambda: self._interrupt(member))

    def _interrupt(self, member: Member) -> None:
        if self._is_over(member):
            return
        self._fleet.stop(member, INTERRUPTION)
        self._groups.lost(member, INTERRUPTION)

    def _drain(self, member: Member, done: Callable[[], None]) -> None:
        if not member.registered:
            done()
            return
        self._drainer.drain(member.node_name, respects_budgets=True, timeout_s=_DRAIN_TIMEOUT_S, done=done)

    def _is_over(self, member: Member) -> bool:
        return self._fleet.instance_of(member).state not in {InstanceState.PENDING, InstanceState.RUNNING}

    def _announce(self, member: Member, detail_type: str, detail: dict[str, str]) -> None:
        """The event as EventBridge delivers it."""
        region, account = self._estate.region, self._estate.account_id
        event = {
            "version": "0",
            "id": self._seeds.uid("eventbridge"),
            "detail-type": detail_type,
            "source": "aws.ec2",
            "account": account,
            "time": format_time(self._kernel.now),
            "region": region,
            "resources": [f"arn:aws:ec2:{region}:{account}:instance/{member.instance_id}"],
            "detail": {"instance-id": member.instance_id, **detail},
        }
        kind = "".join(word for word in detail_type.split() if word not in {"EC2", "Instance"})
        self._timeline.record(kind, f"Instance/{member.instance_id}", node=member.node_name, event=event)
