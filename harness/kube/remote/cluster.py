"""A remote cluster as one value: reader, writers and the connection they share."""

from __future__ import annotations

from pathlib import Path

from harness.clock import Kernel
from harness.kube.remote.kubeconfig import Access, read_kubeconfig
from harness.kube.remote.reader import RemoteReader
from harness.kube.remote.transport import Transport
from harness.kube.remote.writer import RemoteWriter
from harness.kube.version import KubernetesVersion


class RemoteCluster:
    """Whatever API server `access` names. Raises `Unreachable` at the first request when it is not there."""

    def __init__(self, kernel: Kernel, access: Access, *, namespace: str | None = None) -> None:
        self.transport = Transport(access)
        self.reader = RemoteReader(kernel, self.transport, namespace=namespace)

    @classmethod
    def from_kubeconfig(cls, kernel: Kernel, path: Path, context: str | None = None) -> RemoteCluster:
        """The cluster of a kubeconfig's context. Raises KubeconfigError."""
        return cls(kernel, read_kubeconfig(path, context))

    def writer(self, manager: str) -> RemoteWriter:
        """A Writer whose writes are owned by field manager `manager`."""
        return RemoteWriter(self.transport, manager=manager)

    def version(self) -> KubernetesVersion:
        """What the server says it is."""
        return KubernetesVersion.parse(str(self.transport.request("GET", "/version")["gitVersion"]))

    def close(self) -> None:
        """End the watches and drop the connections."""
        self.reader.close()
        self.transport.close()
