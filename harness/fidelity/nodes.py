"""Fake nodes: created ready, their leases renewed every ten seconds while they are alive, as a kubelet does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.clock import SECOND, Kernel, format_micro_time, format_time
from harness.fidelity.trace import NodeSpec
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.errors import NotFound
from harness.kube.objects import is_true, new_object
from harness.kube.resources import LEASES, NODES

_RENEWAL_US = 10 * SECOND
_LEASES = "kube-node-lease"
_HEALTHY = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


class Nodes:
    """The fake nodes of one trace: a controller that keeps their leases fresh."""

    def __init__(self, name: str, kernel: Kernel, reader: Reader, writer: Writer) -> None:
        self.name = f"{name}-nodes"
        self.alive: dict[str, bool] = {}
        self._specs: dict[str, NodeSpec] = {}
        self._kernel = kernel
        self._reader = reader
        self._writer = writer

    def watches(self) -> Sequence[Watch]:
        """Nothing wakes it but itself and the driver."""
        return ()

    def add(self, spec: NodeSpec) -> None:
        """Create a node."""
        labels = {
            "kubernetes.io/hostname": spec.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            **spec.labels,
        }
        body: dict[str, Any] = {"spec": {"taints": [dict(taint) for taint in spec.taints]} if spec.taints else {}}
        if spec.unschedulable:
            body["spec"]["unschedulable"] = True
        self._writer.create(NODES, new_object(NODES, spec.name, labels=labels, **body))
        self._specs[spec.name] = spec
        self.alive[spec.name] = True
        self._report(spec.name)

    def is_ready(self) -> bool:
        """Whether every node is ready, and its taints are those that it was given."""
        for name, spec in self._specs.items():
            node = self._reader.get(NODES, None, name)
            if node is None or not is_true(node, "Ready"):
                return False
            keys = {taint["key"] for taint in node["spec"].get("taints") or ()}
            wanted = {taint["key"] for taint in spec.taints}
            if keys - wanted - {"node.kubernetes.io/unschedulable"}:
                return False
        return True

    def die(self, name: str) -> None:
        """Nothing is heard of it any more."""
        self.alive[name] = False

    def come_back(self, name: str) -> None:
        """Its kubelet lives again, and says so."""
        self.alive[name] = True
        self._report(name)

    def reconcile(self, key: str) -> int | None:
        """Renew the lease of the node `key`."""
        if not self.alive.get(key):
            return None
        self._renew(key)
        return _RENEWAL_US

    def _renew(self, name: str) -> None:
        now = format_micro_time(self._kernel.now)
        try:
            self._writer.patch(LEASES, _LEASES, name, {"spec": {"renewTime": now}})
        except NotFound:
            spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": now}
            self._writer.create(LEASES, new_object(LEASES, name, _LEASES, spec=spec))

    def _report(self, name: str) -> None:
        """The node's status, as its kubelet reports it."""
        now = format_time(self._kernel.now)
        conditions = [
            {"type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now, "lastTransitionTime": now}
            for kind, status, reason, message in _HEALTHY
        ]  # fmt: skip
        capacity = dict(self._specs[name].capacity)
        status: dict[str, Any] = {"capacity": capacity, "allocatable": capacity, "conditions": conditions}
        self._writer.patch(NODES, None, name, {"status": status}, kind="strategic", subresource="status")

    def remove_all(self) -> None:
        """Delete what was created."""
        for name in self._specs:
            self.alive[name] = False
            for resource, namespace in ((NODES, None), (LEASES, _LEASES)):
                if self._reader.get(resource, namespace, name) is not None:
                    try:
                        self._writer.delete(resource, namespace, name)
                    except NotFound:
                        continue  # somebody was quicker

    def names(self) -> list[str]:
        """Of all nodes that were created here."""
        return list(self._specs)

    def specs(self) -> list[NodeSpec]:
        """Of all nodes that were created here."""
        return list(self._specs.values())

    def bound_to(self, node: str | None) -> bool:
        """Whether `node` is one of these and alive."""
        return bool(node) and self.alive.get(str(node), False)
