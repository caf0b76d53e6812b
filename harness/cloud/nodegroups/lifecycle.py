"""The cloud node lifecycle controller: deletes the Node of an instance that is gone.

Follows kubernetes `staging/src/k8s.io/cloud-provider/controllers/nodelifecycle` (1.34): every 5 s it asks the cloud
about nodes that are not Ready, and deletes those whose instance does not exist; for EC2 that is `terminated`, not
`shutting-down`. Nothing ticks while all nodes are Ready.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import SECOND, Kernel
from harness.cloud.instances import Instance, InstanceProvider, InstanceState
from harness.kube.client import Reader, Writer
from harness.kube.controllers import Watch
from harness.kube.events import Recorder
from harness.kube.objects import Object, condition
from harness.kube.resources import NODES

_PERIOD_US = 5 * SECOND


class CloudNodeLifecycle:
    """The controller `cloud-node-lifecycle-controller`."""

    name = "cloud-node-lifecycle-controller"

    def __init__(
        self, kernel: Kernel, reader: Reader, writer: Writer, recorder: Recorder, instances: InstanceProvider
    ) -> None:
        self._kernel = kernel
        self._reader = reader
        self._writer = writer
        self._recorder = recorder.named(self.name)
        self._instances = instances
        self._epoch_us = kernel.now
        instances.observe(self._instance_changed)

    def watches(self) -> Sequence[Watch]:
        """Nodes."""
        return (Watch(NODES),)

    def reconcile(self, key: str) -> int | None:
        """Delete the node at the next look when it is not ready and its machine is gone."""
        node = self._reader.get(NODES, None, key)
        if node is None or _is_ready(node):
            return None
        wait_us = self._until_next_look()
        if wait_us:
            return wait_us
        instance = self._instances.get(instance_id_of(node) or "")
        if instance is None or instance.state is not InstanceState.TERMINATED:
            return None  # a node of somebody else, or one whose instance still exists: its end will wake this
        self._recorder.event(
            node, "Normal", "DeletingNode", f"Deleting node {key} because it does not exist in the cloud provider"
        )
        self._writer.delete(NODES, None, key)
        return None

    def _instance_changed(self, instance: Instance) -> None:
        """Look at the node of an instance that has just gone."""
        if instance.state is InstanceState.TERMINATED:
            self._kernel.after(self._until_next_look(), lambda: self._look(instance.private_dns_name))

    def _look(self, node_name: str) -> None:
        self.reconcile(node_name)

    def _until_next_look(self) -> int:
        return -(self._kernel.now - self._epoch_us) % _PERIOD_US


def instance_id_of(node: Object) -> str | None:
    """The instance id in `spec.providerID`."""
    provider_id = str((node.get("spec") or {}).get("providerID") or "")
    return provider_id.rsplit("/", 1)[-1] if provider_id.startswith("aws://") else None


def _is_ready(node: Object) -> bool:
    ready = condition(node, "Ready")
    return ready is not None and ready.get("status") == "True"
