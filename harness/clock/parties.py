"""Live processes and the doors they knock at.

A party is a real process whose only ways out are doors that the harness holds (the archives, the AWS gateway). It is *busy* while it
computes and *parked* while it waits at a door; time stands still while anyone is busy. Once all are parked or gone, their reports (knocks and
exits) are handed out sorted by the parties' names, so the order does not depend on the machine's scheduling. A door's policy says what a
knock costs in virtual time; the answer is given at that moment. One transfer at a time in each party keeps a run repeatable; a party with two
open knocks marks it as not.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

Answer = Callable[["Grant"], None]


@dataclass(frozen=True)
class Knock:
    """A request that stands at a door: who (party), where (door), what, and how many bytes move, both ways together."""

    party: str
    door: str
    operation: str
    target: str
    size_bytes: int


@dataclass(frozen=True)
class Toll:
    """What a door's policy answers: the virtual time that the request takes and, if it fails on purpose, the failure's name."""

    delay_us: int
    fault: str | None = None


@dataclass(frozen=True)
class Grant:
    """The door may answer now. `fault` names a failure to act out; `abandoned` says that the party has gone."""

    fault: str | None = None
    abandoned: bool = False


class Clockwork(Protocol):
    """What parties need of the kernel."""

    def post(self, callback: Callable[[], None]) -> None:
        """Run on the kernel's thread."""

    def after(self, delay_us: int, callback: Callable[[], None], *, priority: int = 0) -> object:
        """Run in virtual time."""


@dataclass(eq=False)
class _Open:
    """A knock that has no answer yet. A signal makes it void: it no longer says anything about busyness."""

    void: bool = False


@dataclass
class _Party:
    name: str
    explain: Callable[[], str]
    busy: bool = True
    elsewhere: bool = False  # time does not wait for it
    open_knocks: list[_Open] = field(default_factory=list)
    reports: list[Callable[[], None]] = field(default_factory=list)
    once_parked: list[Callable[[], None]] = field(default_factory=list)


class Parties:
    """The barrier between wall time and virtual time. All methods but `arrive`, `settle` and `leave` belong to the kernel's thread."""

    def __init__(self, kernel: Clockwork) -> None:
        self._kernel = kernel
        self._parties: dict[str, _Party] = {}
        self._doors: dict[str, Callable[[Knock], Toll]] = {}
        self._observers: list[Callable[[Knock], None]] = []
        self.concurrent: list[str] = []  # parties seen with two knocks open: their runs follow the wall

    def open_door(self, door: str, policy: Callable[[Knock], Toll]) -> None:
        """Let `policy` decide what a knock at `door` costs; it runs on the kernel's thread, once a knock, in the order of the parties' names."""
        self._doors[door] = policy

    def observe(self, observer: Callable[[Knock], None]) -> None:
        """Call `observer` on the kernel's thread with each knock of a live party, in the order in which they are handed out."""
        self._observers.append(observer)

    def enter(self, party: str, explain: Callable[[], str]) -> None:
        """A process has been asked to start and is busy; `explain` tells where it hangs, for the message when it stalls."""
        if party in self._parties:
            raise ValueError(f"party {party} is live already: give each start of a process a name of its own")
        self._parties[party] = _Party(party, explain)

    def admit(self, party: str) -> None:
        """A process that lives by the wall's time, on a real node: its knocks are seen and weighed like anybody's, but time never waits for it."""
        if party not in self._parties:
            self._parties[party] = _Party(party, lambda: "it lives elsewhere", busy=False, elsewhere=True)

    def rouse(self, party: str) -> None:
        """A signal was sent: whatever it waited for, it is busy until it knocks again or ends."""
        found = self._parties.get(party)
        if found is not None:
            found.busy = True
            for knock in found.open_knocks:
                knock.void = True

    def settle(self, party: str) -> None:
        """From any thread: the signal changed nothing, the process goes on waiting where it waited (if that was not answered meanwhile)."""
        self._kernel.post(lambda: self._settled(party))

    def when_parked(self, party: str, action: Callable[[], None]) -> None:
        """Run `action` when the party stands at a door and all else is settled, or at once if it does already; never when it ends first.

        So a signal meets a process at a place that does not depend on how fast the machine is.
        """
        found = self._parties.get(party)
        if found is None:
            return
        if found.busy:
            found.once_parked.append(action)
        elif found.reports:
            found.reports.append(action)
        else:
            action()

    def arrive(self, knock: Knock) -> Future[Grant]:
        """From any thread: stand at a door. Whoever is no live party (a person's own tool) is answered at once."""
        answer: Future[Grant] = Future()
        self._kernel.post(lambda: self._arrived(knock, answer))
        return answer

    def leave(self, party: str, ended: Callable[[], None]) -> None:
        """From any thread: the process has ended; `ended` runs on the kernel's thread in the party's turn."""
        self._kernel.post(lambda: self._left(party, ended))

    def busy(self) -> bool:
        """Whether anyone computes."""
        return any(party.busy for party in self._parties.values())

    def deliver(self) -> bool:
        """Hand out all reports, by the parties' names; False when there were none."""
        waiting = sorted((party for party in self._parties.values() if party.reports), key=lambda party: party.name)
        for party in waiting:
            reports, party.reports = party.reports, []
            for report in reports:
                report()
        return bool(waiting)

    def is_busy(self, party: str) -> bool:
        """Whether this party computes; False when there is none of that name."""
        found = self._parties.get(party)
        return found is not None and found.busy

    def describe_busy(self, wall_s: float) -> str:
        """One message about everybody who is busy, with where they hang."""
        hanging = [f"{party.name}: {party.explain()}" for party in self._parties.values() if party.busy]
        return f"neither knocked at a door nor ended within {wall_s:g} s of wall time: " + "; ".join(sorted(hanging))

    def _arrived(self, knock: Knock, answer: Future[Grant]) -> None:
        party = self._parties.get(knock.party)
        if party is None:
            answer.set_result(Grant())
            return
        opened = _Open()
        party.open_knocks.append(opened)
        several = sum(not other.void for other in party.open_knocks) > 1
        if several and not party.elsewhere and knock.party not in self.concurrent:
            self.concurrent.append(knock.party)
        party.busy = False
        party.reports.append(lambda: self._weigh(party, opened, knock, answer))
        party.reports.extend(party.once_parked)
        party.once_parked.clear()

    def _weigh(self, party: _Party, opened: _Open, knock: Knock, answer: Future[Grant]) -> None:
        for observer in self._observers:
            observer(knock)
        toll = self._doors[knock.door](knock)
        self._kernel.after(toll.delay_us, lambda: self._grant(party, opened, toll.fault, answer))

    def _grant(self, party: _Party, opened: _Open, fault: str | None, answer: Future[Grant]) -> None:
        gone = self._parties.get(party.name) is not party
        party.open_knocks.remove(opened)
        if not gone and not opened.void and not party.elsewhere:
            party.busy = True
        answer.set_result(Grant(fault=fault, abandoned=gone))

    def _settled(self, name: str) -> None:
        party = self._parties.get(name)
        if party is not None and party.busy and party.open_knocks:
            party.busy = False
            for knock in party.open_knocks:
                knock.void = False

    def _left(self, name: str, ended: Callable[[], None]) -> None:
        party = self._parties.get(name)
        if party is None:
            return
        party.busy = False

        def report() -> None:
            del self._parties[name]
            ended()

        party.reports.append(report)
