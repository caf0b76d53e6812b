"""Stopping the containers of a pod: who is told when, and how.

Follows kubernetes 1.34 `pkg/kubelet/kuberuntime` (killContainer, terminationOrdering): containers first, then
sidecars in reverse; a preStop hook runs inside the grace period, and SIGTERM has at least two seconds after it. Of
the hooks only `sleep` takes time: `exec` and `httpGet` are taken as done at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.clock import SECOND, Kernel
from harness.cluster.kubelet.containers import Container, Waiting, lost
from harness.kube.hooks import PodRuntime

_AFTER_PRE_STOP_S = 2


def next_to_stop(containers: Sequence[Container]) -> list[Container]:
    """The containers that are to be told now: all but the sidecars, and these once nothing else runs."""
    running = [container for container in containers if container.is_running]
    first = [container for container in running if container.role != "sidecar"]
    return [container for container in first or reversed(running) if not container.stopping]


def terminate(kernel: Kernel, runtime: PodRuntime, container: Container, grace_s: int) -> None:
    """SIGTERM, after the preStop hook; the grace period counts from now and is at least one second."""
    party = container.party
    if party is None:
        return
    hook = (container.spec.get("lifecycle") or {}).get("preStop") or {}
    pause_s = min(int((hook.get("sleep") or {}).get("seconds", 0)), grace_s)
    if pause_s == 0:
        runtime.terminate(party, max(1, grace_s))
        return
    rest_s = max(_AFTER_PRE_STOP_S, grace_s - pause_s)
    kernel.after(pause_s * SECOND, lambda: runtime.terminate(party, rest_s))


def lose_the_waiting(containers: Sequence[Container]) -> None:
    """Of an initialised pod that ends, a container that waits (for its first or its next run) counts as lost."""
    if any(container.exit_code != 0 for container in containers if container.role == "init"):
        return
    for container in containers:
        if isinstance(container.state, Waiting) and container.role == "app":
            container.last = container.previous
            container.state = lost()
