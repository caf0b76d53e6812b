"""kubectl port-forward and exec against a server whose pods have real processes: an echo server on loopback, and a program that reads and answers."""

from __future__ import annotations

import re
import socket
import socketserver
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.clock import Kernel, Seeds
from harness.cluster.api import ApiServer
from harness.cluster.store import Store
from harness.kube.hooks import ExecRefused, ExecStart
from harness.kube.objects import Object
from tests.conformance.verbs import shows
from tests.harness.cluster.api.conftest import START_US, TIMEOUT_S, Face
from tests.harness.kubectl import Kubectl

pytestmark = pytest.mark.slow


class Echo(socketserver.BaseRequestHandler):
    """Sends back what it reads, in capitals, until the client has finished."""

    def handle(self) -> None:
        while data := self.request.recv(65536):
            self.request.sendall(data.upper())


class Ports:
    """Port 80 of every pod is the echo server; 81 is a port at which nobody listens any more."""

    def __init__(self, echo: int, dead: int) -> None:
        self._places = {80: ("127.0.0.1", echo), 81: ("127.0.0.1", dead)}

    def address(self, pod: Object, port: int) -> tuple[str, int] | None:
        return self._places.get(port)


class Command:
    """A command of a container: real, on threads of its own."""

    def __init__(
        self, argv: tuple[str, ...], output: Callable[[int, bytes], None], ended: Callable[[int], None]
    ) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe)
        self.size = (0, 0)
        threading.Thread(target=self._run, args=(output, ended), daemon=True).start()

    def feed(self, data: bytes) -> None:
        assert self._process.stdin is not None
        if data:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        else:
            self._process.stdin.close()

    def resize(self, width: int, height: int) -> None:
        self.size = (width, height)

    def kill(self) -> None:
        self._process.kill()

    def _run(self, output: Callable[[int, bytes], None], ended: Callable[[int], None]) -> None:
        def copy(channel: int, stream: object) -> None:
            while data := stream.read1(4096):  # type: ignore[attr-defined]
                output(channel, data)

        readers = [
            threading.Thread(target=copy, args=(channel, stream), daemon=True)
            for channel, stream in ((1, self._process.stdout), (2, self._process.stderr))
        ]
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        ended(self._process.wait())


class Executor:
    """Runs one declared entry point, as the runtime of processes would."""

    entrypoint = ("/bin/sh", "-c")

    def __init__(self) -> None:
        self.started: list[ExecStart] = []

    def start(self, start: ExecStart, output: Callable[[int, bytes], None], ended: Callable[[int], None]) -> Command:
        if start.argv[:2] != self.entrypoint:
            raise ExecRefused(
                f"command [{' '.join(start.argv)}] is not the declared entry point [{' '.join(self.entrypoint)}]"
            )
        self.started.append(start)
        return Command(start.argv, output, ended)


@pytest.fixture
def executor() -> Executor:
    return Executor()


@pytest.fixture
def face(tmp_path: Path, executor: Executor) -> Iterator[Face]:
    kernel = Kernel(START_US)
    store = Store(kernel, Seeds(7))
    kernel.start()
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as echo, socket.socket() as dead:
        threading.Thread(target=echo.serve_forever, daemon=True).start()
        dead.bind(("127.0.0.1", 0))  # taken, but nobody listens there
        ports = Ports(echo.server_address[1], dead.getsockname()[1])
        server = ApiServer(
            kernel, store, version="v1.36.0", log_path=lambda *_: None, ports=ports, executor=executor
        ).start()
        yield Face(kernel, store, server, tmp_path)
        server.close()
        echo.shutdown()
    kernel.close()


@pytest.fixture
def forwarded(face: Face, kubectl: Kubectl) -> Iterator[Callable[[int], tuple[int, subprocess.Popen[str]]]]:
    """Forwards a port of pod p; gives the local one and kubectl."""
    face.running_pod()
    running: list[subprocess.Popen[str]] = []

    def forward(port: int) -> tuple[int, subprocess.Popen[str]]:
        process = kubectl.start("port-forward", "pod/p", f":{port}")
        running.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        match = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> ", line)
        assert match, f"{line} {process.stderr.read() if process.stderr else ''}"
        return int(match[1]), process

    yield forward
    for process in running:
        process.kill()
        process.communicate(timeout=TIMEOUT_S)


def talk(port: int, said: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S) as client:
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        heard = b""
        while data := client.recv(65536):
            heard += data
        return heard


@shows("port-forward")
def test_given_a_process_that_listens_then_port_forward_carries_connections(
    forwarded: Callable[[int], tuple[int, subprocess.Popen[str]]],
) -> None:
    port, _ = forwarded(80)
    assert talk(port, b"hello") == b"HELLO"
    large = bytes(range(97, 123)) * 40_000
    assert talk(port, large) == large.upper()
    assert [talk(port, b"again") for _ in range(3)] == [b"AGAIN"] * 3


@pytest.mark.parametrize(
    ("port", "words"),
    [(79, "no process of pod p listens on port 79"), (81, "failed to connect to port 81 of the pod: ")],
)
def test_given_nobody_who_listens_then_kubectl_says_why(
    forwarded: Callable[[int], tuple[int, subprocess.Popen[str]]], port: int, words: str
) -> None:
    local, process = forwarded(port)
    assert talk(local, b"hello") == b""
    assert process.stderr is not None
    assert words in process.stderr.readline()


def test_given_no_such_pod_or_one_that_does_not_run_then_it_is_refused(face: Face, kubectl: Kubectl) -> None:
    done = kubectl.run("port-forward", "pod/nope", ":80")
    assert (done.returncode, done.stderr) == (1, 'Error from server (NotFound): pods "nope" not found\n')
    face.running_pod()
    face.end_pod()
    assert "pod is not running. Current status=Succeeded" in kubectl.run("port-forward", "pod/p", ":80").stderr
    assert face.request("GET", "/api/v1/namespaces/default/pods/p/portforward").code == 400


@shows("exec", "exec -i")
def test_given_a_declared_entry_point_then_exec_runs_it(face: Face, kubectl: Kubectl, executor: Executor) -> None:
    face.running_pod()
    done = kubectl.run("exec", "p", "--", "/bin/sh", "-c", "echo out; echo err >&2")
    assert (done.returncode, done.stdout, done.stderr) == (0, "out\n", "err\n")
    failed = kubectl.run("exec", "p", "--", "/bin/sh", "-c", "exit 3")
    assert (failed.returncode, failed.stderr) == (3, "command terminated with exit code 3\n")
    fed = kubectl.run("exec", "-i", "p", "--", "/bin/sh", "-c", "cat", stdin="typed\n")
    assert (fed.returncode, fed.stdout) == (0, "typed\n")
    assert [(start.container, start.stdin, start.tty) for start in executor.started] == [
        ("main", False, False),
        ("main", False, False),
        ("main", True, False),
    ]


@pytest.mark.parametrize("variable", ["KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "KUBECTL_PORT_FORWARD_WEBSOCKETS"])
def test_given_a_client_that_speaks_spdy_only_then_it_is_served_too(
    face: Face, kubectl: Kubectl, variable: str
) -> None:
    face.running_pod()
    kubectl.more = {variable: "false"}
    if variable == "KUBECTL_REMOTE_COMMAND_WEBSOCKETS":
        done = kubectl.run("exec", "-i", "p", "--", "/bin/sh", "-c", "cat; echo err >&2; exit 4", stdin="typed\n")
        assert (done.returncode, done.stdout) == (4, "typed\n")
        assert done.stderr == "err\ncommand terminated with exit code 4\n"
        return
    process = kubectl.start("port-forward", "pod/p", ":80")
    try:
        assert process.stdout is not None
        match = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> ", process.stdout.readline())
        assert match is not None
        assert talk(int(match[1]), b"hello") == b"HELLO"
    finally:
        process.kill()
        process.communicate(timeout=TIMEOUT_S)


def test_given_any_other_command_then_exec_attach_and_cp_are_refused_with_the_reason(
    face: Face, kubectl: Kubectl, tmp_path: Path
) -> None:
    face.running_pod()
    done = kubectl.run("exec", "p", "--", "ls", "/")
    assert done.returncode == 1
    assert done.stderr == (
        'Error from server (Forbidden): pods "p" is forbidden: command [ls /] is not the declared entry point [/bin/sh -c]\n'
    )
    attached = kubectl.run("attach", "p")
    assert attached.returncode == 1
    assert "attach is not served by the embedded cluster" in attached.stderr
    copied = kubectl.run("cp", "default/p:/etc/hosts", str(tmp_path / "hosts"))
    assert copied.returncode == 1
    assert "is not the declared entry point" in copied.stderr
    missing = kubectl.run("exec", "p", "-c", "other", "--", "ls")
    assert missing.stderr == "Error from server (BadRequest): container other is not valid for pod p\n"


def test_given_the_python_client_then_its_exec_is_served(face: Face, executor: Executor, tmp_path: Path) -> None:
    from kubernetes import client, config
    from kubernetes.stream import stream

    face.running_pod()
    api = client.CoreV1Api(config.new_client_from_config(str(face.server.kubeconfig(tmp_path / "python"))))
    said = stream(
        api.connect_get_namespaced_pod_exec,
        "p",
        "default",
        command=["/bin/sh", "-c", "echo hello"],
        stdout=True,
        stderr=True,
    )
    assert said == "hello\n"
