"""The seam between a world and where it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from harness.clock import Kernel, Timeline
from harness.kube.client import Reader, Writer
from harness.kube.objects import Object
from harness.targets.project import Project

Workload = Literal["real", "recorded"]
Capability = Literal["virtual_time", "real_processes", "real_containers", "spot_market", "bill", "kubernetes_api"]
Place = tuple[int, int, int]
Truth = Callable[[Place, Place], npt.NDArray[np.generic]]


CutMode = Literal["drop", "reset"]


class TargetUnavailable(Exception):
    """A target that was asked for and cannot start; the message is one sentence with the remedy."""


class UnsupportedFault(Exception):
    """A fault that a target cannot do; the message is one sentence with the remedy."""


@dataclass(frozen=True)
class Settings:
    """What a world is made from. `scale` is the share of the full size's voxels; `pace` makes the clock follow the wall, times that factor;
    `shorter` is by how much a target that lives by the wall shortens modelled delays (None: its own choice).
    """

    environment: str
    seed: int
    scale: float
    workload: Workload = "real"
    pace: float | None = None
    shorter: float | None = None
    archive_failures: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Charge:
    """One line of a bill."""

    item: str
    usd: float
    quantity: float
    unit: str
    price_date: str


@dataclass(frozen=True)
class TakenInstance:
    """A machine that was taken away or stopped by a fault."""

    at_us: int
    instance: str
    node: str
    node_group: str
    notice_s: int
    pods: tuple[str, ...]
    lost_s: float


class FaultSurface(Protocol):
    """What a target lets the fault verbs touch, and what became of them. Belongs to the kernel's thread."""

    @property
    def reader(self) -> Reader:
        """The cluster's objects."""

    @property
    def writer(self) -> Writer:
        """Changes the cluster's objects."""

    def reclaim_spot(self, node: str, *, notice_s: int, rebalance_lead_s: int | None) -> None:
        """Let EC2 take a spot instance back."""

    def kill_node(self, node: str) -> None:
        """Let a machine stop at once, without notice."""

    def drain_node(self, node: str) -> None:
        """Cordon a node and evict what runs there."""

    def fail_calls(self, operation: str, pod: str, target: str, first: int, times: int, verdict: str) -> None:
        """Let matching calls to AWS fail, from the `first` one on, `times` times."""

    @property
    def unsupported(self) -> Mapping[str, str]:
        """The verbs that this target cannot do, by name, each with why and what to do instead."""

    def lose_zone(self, zone: str, *, for_s: float | None) -> None:
        """Let every machine in a zone stop at once, and let none start there for so long (None: for good).

        Raises LookupError when no machine is there.
        """

    def refuse_capacity(self, code: str, *, instance_type: str, zone: str, capacity_type: str, for_s: float) -> None:
        """Let EC2 refuse launches from the pools that match these globs, with that error code."""

    def cut_network(self, pod: str, archives: Sequence[str], *, mode: CutMode, for_s: float) -> None:
        """Let no byte pass between the pod `namespace/name` and these archives: packets vanish, or connections are reset."""

    def fill_disk(self, volume: str, *, leaving_bytes: int, for_s: float) -> None:
        """Let a volume be full but for some bytes, and then have its room again. Raises UnsupportedFault."""

    def unfired_rules(self) -> Sequence[str]:
        """What was asked for and never happened: failures of calls and archives, refusals that no launch met, cuts that no request met."""

    def stored_objects(self) -> Sequence[tuple[str, str]]:
        """Each object that a pod stored, in order: the pod `namespace/name` and the object's URL."""

    def taken_instances(self) -> Sequence[TakenInstance]:
        """The machines that faults took."""


class Backend(Protocol):
    """The parts of one world on one target. All but `sink_objects`, `truth`, `bill` and `close` belong to the kernel's thread unless said otherwise."""

    settings: Settings
    project: Project
    kernel: Kernel
    timeline: Timeline
    outputs: Mapping[str, str]
    state_dir: Path

    @property
    def faults(self) -> FaultSurface:
        """Where faults strike."""

    @property
    def reader(self) -> Reader:
        """The cluster's objects."""

    @property
    def writer(self) -> Writer:
        """Changes the cluster's objects."""

    def manifests(self, group: str) -> Mapping[str, Sequence[dict[str, Any]]]:
        """The rendered manifests of a group by file, with the stacks' outputs filled in."""

    def publish_images(self, tag: str) -> list[str]:
        """Push every service's image."""

    def withdraw_image(self, service: str, tag: str) -> None:
        """Delete a service's image again."""

    def workflows_established(self) -> None:
        """Called once the Workflow definition is served."""

    def node_groups(self) -> Sequence[Object]:
        """The managed node groups as EKS describes them."""

    def sink_objects(self) -> dict[str, bytes]:
        """Every object of the data bucket, read past the gateway. Any thread."""

    def sink_url(self) -> str:
        """The data bucket as a URL."""

    def shared_directory(self) -> Path:
        """Where the shared file system's root directory is on this machine."""

    def truth(self, source: str, attributes: Mapping[str, Any]) -> Truth:
        """What the archives hold for a data set's finest level. Any thread."""

    def archive_requests(self) -> Sequence[Any]:
        """What the archives were asked, oldest first. Any thread."""

    def pod_log(self, namespace: str, pod: str, container: str) -> str:
        """The output of a container's latest run, empty when it never ran."""

    def bill(self) -> Sequence[Charge]:
        """What was used since the world began, priced. Any thread but the kernel's."""

    def coverage(self) -> dict[str, Any]:
        """What is done with each resource of the templates."""

    def serve_kubernetes(self, kubeconfig: Path) -> str:
        """Open the Kubernetes API and write a kubeconfig for it; its URL."""

    def close(self) -> None:
        """Stop everything that was started. Any thread."""


class Target(Protocol):
    """A way to run worlds."""

    name: str
    capabilities: frozenset[Capability]
    one_at_a_time: bool
    """Whether it carries one world at a time, and one process."""

    def require(self) -> None:
        """Raise TargetUnavailable when something is missing on this machine."""

    def open(self, project: Project, settings: Settings) -> Backend:
        """Build a world's parts. Raises TargetUnavailable."""
