"""What a cluster asks of the outside: Protocols that the modelled cloud (or a test) implements, so that the cluster knows nothing of AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from harness.kube.metrics import Usage
from harness.kube.objects import Object
from harness.kube.resources import Resource


@dataclass(frozen=True)
class Image:
    """What a container image is here.

    `service` names a target of the repository's Dockerfile (its `entrypoint` is what a real process runs); None is a foreign image, whose
    container is modelled and runs until it is stopped. `size_bytes` is the compressed size; `env` and `working_dir` are those of the image's configuration.
    """

    reference: str
    service: str | None
    entrypoint: tuple[str, ...] = ()
    size_bytes: int = 0
    env: tuple[tuple[str, str], ...] = ()
    working_dir: str = "/"


class ImageError(Exception):
    """An image that cannot be had; `message` is what the kubelet would say."""


class ImageRegistry(Protocol):
    """Where images come from."""

    def resolve(self, reference: str) -> Image:
        """The image behind a reference. Raises ImageError (ErrImagePull)."""


class AdmissionMutator(Protocol):
    """May change an object before it is stored."""

    def admit(self, resource: Resource, obj: dict[str, object]) -> None:
        """Change `obj`, which is about to be created, in place."""


@dataclass(frozen=True)
class Provision:
    """What a node gives to a container beyond its spec: environment (loopback endpoints) and files (container path -> content)."""

    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)


class NodeAgent(Protocol):
    """The node's agents as one: endpoints, credentials and tokens of a pod."""

    def provide(self, pod: Object, container: str, party: str) -> Provision:
        """Before a container's process starts; `party` is its name at the doors."""

    def withdraw(self, party: str) -> None:
        """After it ended: close its endpoints, forget its credentials."""


class MountError(Exception):
    """A volume that cannot be mounted; `message` is what the event FailedMount says."""


class VolumeProvider(Protocol):
    """Turns a persistent volume into a directory."""

    def mount(self, pod: Object, volume: Object) -> Path:
        """The directory behind a PersistentVolume for this pod's node. Raises MountError."""


@dataclass(frozen=True)
class ContainerStart:
    """All a runtime needs to run one container."""

    party: str  # namespace/pod/container/restart: its name at the doors and in the timeline
    pod: Object
    container: str
    image: Image
    argv: tuple[str, ...]
    env: Mapping[str, str]
    mounts: Mapping[str, Path]  # container path -> directory or file of the host
    working_dir: str
    memory_limit_bytes: int | None
    log_path: Path


@dataclass(frozen=True)
class ContainerExit:
    """How a container ended. `reason` is the kubelet's: Completed, Error, OOMKilled."""

    exit_code: int
    reason: str
    message: str = ""
    signal: int = 0


class ContainerRefused(Exception):
    """A container that a runtime does not create; `message` is what CreateContainerError says, with the remedy."""


ProbeKind = Literal["Startup", "Liveness", "Readiness"]


@dataclass(frozen=True)
class ProbeAnswer:
    """What a probe found: `message` is its output. The answer stays the same until `until_us`, or (None) until the container ends."""

    healthy: bool
    message: str = ""
    until_us: int | None = None


class PodRuntime(Protocol):
    """Runs containers. Calls return at once; `ended` is called once, on the kernel's thread, at the virtual moment of the end."""

    def start(self, start: ContainerStart, ended: Callable[[ContainerExit], None]) -> None:
        """Start a container. Raises ContainerRefused; `ended` is then never called, and never from within this call."""

    def terminate(self, party: str, grace_s: int) -> None:
        """SIGTERM now, SIGKILL after the grace period."""

    def kill(self, party: str) -> None:
        """SIGKILL now."""

    def probe(
        self, party: str, kind: ProbeKind, probe: Mapping[str, Any], answered: Callable[[ProbeAnswer], None]
    ) -> None:
        """Probe a running container; `answered` is called once, on the kernel's thread, perhaps before this returns, and not if the container has ended."""

    def usage(self, party: str) -> Usage | None:
        """What a running container uses now; None when it does not run or nobody knows."""


class PodPorts(Protocol):
    """Where the ports of pods really are: processes listen on loopback. On the kernel's thread."""

    def address(self, pod: Object, port: int) -> tuple[str, int] | None:
        """Host and port where a process of the pod serves its port `port`; None when none does."""


@dataclass(frozen=True)
class ExecStart:
    """A command that somebody wants to run beside a container's own (kubectl exec)."""

    pod: Object
    container: str
    argv: tuple[str, ...]
    stdin: bool
    tty: bool


class ExecRefused(Exception):
    """A command that a runtime does not run; the text is the reason, with the remedy."""


class ExecProcess(Protocol):
    """A command that runs. Calls return at once, and come from any thread."""

    def feed(self, data: bytes) -> None:
        """Bytes for its stdin; empty ends it."""

    def resize(self, width: int, height: int) -> None:
        """Its terminal has another size."""

    def kill(self) -> None:
        """SIGKILL now; harmless when it has ended."""


class PodExec(Protocol):
    """Runs commands in containers: only the entry points that a process image declares, as anything else would be a shell on the host."""

    def start(
        self, start: ExecStart, output: Callable[[int, bytes], None], ended: Callable[[int], None]
    ) -> ExecProcess:
        """On the kernel's thread, returns at once. Raises ExecRefused.

        `output` (1 stdout, 2 stderr) and then, once, `ended` with the exit code may be called from any thread, perhaps before this returns.
        """


@dataclass(frozen=True)
class Hooks:
    """Everything a cluster is given from outside."""

    images: ImageRegistry
    runtime: PodRuntime
    agent: NodeAgent
    volumes: VolumeProvider
    mutators: tuple[AdmissionMutator, ...] = ()
    ports: PodPorts | None = None  # None: nothing can be forwarded to
    executor: PodExec | None = None  # None: exec is refused
