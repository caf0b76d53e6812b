"""Stopping the containers of a pod: who is told when, and how long each has.

Follows kubernetes 1.34 `pkg/kubelet/kuberuntime` (killContainer, termination_order.go). All containers are told at the same moment; each runs its preStop hook
inside the grace period; a sidecar then waits until the containers, and the sidecars after it, have ended, or the grace is over; then SIGTERM, with what is left
of the grace and at least two seconds. Of the hooks only `sleep` takes time: `exec` and `httpGet` are taken as done at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.clock import SECOND
from harness.cluster.kubelet.containers import Container, Stopping, Waiting, lost

_LEAST_S = 2  # minimumGracePeriodInSeconds


def begin(container: Container, grace_s: int, now_us: int, *, ordered: bool) -> None:
    """Tell a running container to end."""
    hook_s = min(_sleep_s(container.spec, "preStop"), grace_s) if grace_s > 0 else 0
    container.stopping = Stopping(now_us, grace_s, hook_s, ordered)


def hurry(container: Container, grace_s: int, now_us: int) -> int | None:
    """A more impatient end: the grace for a new SIGTERM when it had one already; otherwise its hook is cut short."""
    stopping = container.stopping
    if stopping is None:
        return None
    if stopping.signalled:
        return max(_LEAST_S, grace_s)
    container.stopping = Stopping(now_us, grace_s, 0, stopping.ordered)
    return None


def signal_due(container: Container, containers: Sequence[Container], now_us: int) -> tuple[int | None, int | None]:
    """The grace with which SIGTERM is due now, or else the moment to look again (or neither: it waits for others, or has been told)."""
    stopping = container.stopping
    if stopping is None or stopping.signalled or not container.is_running:
        return None, None
    rest_s = stopping.grace_s - stopping.hook_s
    hook_done_us = stopping.told_us + stopping.hook_s * SECOND
    if now_us < hook_done_us:
        return None, hook_done_us
    if stopping.ordered and rest_s > 0 and _waits_for(container, containers):
        patience_us = hook_done_us + rest_s * SECOND
        if now_us < patience_us:
            return None, patience_us
    if stopping.ordered:
        rest_s -= min(rest_s, (now_us - hook_done_us) // SECOND)
    return max(_LEAST_S, rest_s), None


def _waits_for(container: Container, containers: Sequence[Container]) -> bool:
    """Whether a sidecar's turn has not come: containers run, or sidecars that stand after it."""
    if container.role != "sidecar":
        return False
    later = containers[containers.index(container) + 1 :]
    return any(other.is_running for other in containers if other.role == "app") or any(
        other.is_running for other in later if other.role == "sidecar"
    )


def post_start_s(spec: Mapping[str, Any]) -> int:
    """How long a container's postStart hook holds up what comes after it."""
    return _sleep_s(spec, "postStart")


def _sleep_s(spec: Mapping[str, Any], hook: str) -> int:
    handler = (spec.get("lifecycle") or {}).get(hook) or {}
    return int((handler.get("sleep") or {}).get("seconds", 0))


def lose_the_waiting(containers: Sequence[Container]) -> None:
    """Of an initialised pod that ends, a container that waits (for its first or its next run) counts as lost."""
    if any(container.exit_code != 0 for container in containers if container.role == "init"):
        return
    for container in containers:
        if isinstance(container.state, Waiting) and container.role == "app":
            container.last = container.previous
            container.state = lost()
