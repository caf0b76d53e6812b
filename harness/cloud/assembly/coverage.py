"""What the harness does with each resource of the template: nothing is skipped without a line in this table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Treatment(StrEnum):
    """How far a resource is real here."""

    PROVISIONED = "provisioned"  # exists at the stand-in, was read back and compared
    MODELLED = "modelled"  # the harness acts it out
    ASSERTED = "asserted"  # only the template's own tests look at it
    NOT_COVERED = "not covered"  # nobody looks at it


@dataclass(frozen=True)
class Covered:
    """One line: `unapplied` are properties of a provisioned resource that no module applies."""

    stack: str
    logical_id: str
    type: str
    treatment: Treatment
    unapplied: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coverage:
    """The table of all resources."""

    lines: Sequence[Covered]

    def counts(self) -> dict[Treatment, int]:
        """How many resources got each treatment."""
        return {treatment: sum(line.treatment is treatment for line in self.lines) for treatment in Treatment}

    def of(self, treatment: Treatment) -> list[Covered]:
        """The lines with this treatment, in template order."""
        return [line for line in self.lines if line.treatment is treatment]

    def as_text(self) -> str:
        """The table for people: counts first, then a line a resource."""
        counts = ", ".join(f"{count} {treatment.value}" for treatment, count in self.counts().items())
        rows = [f"{len(self.lines)} resources: {counts}"]
        for line in self.lines:
            missing = f"  (not applied: {', '.join(line.unapplied)})" if line.unapplied else ""
            rows.append(f"{line.treatment.value:<12} {line.type:<42} {line.stack}/{line.logical_id}{missing}")
        return "\n".join(rows) + "\n"
