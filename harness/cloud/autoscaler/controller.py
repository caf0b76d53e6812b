"""The Cluster Autoscaler: grows groups for pods that no node takes, shrinks those that are not needed.

Follows Cluster Autoscaler 1.34 (`core/static_autoscaler.go`) and its AWS provider. It acts only while its Deployment
has an available replica, with the flags of that container, and only if the pod gets AWS credentials. Upstream scans
every 10 s; here a change of pods or nodes leads to a look at the next instant of that 10 s grid, and otherwise it
comes back when an answer can change: a node unneeded long enough, a back-off that ends, a node that did not come.
What upstream keeps in memory is kept in memory, and lost with the Deployment.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import MINUTE, SECOND, Kernel, Seeds, Timeline, parse_time
from harness.cloud.autoscaler.backoff import Backoff
from harness.cloud.autoscaler.fit import Bin
from harness.cloud.autoscaler.flags import Flags, parse_flags
from harness.cloud.autoscaler.packing import place_on
from harness.cloud.autoscaler.removal import pods_to_move
from harness.cloud.autoscaler.scale_down import Unneeded, Unneededness, removable
from harness.cloud.autoscaler.scale_up import Growable, decide
from harness.cloud.autoscaler.snapshot import Snapshot, declare_index, take
from harness.cloud.autoscaler.templates import TO_BE_DELETED, is_discovered, template_of
from harness.cloud.autoscaler.texts import IN_BACKOFF, not_triggered, triggered
from harness.cloud.estate import Estate
from harness.cloud.nodegroups import Drainer, NodeGroups, ValidationError
from harness.cloud.platform import (
    CLUSTER_AUTOSCALER_IMAGE,
    arguments_of,
    find_deployment,
    has_credentials,
    is_available,
)
from harness.cloud.tempo import Tempo
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, thaw, uid_of
from harness.kube.resources import DEPLOYMENTS, NODES, PODS

_KEY = "cluster"
_FAILED_DRAIN_PAUSE_US = 5 * MINUTE


def _one_key(_obj: Object) -> tuple[str]:
    return (_KEY,)


class ClusterAutoscaler:
    """The controller `cluster-autoscaler`."""

    name = "cluster-autoscaler"

    def __init__(
        self,
        *,
        kernel: Kernel,
        reader: Reader,
        writer: Writer,
        recorder: Recorder,
        seeds: Seeds,
        timeline: Timeline,
        groups: NodeGroups,
        drainer: Drainer,
        estate: Estate,
        tempo: Tempo | None = None,
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._recorder = recorder.named(self.name)
        self._seeds = seeds
        self._timeline = timeline
        self._groups = groups
        self._drainer = drainer
        self._estate = estate
        self._tempo = tempo or Tempo()
        self._unneeded = Unneededness()
        self._backoff = Backoff(self._tempo)
        self._started_us: int | None = None
        self._idle_reason = ""
        self._last_add_us: int | None = None
        self._last_delete_us: int | None = None
        self._last_failure_us: int | None = None
        self._expected_by: dict[str, int] = {}  # by group: when its new nodes have to be there
        self._told: dict[str, str] = {}  # by pod uid: the last NotTriggerScaleUp
        self._draining: set[str] = set()
        self._paused: dict[str, int] = {}  # by node: after a failed drain
        declare_index(reader)

    def watches(self) -> Sequence[Watch]:
        """Pods, nodes and its own Deployment."""
        return (Watch(PODS, _one_key), Watch(NODES, _one_key), Watch(DEPLOYMENTS, _one_key))

    def reconcile(self, key: str) -> int | None:  # noqa: ARG002 - there is one key
        """Scan if this is an instant of the grid, else come back at the next one."""
        flags = self._flags()
        if flags is None:
            self._forget()
            return None
        now_us = self._kernel.now
        if self._started_us is None:
            self._started_us = now_us
            return flags.scan_interval_us
        since_us = (now_us - self._started_us) % flags.scan_interval_us
        if since_us:
            return flags.scan_interval_us - since_us
        again_us = self._scan(flags)
        if again_us is None:
            return None
        steps = -(-max(again_us - now_us, 1) // flags.scan_interval_us)
        return steps * flags.scan_interval_us

    def _flags(self) -> Flags | None:
        """The flags of the running autoscaler; None while none can act."""
        deployment = find_deployment(self._reader, CLUSTER_AUTOSCALER_IMAGE)
        if deployment is None or not is_available(deployment):
            return None
        if not has_credentials(self._estate, deployment):
            self._say_idle("its service account has no Pod Identity association, so AWS refuses its calls")
            return None
        flags = parse_flags(arguments_of(deployment, CLUSTER_AUTOSCALER_IMAGE)).at(self._tempo)
        if not self._discovered(flags):
            self._say_idle("its flags discover no node group (--node-group-auto-discovery, --nodes)")
        elif flags.unmodelled:
            self._say_idle(f"flags without effect here: {', '.join(flags.unmodelled)}")
        return flags

    def _say_idle(self, reason: str) -> None:
        if reason != self._idle_reason:
            self._idle_reason = reason
            self._timeline.record("AutoscalerNote", "Controller/cluster-autoscaler", reason=reason)

    def _forget(self) -> None:
        """What a restart forgets."""
        self._started_us = self._last_add_us = self._last_delete_us = self._last_failure_us = None
        self._unneeded.clear()
        self._backoff = Backoff(self._tempo)
        self._expected_by.clear()
        self._told.clear()
        self._paused.clear()

    def _discovered(self, flags: Flags) -> list[str]:
        return [
            name
            for name in self._groups.names()
            if is_discovered(self._groups.get(name).spec, flags.discovery_tags, flags.nodes)
        ]

    def _scan(self, flags: Flags) -> int | None:
        """One iteration; the moment at which the next can have another answer."""
        now_us = self._kernel.now
        names = self._discovered(flags)
        snapshot = take(self._reader)
        nexts: list[int] = []
        self._give_up_on_missing(names, snapshot, nexts)
        pending = self._old_enough(snapshot.pending, flags, nexts)
        left, needed = self._without_room(pending, names, snapshot)
        grown = self._grow(left, names, snapshot, flags, nexts) if left else False
        self._told = {uid: text for uid, text in self._told.items() if any(uid_of(pod) == uid for pod in left)}
        unneeded = self._unneeded.update(snapshot, flags, names, needed, now_us)
        if flags.scale_down_enabled:
            self._shrink(unneeded, flags, nexts, allowed=not grown)
        if any(self._groups.get(name).launching for name in names):
            nexts.append(now_us + flags.scan_interval_us)
        return min(nexts, default=None)

    def _old_enough(self, pods: Sequence[Object], flags: Flags, nexts: list[int]) -> list[Object]:
        if not flags.new_pod_scale_up_delay_us:
            return list(pods)
        old = []
        for pod in pods:
            ripe_us = parse_time(pod["metadata"]["creationTimestamp"]) + flags.new_pod_scale_up_delay_us
            if ripe_us <= self._kernel.now:
                old.append(pod)
            else:
                nexts.append(ripe_us)
        return old

    def _without_room(
        self, pods: Sequence[Object], names: Sequence[str], snapshot: Snapshot
    ) -> tuple[list[Object], set[str]]:
        """The pods that neither a ready node nor one that is coming takes; and the nodes that the others are about to use."""
        views = [view for view in snapshot.nodes if view.ready and not view.is_being_deleted]
        bins = [Bin(view.bin.shape, dict(view.bin.used)) for view in views]
        coming = [
            Bin(self._growable(name, snapshot).template)
            for name in names
            for _ in range(self._groups.get(name).desired - snapshot.present(name))
        ]
        left = place_on(pods, [*bins, *coming])
        needed = {view.name for view, one in zip(views, bins, strict=True) if one.used != view.bin.used}
        return left, needed

    def _growable(self, name: str, snapshot: Snapshot) -> Growable:
        group = self._groups.get(name)
        ready = [view.node for view in snapshot.ready(name)]
        template = template_of(group.spec, ready, region=self._estate.region)
        skipped = IN_BACKOFF if self._backoff.until(name, self._kernel.now) is not None else None
        return Growable(name, template, group.desired, group.max_size, skipped)

    def _grow(
        self, pods: Sequence[Object], names: Sequence[str], snapshot: Snapshot, flags: Flags, nexts: list[int]
    ) -> bool:
        now_us = self._kernel.now
        groups = [self._growable(name, snapshot) for name in names]
        decision = decide(pods, groups, flags.expander, self._seeds.stream("autoscaler/expander"))
        for uid, (pod, reasons) in decision.refused.items():
            text = not_triggered(reasons)
            if self._told.get(uid) != text:
                self._told[uid] = text
                self._recorder.event(pod, "Normal", "NotTriggerScaleUp", text)
        nexts += [until for name in names if (until := self._backoff.until(name, now_us)) is not None]
        if decision.waiting:
            nexts.append(now_us + flags.scan_interval_us)
        if decision.chosen is None:
            return False
        chosen = decision.chosen
        group = self._groups.get(chosen.group)
        before, after = group.desired, group.desired + len(chosen.packed.nodes)
        self._groups.set_desired(chosen.group, after, "cluster-autoscaler scale-up")
        self._last_add_us = now_us
        self._expected_by[chosen.group] = now_us + flags.max_node_provision_us
        nexts.append(self._expected_by[chosen.group])
        text = triggered(group.spec.asg_name, before, after, group.max_size)
        for pod in chosen.packed.pods:
            self._recorder.event(pod, "Normal", "TriggeredScaleUp", text)
        return True

    def _give_up_on_missing(self, names: Sequence[str], snapshot: Snapshot, nexts: list[int]) -> None:
        """Groups whose launches are refused, or whose nodes did not come in time: take the request back and leave them alone."""
        now_us = self._kernel.now
        for name in names:
            group = self._groups.get(name)
            ready = snapshot.present(name)
            if group.desired <= ready:
                self._expected_by.pop(name, None)
                continue
            expected_us = self._expected_by.get(name)
            if group.issues:
                keep = len(self._groups.members(name))
            elif expected_us is not None and expected_us <= now_us:
                keep = ready
            else:
                if expected_us is not None:
                    nexts.append(expected_us)
                continue
            self._expected_by.pop(name, None)
            self._last_failure_us = now_us
            nexts.append(self._backoff.failed(name, now_us))
            self._timeline.record(
                "ScaleUpFailed",
                f"NodeGroup/{name}",
                desired=group.desired,
                reason=group.issues[0]["message"] if group.issues else "nodes did not become ready in time",
            )
            self._groups.set_desired(name, max(keep, group.min_size), "cluster-autoscaler gives up")

    def _shrink(self, unneeded: Sequence[Unneeded], flags: Flags, nexts: list[int], *, allowed: bool) -> None:
        now_us = self._kernel.now
        calm_us = max(
            (
                moment + delay
                for moment, delay in (
                    (self._last_add_us, flags.scale_down_delay_after_add_us),
                    (self._last_delete_us, flags.scale_down_delay_after_delete_us or flags.scan_interval_us),
                    (self._last_failure_us, flags.scale_down_delay_after_failure_us),
                )
                if moment is not None
            ),
            default=now_us,
        )
        spare = {
            name: self._groups.get(name).desired - self._groups.get(name).min_size for name in self._groups.names()
        }
        ready = [one for one in unneeded if self._paused.get(one.view.name, 0) <= now_us]
        for one in ready:
            if spare.get(str(one.view.group), 0) > 0:
                moment = max(one.since_us + flags.scale_down_unneeded_us, calm_us)
                nexts.append(max(moment, now_us + flags.scan_interval_us))
        nexts += [until for until in self._paused.values() if until > now_us]
        if not allowed or calm_us > now_us:
            return
        for one in removable(ready, flags, now_us=now_us, spare=spare, draining=bool(self._draining)):
            self._last_delete_us = now_us
            self._remove(one, flags)

    def _remove(self, one: Unneeded, flags: Flags) -> None:
        """Mark the node, empty it if need be, and give the instance back."""
        node, name = one.view.node, one.view.name
        taint = {"key": TO_BE_DELETED, "value": str(self._kernel.now // SECOND), "effect": "NoSchedule"}
        self._set_taints(name, [*thaw(node["spec"].get("taints") or ()), taint])
        self._recorder.event(node, "Normal", "ScaleDown", "marked the node as toBeDeleted/unschedulable")
        if one.empty:
            self._terminate(name)
            return
        for pod in pods_to_move(one.view.pods):
            self._recorder.event(pod, "Normal", "ScaleDown", "deleting pod for node scale down")
        self._draining.add(name)
        self._drainer.drain(
            name,
            respects_budgets=True,
            timeout_s=flags.max_pod_eviction_s + flags.max_graceful_termination_s,
            done=lambda: self._drained(name),
            cordons=False,
        )

    def _drained(self, name: str) -> None:
        self._draining.discard(name)
        node = self._reader.get(NODES, None, name)
        if node is None:
            return
        if self._drainer.pods_to_move(name):
            self._paused[name] = self._kernel.now + self._tempo.us(_FAILED_DRAIN_PAUSE_US)
            self._set_taints(
                name, [taint for taint in thaw(node["spec"].get("taints") or ()) if taint["key"] != TO_BE_DELETED]
            )
            self._recorder.event(node, "Warning", "ScaleDownFailed", "failed to drain the node, aborting ScaleDown")
            return
        self._terminate(name)

    def _terminate(self, name: str) -> None:
        node = self._reader.get(NODES, None, name)
        try:
            self._groups.terminate(name, "cluster-autoscaler scale-down")
        except (ValidationError, LookupError) as error:
            if node is not None:
                self._recorder.event(node, "Warning", "ScaleDownFailed", f"failed to delete the node: {error}")
            return
        if node is not None:
            self._recorder.event(node, "Normal", "ScaleDown", "node removed by cluster autoscaler")

    def _set_taints(self, name: str, taints: Sequence[object]) -> None:
        self._writer.patch(NODES, None, name, {"spec": {"taints": list(taints)}})
