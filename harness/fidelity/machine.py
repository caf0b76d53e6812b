"""A node with a kubelet in the embedded cluster, as a worker of kind is one: for the traces that only a kubelet decides."""

from __future__ import annotations

from pathlib import Path

from harness.clock import Kernel
from harness.cluster.cluster import EmbeddedCluster
from harness.fidelity.runtime import ShellRuntime
from harness.kube.hooks import Hooks, Image, ImageError, MountError, Provision
from harness.kube.objects import Object, new_object
from harness.kube.resources import NODES

_NAME = "worker"
_BUSYBOX = Image("busybox:latest", None, ("sh",))
_AMOUNTS = {"cpu": "32", "memory": "128Gi", "ephemeral-storage": "500Gi", "pods": "110"}


class _Outside:
    """What a kubelet asks of others: there is one image, and nothing else."""

    def resolve(self, reference: str) -> Image:
        """The image. Raises ImageError."""
        if reference != _BUSYBOX.reference:
            raise ImageError(f"{reference}: not found")
        return _BUSYBOX

    def provide(self, pod: Object, container: str, party: str) -> Provision:  # noqa: ARG002 - everybody gets the same
        """Nothing."""
        return Provision()

    def withdraw(self, party: str) -> None:
        """Nothing was given."""

    def mount(self, pod: Object, volume: Object) -> Path:  # noqa: ARG002 - there is no storage
        """Raises MountError."""
        raise MountError("traces have no persistent volumes on real nodes")


def start_with_a_node(cluster: EmbeddedCluster, kernel: Kernel, directory: Path) -> None:
    """Start all of the cluster, and one node; on the kernel's thread."""
    outside = _Outside()
    hooks = Hooks(outside, ShellRuntime(kernel, directory / "containers"), outside, outside)
    kubelets = cluster.start(hooks, metrics_server=False)
    status = {"capacity": _AMOUNTS, "allocatable": _AMOUNTS}
    writer = cluster.store.writer("kubelet")
    writer.create(NODES, new_object(NODES, _NAME, labels={"kubernetes.io/hostname": _NAME}, spec={}))
    writer.patch(NODES, None, _NAME, {"status": status}, subresource="status")
    kubelets.join(_NAME, [_BUSYBOX])
