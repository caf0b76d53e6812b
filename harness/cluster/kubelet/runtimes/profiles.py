"""What a modelled workload does over time, and how far it got in earlier runs.

A profile says how long the work takes, how much memory it holds, how it ends, and which checkpoints (shards that are
safely stored) it passes. `Progress` keeps the latest checkpoint of each piece of work, so a restarted container goes
on from there, as the real loaders do, and what a kill costs is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from harness.kube.hooks import ProbeKind


@dataclass(frozen=True)
class Checkpoint:
    """A moment of the work after which it need not be done again."""

    at_s: float
    name: str
    size_bytes: int


@dataclass(frozen=True)
class Illness:
    """A time in which a probe of a container finds it unhealthy; seconds since the container's start, `until_s` None is for ever."""

    kind: ProbeKind
    from_s: float
    until_s: float | None = None
    message: str = "HTTP probe failed with statuscode: 500"


class Profile(Protocol):
    """A measured or made-up workload. Times are those of the work, from its very beginning."""

    @property
    def work_key(self) -> str:
        """Names the piece of work: containers with the same key continue one another's."""

    @property
    def duration_s(self) -> float:
        """Of the whole work, without interruption."""

    @property
    def exit_code(self) -> int:
        """At the end of the work."""

    @property
    def memory(self) -> Sequence[tuple[float, int]]:
        """(seconds since the container's start, bytes held from then on), in order."""

    @property
    def shutdown_s(self) -> float:
        """From SIGTERM to the end."""

    @property
    def checkpoints(self) -> Sequence[Checkpoint]:
        """In the order of their moments."""

    @property
    def illnesses(self) -> Sequence[Illness]:
        """When its probes fail."""

    @property
    def cpu_nanocores(self) -> int:
        """What it computes with while it runs."""


@dataclass(frozen=True)
class FixedProfile:
    """A profile given by its figures."""

    work_key: str
    duration_s: float
    exit_code: int = 0
    memory: Sequence[tuple[float, int]] = ()
    shutdown_s: float = 0.0
    checkpoints: Sequence[Checkpoint] = ()
    illnesses: Sequence[Illness] = ()
    cpu_nanocores: int = 0


@dataclass
class Work:
    """What is known of one piece of work."""

    passed: int = 0  # checkpoints
    done: bool = False
    lost_s: float = 0.0  # work that had to be done again, over all runs


@dataclass
class Progress:
    """The works of one world."""

    works: dict[str, Work] = field(default_factory=dict)

    def of(self, work_key: str) -> Work:
        """The work behind a key, begun or not."""
        return self.works.setdefault(work_key, Work())


def resume_s(profile: Profile, work: Work) -> float:
    """Where in the work a container that starts now begins."""
    if work.done:
        return profile.duration_s
    return profile.checkpoints[work.passed - 1].at_s if work.passed else 0.0


def out_of_memory_s(profile: Profile, limit_bytes: int | None) -> float | None:
    """When, after its start, a container under `limit_bytes` is killed for its memory; None when it never is."""
    if limit_bytes is None:
        return None
    return next((moment for moment, held in profile.memory if held > limit_bytes), None)


def memory_at(profile: Profile, age_s: float) -> tuple[int, float | None]:
    """The bytes that a container holds `age_s` seconds after its start, and the age at which that changes."""
    held = next((held for moment, held in reversed(profile.memory) if moment <= age_s), 0)
    return held, next((moment for moment, _ in profile.memory if moment > age_s), None)


def health_at(profile: Profile, kind: ProbeKind, age_s: float) -> tuple[Illness | None, float | None]:
    """What ails a container at that age (None: nothing), and the age at which that can change."""
    mine = [illness for illness in profile.illnesses if illness.kind == kind]
    ill = next(
        (entry for entry in mine if entry.from_s <= age_s and (entry.until_s is None or age_s < entry.until_s)), None
    )
    if ill is not None:
        return ill, ill.until_s
    return None, min((entry.from_s for entry in mine if entry.from_s > age_s), default=None)
