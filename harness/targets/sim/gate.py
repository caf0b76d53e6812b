"""The archives' gate on the kernel's doors: a request is answered at the virtual moment that its size and the archive's measured rate give."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, replace

from fixtures.archives.gate import Request
from harness.clock import Grant, Kernel, Knock, Toll, seconds
from harness.targets.sim.cuts import Cut, silent_us

DOOR = "archive"
_SILENCE = "archive-silence"
_LATENCY_S = 0.1  # a round trip to a public archive from another continent
_LATENCY_US = seconds(_LATENCY_S)


class Abandoned(ConnectionAbortedError):
    """The process that asked has gone."""


class Severed(ConnectionResetError):
    """The network between the process and the archive is cut."""


def archive_policy(bytes_per_s: Mapping[str, float], scale: float) -> Callable[[Knock], Toll]:
    """What a request costs: a round trip and its bytes at the archive's rate, as if the volume had its full size."""

    def policy(knock: Knock) -> Toll:
        archive = knock.target.partition(":")[0]
        return Toll(seconds(_LATENCY_S + knock.size_bytes / scale / bytes_per_s[archive]))

    return policy


@dataclass(eq=False)
class _Transfer:
    """A request that has no answer yet."""

    knock: Knock
    answer: Future[None]
    since_us: int = 0  # what was done before is off `left_us`
    left_us: int | None = None  # of what the door charged; None until it has been weighed and waited for
    seen: bool = False


class KernelGate:
    """Implements the archives' Gate; the client of an archive is a party of the kernel.

    A request that meets a cut stands still until the cut ends, and then takes the time that it had left; or its connection breaks. All but `knock`
    belongs to the kernel's thread.
    """

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._open: list[_Transfer] = []
        self._cuts: list[Cut] = []
        kernel.parties.observe(self._weighed)
        kernel.parties.open_door(_SILENCE, self._silence)

    def knock(self, request: Request) -> Future[None]:
        """Stand at the door; the answer comes when the kernel grants it."""
        target = f"{request.archive}:{request.target}"
        knock = Knock(request.client, DOOR, request.operation, target, request.size_bytes)
        transfer = _Transfer(knock, Future())
        self._kernel.post(lambda: self._open.append(transfer))
        self._arrive(transfer)
        return transfer.answer

    def sever(self, cut: Cut) -> None:
        """Cut a wire from now on, also under what is on its way."""
        self._cuts.append(cut)
        for transfer in sorted(self._open, key=lambda transfer: transfer.knock.party):
            if transfer.seen and cut.is_on(transfer.knock):
                self._meet(cut, transfer, 0 if cut.mode == "reset" else cut.patience_us)

    def _arrive(self, transfer: _Transfer) -> None:
        arrival = self._kernel.parties.arrive(transfer.knock)
        arrival.add_done_callback(lambda granted: self._granted(transfer, granted.result()))

    def _weighed(self, knock: Knock) -> None:
        """A request is on its way from now on."""
        if knock.door != DOOR:
            return
        transfer = self._transfer(knock)
        if transfer is None:
            return
        transfer.seen, transfer.since_us = True, self._kernel.now
        for cut in self._cuts:
            if cut.lasts_at(self._kernel.now) and cut.is_on(knock):
                self._meet(cut, transfer, _LATENCY_US if cut.mode == "reset" else cut.patience_us)

    def _meet(self, cut: Cut, transfer: _Transfer, breaks_after_us: int) -> None:
        cut.met += 1
        cut.on_met(transfer.knock)
        self._kernel.after(breaks_after_us, lambda: self._break(cut, transfer))

    def _break(self, cut: Cut, transfer: _Transfer) -> None:
        if transfer not in self._open or (cut.mode == "drop" and not cut.lasts_at(self._kernel.now)):
            return
        self._open.remove(transfer)
        # It computes again before its knock is answered: what the door still grants is void.
        self._kernel.parties.rouse(transfer.knock.party)
        transfer.answer.set_exception(Severed(cut.words))

    def _granted(self, transfer: _Transfer, grant: Grant) -> None:
        if transfer not in self._open:
            return
        if grant.abandoned:
            self._open.remove(transfer)
            transfer.answer.set_exception(Abandoned(f"{transfer.knock.party} has gone"))
            return
        now_us = self._kernel.now
        waited_us = now_us - transfer.since_us
        silent = silent_us((cut for cut in self._cuts if cut.is_on(transfer.knock)), transfer.since_us, now_us)
        left_us = (waited_us if transfer.left_us is None else transfer.left_us) - (waited_us - silent)
        if not transfer.seen or left_us <= 0:
            self._open.remove(transfer)
            transfer.answer.set_result(None)
            return
        transfer.since_us, transfer.left_us = now_us, left_us
        # A name of its own, so that whoever counts the requests of an operation counts each once.
        transfer.knock = replace(
            transfer.knock, door=_SILENCE, operation=f"{transfer.knock.operation}:silence", size_bytes=0
        )
        self._arrive(transfer)

    def _silence(self, knock: Knock) -> Toll:
        """What is left of a transfer, from the end of the cut on."""
        transfer = self._transfer(knock)
        if transfer is None:
            return Toll(0)  # its connection broke at this very moment
        now_us = self._kernel.now
        ends = [cut.end_us for cut in self._cuts if cut.mode == "drop" and cut.lasts_at(now_us) and cut.is_on(knock)]
        return Toll(max(ends, default=now_us) - now_us + (transfer.left_us or 0))

    def _transfer(self, knock: Knock) -> _Transfer | None:
        return next((transfer for transfer in self._open if transfer.knock is knock), None)


__all__ = ["DOOR", "Abandoned", "KernelGate", "Severed", "archive_policy"]
