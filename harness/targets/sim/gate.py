"""The archives' gate on the kernel's doors: a request is answered at the virtual moment that its size and the archive's measured rate give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future

from fixtures.archives.gate import Request
from harness.clock import Grant, Kernel, Knock, Toll, seconds

DOOR = "archive"
_LATENCY_S = 0.1  # a round trip to a public archive from another continent


class Abandoned(ConnectionAbortedError):
    """The process that asked has gone."""


def archive_policy(bytes_per_s: Mapping[str, float], scale: float) -> Callable[[Knock], Toll]:
    """What a request costs: a round trip and its bytes at the archive's rate, as if the volume had its full size."""

    def policy(knock: Knock) -> Toll:
        archive = knock.target.partition(":")[0]
        return Toll(seconds(_LATENCY_S + knock.size_bytes / scale / bytes_per_s[archive]))

    return policy


class KernelGate:
    """Implements the archives' Gate; the client of an archive is a party of the kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def knock(self, request: Request) -> Future[None]:
        """Stand at the door; the answer comes when the kernel grants it."""
        answer: Future[None] = Future()

        def granted(grant: Future[Grant]) -> None:
            if grant.result().abandoned:
                answer.set_exception(Abandoned(f"{request.client} has gone"))
            else:
                answer.set_result(None)

        target = f"{request.archive}:{request.target}"
        knock = Knock(request.client, DOOR, request.operation, target, request.size_bytes)
        self._kernel.parties.arrive(knock).add_done_callback(granted)
        return answer


__all__ = ["DOOR", "Abandoned", "KernelGate", "archive_policy"]
