"""The containers that nodes are: started as kind starts a worker, so that kind counts them among its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.targets.kind.engine import Engine
from harness.targets.kind.names import files_volume

SHARED = "/shared"
IMAGES = "/images"
FILES = "/files"
"""The file systems of the template, on a volume with a size of its own: it can be full without this machine's disk being so."""

# The engine starts a container before what runs in it is up.
_WAIT_FOR_CONTAINERD = """
for attempt in $(seq 600); do ctr version >/dev/null 2>&1 && exit 0; sleep 0.1; done
echo "containerd does not answer" >&2; exit 1
"""


@dataclass(frozen=True)
class NodeContainers:
    """What all containers of a session have in common."""

    engine: Engine
    session: str
    image: str
    shared: Path

    def start(self, container: str, labels: Sequence[str] = ()) -> None:
        """Start one and wait for its containerd. An instance that was killed stays dead, so nothing restarts it."""
        self.engine.run(
            "--tty",
            f"--name={container}",
            f"--hostname={container}",
            *(f"--label={label}" for label in labels),
            f"--network={self.session}",
            "--restart=no",
            "--init=false",
            "--cgroupns=private",
            "--privileged",
            "--security-opt=seccomp=unconfined",
            "--security-opt=apparmor=unconfined",
            "--security-opt=label=disable",
            "--tmpfs=/tmp",
            "--tmpfs=/run",
            "--volume=/var",
            "--volume=/lib/modules:/lib/modules:ro",
            f"--volume={self.shared}:{SHARED}",
            f"--volume={self.session}:{IMAGES}",
            f"--volume={files_volume(self.session)}:{FILES}",
            "--env=KIND_EXPERIMENTAL_CONTAINERD_SNAPSHOTTER",
            self.image,
        )
        self.engine.execute(container, ["sh", "-c", _WAIT_FOR_CONTAINERD])

    def start_worker(self, container: str) -> None:
        """Start one that can join as a node."""
        self.start(container, [f"io.x-k8s.kind.cluster={self.session}", "io.x-k8s.kind.role=worker"])
