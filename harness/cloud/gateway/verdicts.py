"""What a fault does to a call, as values, and the seam through which faults are installed.

A rule is asked on the kernel's thread when a call stands at the door, in the order of the parties' names, so "the
n-th shard" means the same in every run. The first rule that answers wins; each firing is a record on the timeline.
Calls of nobody (a person's own tool) are not asked about.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import Protocol

from harness.cloud.gateway.calls import Call

LOSE_ACKNOWLEDGEMENT = "lose-acknowledgement"
DROP = "drop"

_MESSAGES = {
    "SlowDown": "Please reduce your request rate.",
    "ServiceUnavailable": "Service is unable to handle request.",
    "InternalError": "We encountered an internal error. Please try again.",
    "AccessDenied": "Access Denied",
    "RequestTimeout": "Your socket connection to the server was not read from or written to within the timeout period.",
}


@dataclass(frozen=True)
class Refuse:
    """Answer with an error instead of forwarding."""

    status: int
    code: str

    @property
    def message(self) -> str:
        """AWS's text where it is known."""
        return _MESSAGES.get(self.code, self.code)


@dataclass(frozen=True)
class LoseAcknowledgement:
    """Forward, then break the connection: it happened, and nobody was told."""


@dataclass(frozen=True)
class Drop:
    """Break the connection without forwarding: it did not happen."""


@dataclass(frozen=True)
class Delay:
    """Answer as usual, later."""

    delay_us: int


Verdict = Refuse | LoseAcknowledgement | Drop | Delay


class Rule(Protocol):
    """A fault that is installed."""

    name: str

    def matches(self, call: Call) -> Verdict | None:
        """What to do with this call, or None to leave it alone; asked once a call."""


@dataclass
class MatchingCalls:
    """The rule that most faults are: from the `first` matching call on, `times` calls. `operation`, `pod` (`namespace/name`) and `target` are globs."""

    name: str
    verdict: Verdict
    operation: str = "*"
    pod: str = "*"
    target: str = "*"
    first: int = 1
    times: int = 1
    seen: int = field(default=0, init=False)
    fired: int = field(default=0, init=False)

    def matches(self, call: Call) -> Verdict | None:
        """Count what matches and answer the chosen ones."""
        pod = call.party.rsplit("/", 2)[0]
        pairs = ((call.operation, self.operation), (pod, self.pod), (call.target, self.target))
        if not all(fnmatch.fnmatchcase(value, pattern) for value, pattern in pairs):
            return None
        self.seen += 1
        if not self.first <= self.seen < self.first + self.times:
            return None
        self.fired += 1
        return self.verdict


def fault_of(verdict: Verdict | None) -> str | None:
    """The text that goes through the door with the grant."""
    match verdict:
        case Refuse(status, code):
            return f"refuse {status} {code}"
        case LoseAcknowledgement():
            return LOSE_ACKNOWLEDGEMENT
        case Drop():
            return DROP
        case _:
            return None


def refusal_in(fault: str | None) -> Refuse | None:
    """The refusal that a grant carries."""
    if fault is None or not fault.startswith("refuse "):
        return None
    _, status, code = fault.split(" ", 2)
    return Refuse(int(status), code)
