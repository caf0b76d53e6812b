"""When a fault strikes: after some time, or at an exact point of a process's progress."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass

from harness.clock import Knock, Record


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


@dataclass(frozen=True)
class OnRecord:
    """When the `count`-th record of the timeline is written that has this kind and whose subject matches the glob."""

    kind: str
    subject: str = "*"
    count: int = 1

    def matches(self, record: Record) -> bool:
        """Whether this record is one of those that are counted."""
        return record.kind == self.kind and fnmatch.fnmatchcase(record.subject, self.subject)


Trigger = After | OnKnock | OnRecord
