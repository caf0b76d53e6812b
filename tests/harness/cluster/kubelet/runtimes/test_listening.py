"""Where a pod's ports are: what its own processes listen on, and nothing else."""

from __future__ import annotations

import socket

import pytest

from harness.cluster.kubelet.runtimes import ProcessRuntime
from tests.harness.cluster.kubelet.runtimes.test_process import log, run
from tests.harness.cluster.kubelet.world import World


def address(world: World, port: int, name: str = "p") -> tuple[str, int] | None:
    assert isinstance(world.runtime, ProcessRuntime)
    ports, pod = world.runtime.ports(), world.get(name)
    return world.kernel.call(lambda: ports.address(pod, port))


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


_IPV6 = pytest.mark.skipif(not _has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("listens", "reached"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        pytest.param("::1", "::1", marks=_IPV6),
        pytest.param("::", "::1", marks=_IPV6),
    ],
)
def test_given_a_process_that_listens_then_its_port_leads_to_it(processes: World, listens: str, reached: str) -> None:
    run(processes, "listen", listens, "sleep", 1000)
    processes.advance(5)
    port = int(log(processes))

    assert address(processes, port) == (reached, port)
    with socket.create_connection((reached, port), timeout=5) as connection:
        connection.sendall(b"hello")
        assert connection.recv(100) == b"hello"


def test_given_a_port_of_another_pod_or_of_this_machine_then_nobody_is_led_there(processes: World) -> None:
    run(processes, "listen", "127.0.0.1", "sleep", 1000)
    run(processes, "sleep", 1000, name="other")
    processes.advance(5)
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        assert address(processes, foreign.getsockname()[1]) is None
    assert address(processes, int(log(processes)), "other") is None


def test_given_a_pod_whose_process_has_ended_then_none_of_its_ports_is_known(processes: World) -> None:
    run(processes, "listen", "127.0.0.1", "sleep", 10)
    processes.until_phase("Succeeded")

    assert address(processes, int(log(processes))) is None
