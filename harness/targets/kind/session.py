"""One kind cluster for all worlds of this process: its control plane, its images, its nodes, and a directory that all nodes share.

A session is named after its process, and everything it makes after the session; it is removed when the process ends, and by `harness down --all` when that was
killed.
"""

from __future__ import annotations

import atexit
import socket
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from harness.kube.remote import Transport, read_kubeconfig
from harness.targets.base import TargetUnavailable
from harness.targets.kind.builds import StandIn, build_services, build_stand_in, service_of
from harness.targets.kind.cluster import create_cluster, find_kind, find_node_image
from harness.targets.kind.containers import NodeContainers
from harness.targets.kind.engine import Engine, EngineError
from harness.targets.kind.images import ImageStore
from harness.targets.kind.leftovers import new_session_directory, remove_session
from harness.targets.kind.names import session_name
from harness.targets.kind.nodes import Nodes


class KindSession:
    """What `open` made. Worlds remove their own nodes, objects and files; the rest is shared."""

    def __init__(self, engine: Engine, root: Path, kind: str, node_image: str, name: str, directory: Path) -> None:
        self.engine = engine
        self._root = root
        self.name = self.network = name
        self.node_image = node_image
        self.directory = directory
        self.kubeconfig = directory / "kubeconfig"
        self.shared = directory / "shared"
        self.shared.mkdir()
        control_plane = create_cluster(engine, kind, name, node_image, directory, self.shared)
        self.gateway_address = engine.gateway(name)
        _require_own(self.gateway_address)
        containers = NodeContainers(engine, name, node_image, self.shared)
        self._keeper = f"{name}-images"
        containers.start(self._keeper)
        self.images = ImageStore(containers, self._keeper)
        self.transport = Transport(read_kubeconfig(self.kubeconfig))
        self.nodes = Nodes(
            containers, self.images, self.transport, control_plane=control_plane, gateway=self.gateway_address
        )
        self._built: dict[str, str] = {}  # local names, by service or by the reference that is stood in for
        self._open = True

    @classmethod
    def open(cls, root: Path) -> KindSession:
        """Start the session of this process, below build/kind of the checkout; about 25 s. Raises TargetUnavailable."""
        engine = Engine()
        engine.require()
        kind = find_kind()
        node_image = find_node_image(engine)
        name = session_name()
        directory = new_session_directory(engine, root, name, node_image)
        try:
            session = cls(engine, root, kind, node_image, name, directory)
        except BaseException as error:
            remove_session(engine, name, directory)
            if isinstance(error, EngineError):
                raise TargetUnavailable(f"the cluster of target kind does not come up: {error}") from error
            raise
        atexit.register(session.close)
        return session

    def run(self, argv: Sequence[str], stdin: bytes | None = None) -> str:
        """Run a program as root in a container that has the shared directory at `SHARED` and the file systems at `FILES`, and is no node."""
        return self.engine.execute(self._keeper, argv, stdin)

    def copy_files(self, inside: PurePosixPath, to: Path) -> None:
        """Copy a directory of the nodes' file systems, at `FILES` there, into one of this machine. Raises EngineError."""
        self.engine.copy_out(self._keeper, str(inside), to)

    def prepare(self, services: Sequence[str], platform: Sequence[StandIn]) -> None:
        """Build the images of services and of what stands in for the platform's, and have them where nodes begin: it costs them nothing then.

        The first world pays for it. Raises EngineError.
        """
        if self._built:
            return
        self._built |= build_services(self.engine, self._root, services)
        self._built |= {stand_in.reference: build_stand_in(self.engine, stand_in) for stand_in in platform}
        self.images.load(sorted(self._built.values()))

    def publish_services(self, references: Sequence[str], platform: Sequence[StandIn] = ()) -> None:
        """Let nodes find the services' images under `references`, and under theirs what stands in for the platform's. Raises EngineError."""
        services = {reference: service_of(reference) for reference in references}
        self.prepare(sorted(set(services.values())), platform)
        sources = {reference: self._built[service] for reference, service in services.items()}
        self.images.publish({**sources, **{one.reference: self._built[one.reference] for one in platform}})

    def close(self) -> None:
        """Remove the cluster, its nodes, volumes, network and directory. Harmless twice."""
        if not self._open:
            return
        self._open = False
        atexit.unregister(self.close)
        try:
            self.nodes.close()
        finally:
            self.transport.close()
            remove_session(self.engine, self.name, self.directory)


def _require_own(address: str) -> None:
    """Raise TargetUnavailable when no server of this machine can listen where nodes would look for it."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError as error:
            raise TargetUnavailable(
                f"the gateway of the nodes' network, {address}, is no address of this machine: target kind needs Docker Engine "
                "on this Linux machine itself, not in a virtual machine of its own (Docker Desktop) or elsewhere (DOCKER_HOST)"
            ) from error
