"""What a kubelet remembers of one container between two looks: its state, the one before, and when it may try again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from harness.cluster.kubelet.backoff import Backoff
from harness.kube.hooks import Image
from harness.kube.objects import Object

Role = Literal["init", "sidecar", "app"]


@dataclass(frozen=True)
class Waiting:
    """Not running yet, or not running again yet."""

    reason: str
    message: str = ""


@dataclass(frozen=True)
class Running:
    """Has a process."""

    started_us: int


@dataclass(frozen=True)
class Terminated:
    """Has ended."""

    exit_code: int
    reason: str
    message: str
    signal: int
    started_us: int | None
    finished_us: int | None
    container_id: str


State = Waiting | Running | Terminated


def lost(container_id: str = "") -> Terminated:
    """What the kubelet assumes of a run that it has no word of."""
    text = "The container could not be located when the pod was terminated"
    return Terminated(137, "ContainerStatusUnknown", text, 0, None, None, container_id)


@dataclass(frozen=True)
class Pull:
    """An image on its way to the node."""

    image: Image
    begun_us: int
    done_us: int


@dataclass
class Stopping:
    """A container has been told to end: since when, within which grace, and how much of that its preStop hook takes."""

    told_us: int
    grace_s: int
    hook_s: int
    ordered: bool  # waits for its turn in the pod's order of termination
    signalled: bool = False  # SIGTERM has gone out


@dataclass
class Container:
    """One container of a pod on its node."""

    spec: Object
    role: Role
    state: State
    last: Terminated | None = None
    restarts: int = 0
    image_id: str = ""
    container_id: str = ""
    party: str | None = None  # of its process, while it has one
    log: Path | None = None  # of its latest run
    retry_us: int = 0  # nothing is tried before this moment
    crash: Backoff = field(default_factory=Backoff)
    backs_off: bool = False  # the kubelet has looked since its end, and let it wait
    pull: Backoff = field(default_factory=Backoff)
    pulling: Pull | None = None
    pull_failed: tuple[int, str] | None = None  # when, and why
    stopping: Stopping | None = None  # was told to end
    probed_to_death: bool = False  # it ended because a probe failed
    hook_until_us: int = 0  # its postStart hook runs until then
    starting: bool = False  # that hook runs
    started: bool = False  # runs, and its startup probe (if any) has succeeded
    ready: bool = False  # started, and its readiness probe (if any) says so

    @property
    def name(self) -> str:
        """As in the pod's spec."""
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        """The image's reference."""
        return str(self.spec["image"])

    @property
    def is_running(self) -> bool:
        """Whether it has a process."""
        return isinstance(self.state, Running)

    @property
    def is_shown_running(self) -> bool:
        """Whether the status says so: not before the postStart hook is done."""
        return self.is_running and not self.starting

    @property
    def previous(self) -> Terminated | None:
        """The latest run that ended."""
        return self.state if isinstance(self.state, Terminated) else self.last

    def wait(self, reason: str, message: str = "") -> None:
        """Put it into waiting; a run that ended becomes the last state."""
        self.last = self.previous
        self.state = Waiting(reason, message)

    @property
    def exit_code(self) -> int | None:
        """Of the run that has ended, None while it runs or waits."""
        return self.state.exit_code if isinstance(self.state, Terminated) else None


def container_id_of(pod_uid: str, name: str, restarts: int) -> str:
    """As containerd names it; the same in every run of equal seeds."""
    return "containerd://" + hashlib.sha256(f"{pod_uid}/{name}/{restarts}".encode()).hexdigest()


def image_id_of(reference: str) -> str:
    """`repository@sha256:...` of an image reference."""
    if "@" in reference:
        return reference
    last = reference.rsplit("/", 1)[-1]
    repository = reference[: len(reference) - len(last)] + last.split(":", 1)[0]
    return f"{repository}@sha256:{hashlib.sha256(reference.encode()).hexdigest()}"


def restarts_after(container: Container, restart_policy: str, exit_code: int) -> bool:
    """Whether a container that ended with `exit_code` is started again (kubernetes `pkg/kubelet/container/helpers.go` ShouldContainerBeRestarted)."""
    if container.role == "sidecar":
        return True
    if container.role == "init":
        return exit_code != 0 and restart_policy != "Never"
    if restart_policy == "Always":
        return True
    return restart_policy == "OnFailure" and exit_code != 0


def containers_of(pod: Object) -> list[Container]:
    """Init containers and sidecars in order, then the containers; what an earlier kubelet started counts as lost."""
    spec, status = pod["spec"], pod.get("status") or {}
    inits = spec.get("initContainers") or ()
    first = "PodInitializing" if inits else "ContainerCreating"
    result: list[Container] = []
    for entry in inits:
        role: Role = "sidecar" if entry.get("restartPolicy") == "Always" else "init"
        result.append(Container(entry, role, Waiting("PodInitializing")))
    result.extend(Container(entry, "app", Waiting(first)) for entry in spec["containers"])
    known = {
        entry["name"]: entry
        for field in ("initContainerStatuses", "containerStatuses")
        for entry in status.get(field) or ()
    }
    for container in result:
        before = known.get(container.name)
        if before is not None and "running" in (before.get("state") or {}):
            container.state = lost(before.get("containerID", ""))
            container.restarts = int(before.get("restartCount", 0))
    return result
