"""The node lifecycle controller: gives up nodes that are not heard of any more and taints what is not ready.

Follows `pkg/controller/nodelifecycle` (1.34). Upstream looks at all nodes every 5 s (`--node-monitor-period`), counted from its start, and what it
notices counts from the look: a node is lost 50 to 55 s after its last heartbeat. The looks are computed here, and happen only when one has something to
find. Taints with the effect NoSchedule follow a node's conditions at once; NoExecute at the rate of the zone. The taint controller (`tainteviction`) does
the evicting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.clock import Kernel, format_time
from harness.cluster.controllers.nodelifecycle import health, taints, zones
from harness.cluster.controllers.nodelifecycle.health import Health
from harness.cluster.controllers.nodelifecycle.zones import Limiter, Tally, ZoneState
from harness.cluster.controllers.pods import is_ready
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, condition, labels_of, name_of, namespace_of, with_condition
from harness.kube.resources import LEASES, NODES, PODS

LEASE_NAMESPACE = "kube-node-lease"
_LOOK = "/look"  # the key of the look at all nodes; no node's name has a slash
_REGION_LABEL = "topology.kubernetes.io/region"
_ZONE_LABEL = "topology.kubernetes.io/zone"
_EXCLUDED_LABEL = "node.kubernetes.io/exclude-disruption"
_NEVER_US = 1 << 62


def zone_of(node: Object) -> str:
    """Region and zone as one key."""
    labels = labels_of(node)
    return f"{labels.get(_REGION_LABEL, '')}:{labels.get(_ZONE_LABEL, '')}"


@dataclass
class _Zone:
    """What is remembered of a zone: its state (None: not judged yet), and the nodes that wait for their taint, in order."""

    limiter: Limiter
    state: ZoneState | None = None
    waiting: dict[str, None] = field(default_factory=dict)
    marked: dict[str, None] = field(default_factory=dict)  # waiting or tainted: not to be queued again


class NodeLifecycleController:
    """Reconciles a node by its name (NoSchedule taints), all nodes together (a look), and the nodes that wait for NoExecute."""

    name = "node-lifecycle-controller"

    def __init__(
        self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder, settings: ControllerManagerSettings
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named("node-controller")
        self._settings = settings
        self._epoch_us = kernel.now
        self._looked_us = -1
        self._known: dict[str, Object] = {}  # nodes that a look has found, to tell when one is removed
        self._changed: dict[str, None] = {}  # nodes of which something changed since they were looked at
        self._health: dict[str, Health] = {}
        self._lost: dict[str, None] = {}  # nodes that were given up and did not come back
        self._zones: dict[str, _Zone] = {}

    def watches(self) -> Sequence[Watch]:
        """Nodes and their leases."""
        return [Watch(NODES, self._of_node), Watch(LEASES, self._of_lease)]

    def reconcile(self, key: str) -> int | None:
        """One node's NoSchedule taints, or (on the grid) a look at all, and the taints that have waited long enough."""
        if key != _LOOK:
            node = self._reader.get(NODES, None, key)
            if node is not None:
                self._write_taints(node, taints.with_no_schedule(node, self._kernel.now))
            return None
        on_grid = (self._kernel.now - self._epoch_us) % self._settings.node_monitor_period_us == 0
        if on_grid and self._looked_us != self._kernel.now:
            self._looked_us = self._kernel.now
            self._look()
        self._taint_waiting()
        return self._next_us()

    def _of_node(self, node: Object) -> Iterable[str]:
        self._changed[name_of(node)] = None
        return (name_of(node), _LOOK)

    def _of_lease(self, lease: Object) -> Iterable[str]:
        if namespace_of(lease) != LEASE_NAMESPACE:
            return ()
        self._changed[name_of(lease)] = None
        return (_LOOK,)

    def _look(self) -> None:
        """Notice what changed and who is overdue, and judge the zones."""
        changed, self._changed = self._changed, {}
        self._compare(changed)
        overdue = [
            name
            for name, entry in self._health.items()
            if name not in self._lost and (entry.lost_at_us(self._settings) or _NEVER_US) <= self._kernel.now
        ]
        for name in dict.fromkeys((*changed, *overdue)):
            node = self._reader.get(NODES, None, name)
            if node is not None:
                self._probe(node)
        counted: dict[str, list[str]] = {}
        for node in self._reader.list(NODES):
            if _EXCLUDED_LABEL not in labels_of(node):
                counted.setdefault(zone_of(node), []).append(health.ready_status(node))
        self._judge_zones(counted)

    def _next_us(self) -> int | None:
        """From now until the next look that finds something, or until a zone lets the next node through."""
        now = self._kernel.now
        moments = [now + 1] if self._changed else []
        moments += [
            lost_us
            for name, entry in self._health.items()
            if name not in self._lost and (lost_us := entry.lost_at_us(self._settings)) is not None
        ]
        period_us = self._settings.node_monitor_period_us
        delays = []
        if moments:
            steps = -(-(max(min(moments), now + 1) - self._epoch_us) // period_us)
            delays.append(self._epoch_us + steps * period_us - now)
        for zone in self._zones.values():
            free_us = zone.limiter.free_us()
            if zone.waiting and free_us is not None:
                delays.append(max(free_us - now, 1))
        return min(delays, default=None)

    def _compare(self, changed: Iterable[str]) -> None:
        """Tell of nodes that came and went since the last look."""
        for name in changed:
            node = self._reader.get(NODES, None, name)
            if node is None:
                gone = self._known.pop(name, None)
                self._health.pop(name, None)
                self._lost.pop(name, None)
                if gone is not None:
                    # It stays in its zone's queue, where it uses up a turn: upstream forgets it only when the turn comes.
                    text = f"Node {name} event: Removing Node {name} from Controller"
                    self._events.event(gone, "Normal", "RemovingNode", text)
                continue
            if name not in self._known:
                text = f"Node {name} event: Registered Node {name} in Controller"
                self._events.event(node, "Normal", "RegisteredNode", text)
                self._mark_reachable(node)
            self._known[name] = node

    def _probe(self, node: Object) -> None:
        """Notice signs of life of one node, give it up without, and queue it for its taint."""
        name = name_of(node)
        lease = self._reader.get(LEASES, LEASE_NAMESPACE, name)
        noticed = health.observe(self._health.get(name), node, lease, self._kernel.now)
        self._health[name] = noticed
        lost_us = noticed.lost_at_us(self._settings)
        if lost_us is not None and lost_us <= self._kernel.now:
            self._lost[name] = None
            node = self._give_up(node)
        else:
            self._lost.pop(name, None)
        self._follow_ready(node)

    def _give_up(self, node: Object) -> Object:
        before = health.ready_status(node)
        conditions = health.unknown_conditions(node, self._kernel.now)
        if conditions == list((node.get("status") or {}).get("conditions") or ()):
            return node
        patch = {"status": {"conditions": conditions}}
        given_up = self._writer.patch(NODES, None, name_of(node), patch, subresource="status")
        if before == "True":
            text = f"Node {name_of(node)} status is now: NodeNotReady"
            self._events.event(node, "Normal", "NodeNotReady", text)
            self._mark_pods_not_ready(name_of(node))
        return given_up

    def _mark_pods_not_ready(self, node: str) -> None:
        for pod in self._reader.by_index(PODS, "node", node):
            if not is_ready(pod):
                continue
            before = dict(condition(pod, "Ready") or {})
            conditions = with_condition(
                (pod.get("status") or {}).get("conditions") or (),
                {**before, "status": "False"},
                format_time(self._kernel.now),
            )
            patch = {"status": {"conditions": conditions}}
            self._writer.patch(PODS, namespace_of(pod), name_of(pod), patch, subresource="status")
            self._events.event(pod, "Warning", "NodeNotReady", "Node is not ready")

    def _follow_ready(self, node: Object) -> None:
        """processTaintBaseEviction: queue, exchange or lift the NoExecute taint."""
        ready = condition(node, "Ready")
        if ready is None:
            return
        key = taints.key_for(str(ready["status"]))
        if key is None:
            self._mark_reachable(node)
        elif taints.no_execute_keys(node):
            self._write_taints(node, taints.with_no_execute(node, key, self._kernel.now))
        else:
            zone = self._zone(zone_of(node))
            if name_of(node) not in zone.marked:
                zone.marked[name_of(node)] = zone.waiting[name_of(node)] = None

    def _mark_reachable(self, node: Object) -> None:
        if taints.no_execute_keys(node):
            self._write_taints(node, taints.with_no_execute(node, None, self._kernel.now))
        self._unmark(node)

    def _unmark(self, node: Object) -> None:
        zone = self._zone(zone_of(node))
        zone.marked.pop(name_of(node), None)
        zone.waiting.pop(name_of(node), None)

    def _write_taints(self, node: Object, wanted: Sequence[object]) -> None:
        current = self._reader.get(NODES, None, name_of(node))
        if current is not None and list(wanted) != list(taints.taints_of(current)):
            self._writer.patch(NODES, None, name_of(node), {"spec": {"taints": list(wanted) or None}})

    def _zone(self, key: str) -> _Zone:
        zone = self._zones.get(key)
        if zone is None:
            zone = self._zones[key] = _Zone(Limiter(zones.interval_us(ZoneState.NORMAL, 0, self._settings)))
        return zone

    def _judge_zones(self, counted: Mapping[str, Sequence[str]]) -> None:
        """handleDisruption: the rate of each zone, and what the loss and the return of all zones do."""
        states = {
            key: zones.state_of(Tally(entries.count("True"), len(entries) - entries.count("True")), self._settings)
            for key, entries in counted.items()
        }
        for key in [key for key in self._zones if key not in states]:
            self._zones[key].state = None
        before = {key: self._zone(key).state for key in states}
        all_down = zones.all_down(states)
        were_down = bool(before) and all(state is ZoneState.FULL for state in before.values())
        if all_down and were_down:
            return
        if all_down:
            for node in self._reader.list(NODES):
                self._mark_reachable(node)
                self._changed[name_of(node)] = None  # the next look queues it again, in vain while all is down
            for key in states:
                self._zone(key).limiter.swap(None, self._kernel.now)
                self._zone(key).state = ZoneState.FULL
            return
        if were_down:  # the fault lay with the control plane: every node gets a new chance
            for name, noticed in self._health.items():
                if noticed.probe_us is not None:
                    self._health[name] = replace(noticed, probe_us=self._kernel.now)
                    self._lost.pop(name, None)
        for key, state in states.items():
            if were_down or before[key] is not state:
                wanted_us = zones.interval_us(state, len(counted[key]), self._settings)
                self._zone(key).limiter.swap(wanted_us, self._kernel.now)
                self._zone(key).state = state

    def _taint_waiting(self) -> None:
        """doNoExecuteTaintingPass: as many as each zone's rate lets through."""
        for zone in self._zones.values():
            while zone.waiting:
                free_us = zone.limiter.free_us()
                if free_us is None or free_us > self._kernel.now:
                    break
                name = next(iter(zone.waiting))
                del zone.waiting[name]
                zone.limiter.take(self._kernel.now)
                node = self._reader.get(NODES, None, name)
                key = None if node is None else taints.key_for(health.ready_status(node))
                if node is not None and key is not None:
                    self._write_taints(node, taints.with_no_execute(node, key, self._kernel.now))
