"""The comparison as text: a scenario a block, what is equal in a line, what differs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from textwrap import shorten

from harness.fidelity.scenarios.differences import Row

_WIDTH = 44


@dataclass
class Compared:
    """One scenario: what was looked at, why it was not, and the reasons of what differs."""

    scenario: str
    rows: Sequence[Row] = ()
    aside: str = ""  # why there is nothing to compare
    failed: bool = False  # neither target has what was to be compared
    because: dict[str, str] = field(default_factory=dict)  # by Row.what

    @property
    def unexplained(self) -> list[Row]:
        """What differs without a reason."""
        return [row for row in self.rows if not row.equal and row.what not in self.because]

    @property
    def state(self) -> str:
        """One word for it."""
        if self.aside:
            return "MISSING" if self.failed else "aside"
        if self.unexplained:
            return "DIFF"
        return "explained" if self.because else "ok"


def lines_of(compared: Sequence[Compared], targets: Sequence[str], *, everything: bool) -> Iterator[str]:
    """The whole text; with `everything` also what is equal."""
    for entry in compared:
        equal = sum(row.equal for row in entry.rows)
        note = entry.aside or f"{equal} of {len(entry.rows)} equal"
        yield f"{entry.state:9} {entry.scenario}  {note}"
        shown = [row for row in entry.rows if everything or not row.equal]
        if shown:
            width = max(len(row.what) for row in shown)
            yield f"    {'':{width}}  {targets[0]:{_WIDTH}}  {targets[1]}"
            for row in shown:
                mark = " " if row.equal else "~" if row.what in entry.because else "!"
                yield f"  {mark} {row.what:{width}}  {_cell(row.one):{_WIDTH}}  {_cell(row.two)}"
                if row.what in entry.because:
                    yield f"    {'':{width}}  because {entry.because[row.what]}"


def _cell(text: str) -> str:
    return shorten(text, _WIDTH, placeholder="...") if " " in text else text[:_WIDTH]
