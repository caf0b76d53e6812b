"""When a fault strikes: after some time, or at an exact point of a process's progress."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from harness.clock import Knock


@dataclass(frozen=True)
class After:
    """So many seconds after it was injected; 0 is now."""

    seconds: float = 0.0


@dataclass(frozen=True)
class OnKnock:
    """At the `count`-th request of a process that matches: `pod` and `target` are globs over `namespace/pod` and the request's target.

    The request stands at its door when the fault strikes, and is answered afterwards.
    """

    operation: str
    pod: str = "*"
    target: str = "*"
    count: int = 1

    def matches(self, knock: Knock) -> bool:
        """Whether this request is one of those that are counted."""
        pod = knock.party.rsplit("/", 2)[0]
        return (
            knock.operation == self.operation
            and fnmatch.fnmatchcase(pod, self.pod)
            and fnmatch.fnmatchcase(knock.target, self.target)
        )


Trigger = After | OnKnock
