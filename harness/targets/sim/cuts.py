"""Cuts of the network between a pod and archives, as values, and how long a transfer stood still because of them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.clock import Knock
from harness.targets.base import CutMode


@dataclass(eq=False)
class Cut:
    """From `begin_us` to `end_us` nothing passes between a pod and some archives.

    `drop`: packets vanish, so a transfer stands still; the client gives up after `patience_us` of silence, or goes on where it was when the cut ends
    first. `reset`: each connection is reset as soon as it is used.
    """

    pod: str
    archives: frozenset[str]
    mode: CutMode
    begin_us: int
    end_us: int
    patience_us: int
    on_met: Callable[[Knock], None] = lambda _knock: None
    met: int = 0  # requests that met it

    @property
    def words(self) -> str:
        """For messages and the timeline."""
        return f"{self.mode} {self.pod} - {', '.join(sorted(self.archives))}"

    def is_on(self, knock: Knock) -> bool:
        """Whether this request goes over the wire that is cut."""
        return knock.party.rsplit("/", 2)[0] == self.pod and knock.target.partition(":")[0] in self.archives

    def lasts_at(self, at_us: int) -> bool:
        """Whether it is cut at that moment."""
        return self.begin_us <= at_us < self.end_us


def silent_us(cuts: Iterable[Cut], begin_us: int, end_us: int) -> int:
    """How much of the time between two moments was silence."""
    total_us, reached_us = 0, begin_us
    for cut in sorted(cuts, key=lambda cut: cut.begin_us):
        if cut.mode == "drop":
            from_us, to_us = max(reached_us, cut.begin_us), min(end_us, cut.end_us)
            total_us += max(0, to_us - from_us)
            reached_us = max(reached_us, to_us)
    return total_us
