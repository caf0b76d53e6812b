"""The seam to the kubelets: what happens to the machine behind a node. Implemented by the embedded cluster's kubelets."""

from __future__ import annotations

from typing import Protocol


class Machines(Protocol):
    """Kubelets by node name; all calls return at once and belong to the kernel's thread."""

    def join(self, node_name: str) -> None:
        """The kubelet of the registered node is ready from now on."""

    def leave(self, node_name: str) -> None:
        """The machine is gone: its processes are killed and nothing is written any more. Harmless when it never joined."""

    def shut_down(self, node_name: str, grace_s: int, critical_s: int) -> None:
        """The operating system shuts down and ends the pods within `grace_s`."""
