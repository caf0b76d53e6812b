"""What pods and nodes use: the seam between whoever measures or models it, metrics.k8s.io and the HorizontalPodAutoscaler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from harness.kube.objects import Object


@dataclass(frozen=True)
class Usage:
    """What a container or a node uses at a moment, as the kubelet's summary says it.

    It stays the same until `until_us` (None: until the container ends); `measured` is that of a real process, which differs from run to run.
    """

    cpu_nanocores: int
    memory_bytes: int
    until_us: int | None = None
    measured: bool = False


class UsageMeter(Protocol):
    """Says what runs use now; asked on the kernel's thread. None: nothing is known (not running, or nobody measures)."""

    def containers(self, pod: Object) -> Mapping[str, Usage] | None:
        """The usage of each running container of a pod, by its name."""

    def node(self, node: Object) -> Usage | None:
        """The usage of a whole node."""
