"""Runs the containers of traces on the embedded kubelet: each by the words of its command (`shell`), in virtual time.

As process 1 of its container a program ignores SIGTERM unless it handles it, so most of them are killed when their grace is over, as on a real node.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.clock import SECOND, Kernel, Timer
from harness.fidelity.shell import TERMINATION_LOG, Files, OutOfMemory, Process, Steps, code_of_handler, parse
from harness.fidelity.values import TraceError
from harness.kube.hooks import ContainerExit, ContainerRefused, ContainerStart, ProbeAnswer, ProbeKind
from harness.kube.metrics import Usage

_KILLED = ContainerExit(137, "Error")
_OUT_OF_MEMORY = ContainerExit(137, "OOMKilled")


@dataclass
class _Run:
    start: ContainerStart
    ended: Callable[[ContainerExit], None]
    files: Files
    process: Process
    steps: Steps
    timer: Timer | None = None
    killing: Timer | None = None
    told: bool = False  # SIGTERM came while a command ran in the foreground: the handler runs after it


class ShellRuntime:
    """A PodRuntime whose programs are those that `shell` understands; on the kernel's thread."""

    def __init__(self, kernel: Kernel, scratch: Path) -> None:
        self._kernel = kernel
        self._scratch = scratch
        self._runs: dict[str, _Run] = {}

    def start(self, start: ContainerStart, ended: Callable[[ContainerExit], None]) -> None:
        """Start a container. Raises ContainerRefused for a command that traces do not speak."""
        try:
            program = parse(start.argv)
        except TraceError as error:
            raise ContainerRefused(str(error)) from error
        files = Files(self._scratch / start.party.replace("/", "_"), start.mounts)
        process = Process(files, lambda: self._kernel.now, lambda text: _append(start.log_path, text))
        run = _Run(start, ended, files, process, process.steps(program))
        self._runs[start.party] = run
        run.timer = self._kernel.after(0, lambda: self._step(run))

    def terminate(self, party: str, grace_s: int) -> None:
        """SIGTERM now, SIGKILL after the grace period."""
        run = self._runs.get(party)
        if run is None:
            return
        if run.killing is not None:
            run.killing.cancel()
        run.killing = self._kernel.after(grace_s * SECOND, lambda: self._end(run, _KILLED))
        if run.process.handler:
            run.told = True
            if run.process.waits:
                self._handle(run)

    def kill(self, party: str) -> None:
        """SIGKILL now."""
        run = self._runs.get(party)
        if run is not None:
            self._plan(run, 0, lambda: self._end(run, _KILLED))

    def probe(
        self,
        party: str,
        kind: ProbeKind,  # noqa: ARG002 - an exec probe is answered the same way whatever it is for
        probe: Mapping[str, Any],
        answered: Callable[[ProbeAnswer], None],
    ) -> None:
        """Run the probe's command, which takes no time. Raises TraceError for a probe of another sort."""
        run = self._runs.get(party)
        if run is None:
            return
        if "exec" not in probe:
            raise TraceError("a trace's probes are commands: write exec")
        code = self._at_once(run, probe["exec"]["command"])
        answered(ProbeAnswer(code == 0, "", self._kernel.now + 1))  # who knows what the next one finds

    def usage(self, party: str) -> Usage | None:
        """Nothing worth mentioning."""
        return Usage(0, 0) if party in self._runs else None

    def _at_once(self, run: _Run, command: Any) -> int:
        steps = Process(run.files, lambda: self._kernel.now, lambda _text: None).steps(parse(command))
        try:
            next(steps)
        except StopIteration as end:
            return int(end.value)
        raise TraceError(f"{command}: a trace's probe takes no time")

    def _step(self, run: _Run) -> None:
        try:
            sleeps_us = next(run.steps)
        except StopIteration as end:
            code = int(end.value)
            self._end(run, ContainerExit(code, "Error" if code else "Completed"))
            return
        except OutOfMemory:
            self._end(run, _OUT_OF_MEMORY)
            return
        self._plan(run, sleeps_us, lambda: self._handle(run) if run.told else self._step(run))

    def _handle(self, run: _Run) -> None:
        code = code_of_handler(run.process.handler or "")
        self._plan(run, 0, lambda: self._end(run, ContainerExit(code, "Error" if code else "Completed")))

    def _plan(self, run: _Run, delay_us: int, action: Callable[[], None]) -> None:
        if run.timer is not None:
            run.timer.cancel()
        run.timer = self._kernel.after(delay_us, action)

    def _end(self, run: _Run, exit_: ContainerExit) -> None:
        for timer in (run.timer, run.killing):
            if timer is not None:
                timer.cancel()
        del self._runs[run.start.party]
        last_words = run.files.place(TERMINATION_LOG)
        message = last_words.read_text() if last_words.exists() else ""
        run.ended(ContainerExit(exit_.exit_code, exit_.reason, message))


def _append(log: Path, text: str) -> None:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as file:
        file.write(text)
