"""One node as its kubelet sees it: what the Node object says of it, its lease and its images.

While the kubelet lives the stored lease has no `spec.renewTime` (readers fill in the present); when it dies the last
renewal is written, so that heartbeats cost no event. The capacity, the taints and the labels are those of whoever
registered the node. Follows kubernetes 1.34 `pkg/kubelet/nodestatus/setters.go`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from harness.clock import SECOND, Kernel, format_micro_time, format_time
from harness.cluster.kubelet.pulls import ImageStore, unpacked_bytes
from harness.kube.client import Reader, Writer
from harness.kube.events import Recorder
from harness.kube.objects import Object, thaw, with_condition
from harness.kube.resources import LEASES, NODES

LEASE_NAMESPACE = "kube-node-lease"
_RENEWAL_US = 10 * SECOND
_LEASE_DURATION_S = 40
_MAX_IMAGES = 50  # nodeStatusMaxImages

_PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)


@dataclass
class KubeletNode:
    """What the kubelet of one node remembers."""

    name: str
    address: str
    joined_us: int
    images: ImageStore = field(default_factory=ImageStore)
    shutting_down: bool = False
    critical_s: int | None = None  # while it shuts down: what its critical pods will get, until they are told
    memory_pressure: bool = False
    gone: bool = False  # the machine has ended


class NodeStatus:
    """Writes what the kubelets say of their nodes."""

    def __init__(self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder, version: str) -> None:
        self._version = version
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._recorder = recorder

    def address_of(self, node: Object) -> str | None:
        """The address that the node was registered with."""
        for entry in (node.get("status") or {}).get("addresses") or ():
            if entry["type"] == "InternalIP":
                return str(entry["address"])
        return None

    def joined(self, node: KubeletNode) -> None:
        """Ready, with node information; the lease begins."""
        found = self._node(node.name)
        self._begin_lease(found)
        status = found.get("status") or {}
        body: dict[str, Any] = {
            "nodeInfo": {
                **_NODE_INFO,
                "kubeletVersion": self._version,
                **{key: value for key, value in (status.get("nodeInfo") or {}).items() if value},
            },
            "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        }
        if not status.get("addresses"):
            body["addresses"] = [
                {"type": "InternalIP", "address": node.address},
                {"type": "Hostname", "address": node.name},
            ]
        conditions = [
            {"type": kind, "status": "False", "reason": why, "message": text} for kind, why, text in _PRESSURES
        ]
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        }
        self._write(found, [*conditions, ready], body)
        self._recorder.event(found, "Normal", "NodeReady", f"Node {node.name} status is now: NodeReady")

    def shutting_down(self, node: KubeletNode) -> None:
        """NotReady for the last minutes of the machine."""
        found = self._node(node.name)
        text = "node is shutting down"
        self._write(found, [{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": text}], {})
        self._recorder.event(found, "Normal", "NodeNotReady", f"Node {node.name} status is now: NodeNotReady")

    def set_memory_pressure(self, node: KubeletNode, *, pressed: bool) -> None:
        """Report that memory runs short, or does no more."""
        node.memory_pressure = pressed
        reason = "KubeletHasInsufficientMemory" if pressed else "KubeletHasSufficientMemory"
        text = f"kubelet has {'insufficient' if pressed else 'sufficient'} memory available"
        condition = {"type": "MemoryPressure", "status": str(pressed), "reason": reason, "message": text}
        found = self._node(node.name)
        self._write(found, [condition], {})
        event = "NodeHasInsufficientMemory" if pressed else "NodeHasSufficientMemory"
        self._recorder.event(found, "Normal", event, f"Node {node.name} status is now: {event}")

    def died(self, node: KubeletNode) -> None:
        """Leave the lease as the kubelet's last renewal left it."""
        if self._reader.get(LEASES, LEASE_NAMESPACE, node.name) is None:
            return
        age_us = self._kernel.now - node.joined_us
        last_us = node.joined_us + age_us // _RENEWAL_US * _RENEWAL_US
        self._writer.patch(LEASES, LEASE_NAMESPACE, node.name, {"spec": {"renewTime": format_micro_time(last_us)}})

    def images_changed(self, node: KubeletNode) -> None:
        """Report the node's images, the largest first, as the scheduler's ImageLocality reads them."""
        if self._reader.get(NODES, None, node.name) is None:
            return
        images = sorted(node.images.present.values(), key=lambda image: (-image.size_bytes, image.reference))
        entries = [{"names": [image.reference], "sizeBytes": unpacked_bytes(image)} for image in images[:_MAX_IMAGES]]
        self._writer.patch(NODES, None, node.name, {"status": {"images": entries}}, subresource="status")

    def _node(self, name: str) -> Object:
        found = self._reader.get(NODES, None, name)
        if found is None:
            raise ValueError(f"node {name} is not registered: create its Node object before its kubelet joins")
        return found

    def _write(self, node: Object, conditions: list[dict[str, Any]], body: dict[str, Any]) -> None:
        now = format_time(self._kernel.now)
        known = (node.get("status") or {}).get("conditions") or []
        for entry in conditions:
            known = with_condition(known, {**entry, "lastHeartbeatTime": now}, now)
        patch = {"status": {**body, "conditions": thaw(known)}}
        self._writer.patch(NODES, None, node["metadata"]["name"], patch, subresource="status")

    def _begin_lease(self, node: Object) -> None:
        name = node["metadata"]["name"]
        if self._reader.get(LEASES, LEASE_NAMESPACE, name) is not None:
            self._writer.patch(LEASES, LEASE_NAMESPACE, name, {"spec": {"renewTime": None}})
            return
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": node["metadata"]["uid"]}
        lease = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]},
            "spec": {"holderIdentity": name, "leaseDurationSeconds": _LEASE_DURATION_S},
        }
        self._writer.create(LEASES, lease)


_NODE_INFO = {
    "architecture": "amd64",
    "bootID": "",
    "containerRuntimeVersion": "containerd://2.1.5",
    "kernelVersion": "6.12.0",
    "kubeProxyVersion": "",
    "machineID": "",
    "operatingSystem": "linux",
    "osImage": "Linux",
    "systemUUID": "",
}
