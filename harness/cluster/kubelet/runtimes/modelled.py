"""Containers without a process.

A foreign image (pause, nginx, a chart's) runs until it is stopped and then exits 0; as an init container it is done
at once; names that are set to fail exit with their code. A container of one of our services follows its profile:
memory over time against the limit (OOMKilled), checkpoints, the end, and what SIGTERM does to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from harness.clock import SECOND, Kernel, Timeline, Timer, seconds
from harness.cluster.kubelet.runtimes.entry_points import check
from harness.cluster.kubelet.runtimes.profiles import (
    Profile,
    Progress,
    Work,
    health_at,
    memory_at,
    out_of_memory_s,
    resume_s,
)
from harness.kube.hooks import ContainerExit, ContainerRefused, ContainerStart, ProbeAnswer, ProbeKind
from harness.kube.metrics import Usage

_SIGTERM, _SIGKILL = 15, 9
_COMPLETED = ContainerExit(0, "Completed")
_TERMINATED = ContainerExit(128 + _SIGTERM, "Error")
_KILLED = ContainerExit(128 + _SIGKILL, "Error")
_OUT_OF_MEMORY = ContainerExit(128 + _SIGKILL, "OOMKilled")


@dataclass
class _Run:
    start: ContainerStart
    ended: Callable[[ContainerExit], None]
    profile: Profile | None
    begun_us: int
    from_s: float  # where in the work it began
    timers: list[Timer]


class ModelledRuntime:
    """A PodRuntime in virtual time only. `failing` maps patterns of image references to exit codes."""

    def __init__(
        self,
        kernel: Kernel,
        timeline: Timeline,
        profile_for: Callable[[ContainerStart], Profile | None],
        progress: Progress | None = None,
        failing: Mapping[str, int] | None = None,
    ) -> None:
        self.progress = progress if progress is not None else Progress()
        self._kernel = kernel
        self._timeline = timeline
        self._profile_for = profile_for
        self._failing = dict(failing or {})
        self._runs: dict[str, _Run] = {}

    def start(self, start: ContainerStart, ended: Callable[[ContainerExit], None]) -> None:
        """Start a container. Raises ContainerRefused for a command that is no entry point, or a service without a profile."""
        if start.image.service is not None:
            check(start)
        profile = self._profile_for(start)
        if profile is None and start.image.service is not None:
            raise ContainerRefused(
                f"service {start.image.service} has no recorded profile: record one, or run the workload as real processes"
            )
        run = _Run(start, ended, profile, self._kernel.now, 0.0, [])
        self._runs[start.party] = run
        if profile is not None:
            self._follow(run, profile)
            return
        code = next(
            (code for pattern, code in self._failing.items() if fnmatchcase(start.image.reference, pattern)), None
        )
        if code is not None:
            self._end_after(run, 0, ContainerExit(code, "Error" if code else "Completed"))
        elif _is_init(start):
            self._end_after(run, 0, _COMPLETED)

    def terminate(self, party: str, grace_s: int) -> None:
        """SIGTERM now: a foreign container exits 0 at once, a workload exits 143 after its shutdown time unless the grace period ends first."""
        run = self._runs.get(party)
        if run is None:
            return
        if run.profile is None:
            self._end_after(run, 0, _COMPLETED)
        elif run.profile.shutdown_s > grace_s:
            self._end_after(run, grace_s * SECOND, _KILLED)
        else:
            self._end_after(run, seconds(run.profile.shutdown_s), _TERMINATED)

    def kill(self, party: str) -> None:
        """SIGKILL now."""
        run = self._runs.get(party)
        if run is not None:
            self._end_after(run, 0, _KILLED)

    def probe(
        self,
        party: str,
        kind: ProbeKind,
        probe: Mapping[str, Any],  # noqa: ARG002 - how it would ask makes no difference
        answered: Callable[[ProbeAnswer], None],
    ) -> None:
        """Answer a probe at once: good unless the profile says otherwise."""
        run = self._runs.get(party)
        if run is None:
            return
        if run.profile is None:
            answered(ProbeAnswer(healthy=True))
            return
        illness, until_s = health_at(run.profile, kind, (self._kernel.now - run.begun_us) / SECOND)
        until_us = None if until_s is None else run.begun_us + seconds(until_s)
        answered(ProbeAnswer(illness is None, "" if illness is None else illness.message, until_us))

    def usage(self, party: str) -> Usage | None:
        """What the profile says; a foreign container, of which nothing is known, uses nothing."""
        run = self._runs.get(party)
        if run is None:
            return None
        if run.profile is None:
            return Usage(0, 0)
        held, until_s = memory_at(run.profile, (self._kernel.now - run.begun_us) / SECOND)
        return Usage(run.profile.cpu_nanocores, held, None if until_s is None else run.begun_us + seconds(until_s))

    def _follow(self, run: _Run, profile: Profile) -> None:
        work = self.progress.of(profile.work_key)
        run.from_s = resume_s(profile, work)
        lasts_s = profile.duration_s - run.from_s
        self._timeline.record(
            "WorkBegan",
            f"work/{profile.work_key}",
            container=run.start.party,
            resumed_s=run.from_s,
            whole_s=profile.duration_s,
        )
        for number in range(work.passed, len(profile.checkpoints)):
            passes = partial(self._pass, run, profile, work, number)
            run.timers.append(self._kernel.after(seconds(profile.checkpoints[number].at_s - run.from_s), passes))
        killed_s = out_of_memory_s(profile, run.start.memory_limit_bytes)
        if killed_s is not None and killed_s < lasts_s:
            run.timers.append(self._kernel.after(seconds(killed_s), lambda: self._end(run, _OUT_OF_MEMORY)))
        ending = ContainerExit(profile.exit_code, "Error" if profile.exit_code else "Completed")
        run.timers.append(self._kernel.after(seconds(lasts_s), lambda: self._end(run, ending)))

    def _pass(self, run: _Run, profile: Profile, work: Work, number: int) -> None:
        if number < work.passed:
            return  # another container with the same work was here before: harmless, as shards are written once
        work.passed = number + 1
        checkpoint = profile.checkpoints[number]
        self._timeline.record(
            "CheckpointPassed",
            f"work/{profile.work_key}",
            container=run.start.party,
            checkpoint=checkpoint.name,
            number=number + 1,
            size_bytes=checkpoint.size_bytes,
        )

    def _end_after(self, run: _Run, delay_us: int, exit_: ContainerExit) -> None:
        """The end is near: nothing that was planned happens any more."""
        for timer in run.timers:
            timer.cancel()
        run.timers = [self._kernel.after(delay_us, lambda: self._end(run, exit_))]

    def _end(self, run: _Run, exit_: ContainerExit) -> None:
        for timer in run.timers:
            timer.cancel()
        del self._runs[run.start.party]
        if run.profile is not None:
            self._account(run, run.profile, exit_)
        run.ended(exit_)

    def _account(self, run: _Run, profile: Profile, exit_: ContainerExit) -> None:
        """Note whether the work is done or how much of it this end has cost."""
        work = self.progress.of(profile.work_key)
        if exit_.exit_code == 0:
            work.done = True
            self._timeline.record("WorkDone", f"work/{profile.work_key}", container=run.start.party)
            return
        reached_s = run.from_s + (self._kernel.now - run.begun_us) / SECOND
        safe_s = max(run.from_s, resume_s(profile, work))
        lost_s = round(max(0.0, reached_s - safe_s), 6)
        work.lost_s += lost_s
        self._timeline.record(
            "WorkInterrupted", f"work/{profile.work_key}", container=run.start.party, lost_s=lost_s, reason=exit_.reason
        )


def _is_init(start: ContainerStart) -> bool:
    return any(
        entry["name"] == start.container and entry.get("restartPolicy") != "Always"
        for entry in start.pod["spec"].get("initContainers") or ()
    )
