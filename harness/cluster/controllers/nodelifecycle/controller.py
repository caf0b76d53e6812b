"""The node lifecycle controller: gives up nodes that are not heard of any more and taints what is not ready.

Follows `pkg/controller/nodelifecycle` (1.34). Upstream looks at all nodes every 5 s; here the moment at which a node is lost, or the next one of a zone may be
tainted, is worked out and waited for, so a node is lost exactly 50 s after its last heartbeat. The taint controller (`tainteviction`) does the evicting.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.clock import Kernel, format_time, parse_time
from harness.cluster.controllers.nodelifecycle import health, taints, zones
from harness.cluster.controllers.nodelifecycle.zones import Tally, ZoneState
from harness.cluster.controllers.pods import is_ready
from harness.cluster.controllers.settings import ControllerManagerSettings
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, condition, labels_of, name_of, namespace_of, with_condition
from harness.kube.resources import LEASES, NODES, PODS

LEASE_NAMESPACE = "kube-node-lease"
_ZONES = "/zones"  # the key of the pass over all zones; no node's name has a slash
_REGION_LABEL = "topology.kubernetes.io/region"
_ZONE_LABEL = "topology.kubernetes.io/zone"


def zone_of(node: Object) -> str:
    """Region and zone as one key."""
    labels = labels_of(node)
    return f"{labels.get(_REGION_LABEL, '')}:{labels.get(_ZONE_LABEL, '')}"


class NodeLifecycleController:
    """Reconciles a node by its name, and all zones together."""

    name = "node-lifecycle-controller"

    def __init__(
        self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder, settings: ControllerManagerSettings
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._events = recorder.named("node-controller")
        self._settings = settings
        self._known: dict[str, Object] = {}  # nodes that were registered, to tell when one is removed
        self._tainted_us: dict[
            str, int
        ] = {}  # by zone: when the last node of it was given up (the rate limiter's memory)
        self._some_wait = (
            False  # nodes that are down and not given up yet: what a zone allows them depends on every node of it
        )

    def watches(self) -> Sequence[Watch]:
        """Nodes and their leases."""
        return [Watch(NODES, self._concerned), Watch(LEASES, _node_of_lease)]

    def reconcile(self, key: str) -> int | None:
        """One node, or the pass over the zones."""
        if key == _ZONES:
            return self._give_up_nodes()
        node = self._reader.get(NODES, None, key)
        if node is None:
            self._forget(key)
            return None
        if key not in self._known:
            self._events.event(
                node, "Normal", "RegisteredNode", f"Node {key} event: Registered Node {key} in Controller"
            )
        self._known[key] = node
        again_us = self._watch_over(node)
        self._settle_taints(key)
        return again_us

    def _concerned(self, node: Object) -> Iterable[str]:
        yield name_of(node)
        if self._some_wait or health.ready_status(node) != "True" or taints.no_execute_keys(node):
            yield _ZONES

    def _forget(self, name: str) -> None:
        node = self._known.pop(name, None)
        if node is not None:
            self._events.event(
                node, "Normal", "RemovingNode", f"Node {name} event: Removing Node {name} from Controller"
            )

    def _watch_over(self, node: Object) -> int | None:
        """Give the node up when its time has come; the time until then."""
        lost_us = health.lost_at_us(node, self._reader.get(LEASES, LEASE_NAMESPACE, name_of(node)), self._settings)
        if lost_us is None:
            return None
        if lost_us > self._kernel.now:
            return lost_us - self._kernel.now
        was_ready = health.ready_status(node)
        conditions = health.unknown_conditions(node, self._kernel.now)
        if conditions == list((node.get("status") or {}).get("conditions") or ()):
            return None
        self._writer.patch(NODES, None, name_of(node), {"status": {"conditions": conditions}}, subresource="status")
        if was_ready == "True":
            text = f"Node {name_of(node)} status is now: NodeNotReady"
            self._events.event(node, "Normal", "NodeNotReady", text)
            self._mark_pods_not_ready(name_of(node))
        return None

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

    def _settle_taints(self, name: str) -> None:
        """NoSchedule taints follow at once; NoExecute ones go at once when the node is Ready, or change their name with its state."""
        node = self._reader.get(NODES, None, name)
        if node is None:
            return
        wanted = taints.with_no_schedule(node, self._kernel.now)
        if taints.no_execute_keys(node):
            key = taints.key_for(health.ready_status(node))
            wanted = taints.with_no_execute({**node, "spec": {"taints": wanted}}, key, self._kernel.now)
        self._write_taints(node, wanted)

    def _write_taints(self, node: Object, wanted: Sequence[object]) -> None:
        if list(wanted) != list(taints.taints_of(node)):
            self._writer.patch(NODES, None, name_of(node), {"spec": {"taints": list(wanted) or None}})

    def _give_up_nodes(self) -> int | None:
        """Put NoExecute on the nodes that are not ready, as fast as each zone allows; the time until the next may follow."""
        by_zone: dict[str, list[Object]] = {}
        for node in self._reader.list(NODES):
            by_zone.setdefault(zone_of(node), []).append(node)
        down = {
            zone: [node for node in nodes if health.ready_status(node) != "True"] for zone, nodes in by_zone.items()
        }
        states = {
            zone: zones.state_of(Tally(len(nodes) - len(down[zone]), len(down[zone])), self._settings)
            for zone, nodes in by_zone.items()
        }
        self._some_wait = any(not taints.no_execute_keys(node) for nodes in down.values() for node in nodes)
        if zones.all_down(states):
            for node in (node for nodes in down.values() for node in nodes):
                self._write_taints(node, taints.with_no_execute(node, None, self._kernel.now))
            return None
        delays = [self._give_up_next(zone, states[zone], len(by_zone[zone]), nodes) for zone, nodes in down.items()]
        return min((delay for delay in delays if delay is not None), default=None)

    def _give_up_next(self, zone: str, state: ZoneState, nodes: int, down: Sequence[Object]) -> int | None:
        waiting = sorted((node for node in down if not taints.no_execute_keys(node)), key=_lost_since)
        interval_us = zones.interval_us(state, nodes, self._settings)
        if not waiting or interval_us is None:
            return None
        if zone not in self._tainted_us:
            self._tainted_us[zone] = max((_tainted_us(node) for node in down), default=0)
        free_us = self._tainted_us[zone] + interval_us
        if free_us > self._kernel.now:
            return free_us - self._kernel.now
        self._tainted_us[zone] = self._kernel.now
        node = waiting[0]
        key = taints.key_for(health.ready_status(node))
        self._write_taints(node, taints.with_no_execute(node, key, self._kernel.now))
        return interval_us if len(waiting) > 1 else None


def _node_of_lease(lease: Object) -> Iterable[str]:
    return (name_of(lease),) if namespace_of(lease) == LEASE_NAMESPACE else ()


def _lost_since(node: Object) -> tuple[str, str]:
    return str((condition(node, "Ready") or {}).get("lastTransitionTime") or ""), name_of(node)


def _tainted_us(node: Object) -> int:
    """When a node was given up, as its taint says: what a restarted controller knows of its rate."""
    moments = [
        parse_time(taint["timeAdded"])
        for taint in taints.taints_of(node)
        if taint.get("effect") == "NoExecute" and taint["key"] in taints.no_execute_keys(node) and "timeAdded" in taint
    ]
    return max(moments, default=0)
