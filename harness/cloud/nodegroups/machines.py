"""The seam to the machines behind nodes. Modelled ones are the embedded cluster's kubelets; real ones are containers."""

from __future__ import annotations

from typing import Protocol


class Machines(Protocol):
    """Machines by node name; all calls return at once and belong to the kernel's thread."""

    def leave(self, node_name: str) -> None:
        """The machine is gone: its processes are killed and nothing is written any more. Harmless when it never joined."""

    def shut_down(self, node_name: str, grace_s: int, critical_s: int) -> None:
        """The operating system shuts down and ends the pods within `grace_s`."""


class Kubelets(Machines, Protocol):
    """Modelled machines, which have to be told to begin."""

    def join(self, node_name: str) -> None:
        """The kubelet of the registered node is ready from now on."""
