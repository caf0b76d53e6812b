"""Containers as real processes of this machine, forked from a zygote and paced by the doors.

How it works. A started process is a party (`harness.clock.parties`): time stands still until it knocks at a door or
ends. SIGTERM reaches it while it stands at a door, then it is busy until it has cleaned up; a process that ignores
SIGTERM goes on and is killed at the end of its grace. One that neither knocks nor ends within the wall time of its
grace is killed as well, and its end is stamped with the moment at which the grace was over. What needs the wall clock
(that limit, the memory samples) is kept in this package; nothing of it reaches the timeline unless a process breaks
these rules. Not modelled: the container's file system (only mounts are rewritten), its network, cpu limits.
"""

from __future__ import annotations

import shutil
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.clock import SECOND, Kernel, Knock, Timer, Toll, seconds
from harness.cluster.kubelet.logs import prepare
from harness.cluster.kubelet.runtimes.commands import Commands, ProcessExec
from harness.cluster.kubelet.runtimes.entry_points import check
from harness.cluster.kubelet.runtimes.leftovers import ProcessList
from harness.cluster.kubelet.runtimes.listening import ProcessPorts
from harness.cluster.kubelet.runtimes.memory import MemoryWatch
from harness.cluster.kubelet.runtimes.paths import Rewriter
from harness.cluster.kubelet.runtimes.sockets import SocketProbes
from harness.cluster.kubelet.runtimes.zygote_client import Program, Zygote
from harness.kube.events import Recorder
from harness.kube.hooks import ContainerExit, ContainerStart, NodeAgent, ProbeAnswer, ProbeKind
from harness.kube.logmarks import mark
from harness.kube.metrics import Usage
from harness.kube.objects import uid_of

CLOCK_DOOR = "clock"
_PYTHON = frozenset({"python", "python3"})
_EXPLANATION_WALL_S = 1.0
_EXPLANATION_LINES = 40


@dataclass
class _Run:
    start: ContainerStart
    ended: Callable[[ContainerExit], None]
    scratch: Path
    module: str | None
    pid: int | None = None
    lives: threading.Event = field(default_factory=threading.Event)
    out_of_memory: bool = False
    told_us: int | None = None  # when it got its (first) SIGTERM
    kill_us: int = 0  # the end of its grace
    too_slow: bool = False
    deadline: Timer | None = None
    patience: threading.Timer | None = None


class ProcessRuntime:
    """A PodRuntime of real processes.

    `search_path` is where the services' modules are, `preload` what the zygote imports before it forks (modules that start
    no thread), `wall_patience_s` the longest that a process may take to shut down in wall time, `shutdown_s` what its
    shutdown takes in virtual time.
    """

    def __init__(
        self,
        kernel: Kernel,
        recorder: Recorder,
        state_dir: Path,
        *,
        search_path: Sequence[Path],
        preload: Sequence[str] = (),
        wall_patience_s: float = 20.0,
        shutdown_s: Callable[[ContainerStart], float] = lambda _start: 0.0,
    ) -> None:
        self._kernel = kernel
        self._recorder = recorder.named("kubelet")
        self._scratch = state_dir / "scratch"
        self._wall_patience_s = wall_patience_s
        self._shutdown_s = shutdown_s
        self._processes = ProcessList(state_dir)
        self._runs: dict[str, _Run] = {}
        self._memory = MemoryWatch()
        self._probes = SocketProbes(kernel)
        kernel.parties.open_door(CLOCK_DOOR, _sleeping)
        kernel.parties.observe(self._mark)
        self._commands = Commands(
            kernel,
            lambda: self._zygote,
            self._memory,
            lambda start: self._program(start, self._runs[start.party.rpartition("-exec-")[0]].scratch),
            self._scratch / "commands",
            wall_patience_s,
        )
        self._zygote = Zygote(search_path, preload, state_dir / "zygote.log", self)

    def start(self, start: ContainerStart, ended: Callable[[ContainerExit], None]) -> None:
        """Start a process. Raises ContainerRefused for a command that is not the image's entry point."""
        check(start)
        prepare(start.log_path)
        scratch = self._scratch / start.party.replace("/", "_")
        for folder in ("root", "tmp"):
            (scratch / folder).mkdir(parents=True, exist_ok=True)
        self._warn(start, Rewriter(start.mounts))
        program = self._program(start, scratch)
        run = _Run(start, ended, scratch, program.module)
        self._runs[start.party] = run
        self._kernel.parties.enter(start.party, lambda: self._explain(run))
        self._zygote.start(start.party, program)

    def terminate(self, party: str, grace_s: int) -> None:
        """SIGTERM now, SIGKILL after the grace period."""
        run = self._runs.get(party)
        if run is None:
            return
        first = run.told_us is None
        run.told_us = self._kernel.now if run.told_us is None else run.told_us
        run.kill_us = self._kernel.now + grace_s * SECOND
        if run.deadline is not None:
            run.deadline.cancel()
        run.deadline = self._kernel.at(run.kill_us, lambda: self.kill(party))
        if first:
            self._kernel.parties.when_parked(party, lambda: self._ask_to_end(run))

    def kill(self, party: str) -> None:
        """SIGKILL now."""
        run = self._runs.get(party)
        if run is not None:
            self._kernel.parties.when_parked(party, lambda: self._send(run, signal.SIGKILL))

    def probe(
        self,
        party: str,
        kind: ProbeKind,  # noqa: ARG002 - all kinds ask alike
        probe: Mapping[str, Any],
        answered: Callable[[ProbeAnswer], None],
    ) -> None:
        """Probe a running container."""
        run = self._runs.get(party)
        if run is not None:
            self._probes.probe(run.start, probe, answered)

    def usage(self, party: str) -> Usage | None:
        """The memory of the last sample; the processor's share in virtual time means nothing and is left at nought."""
        return Usage(0, self._memory.now_bytes(party), measured=True) if party in self._runs else None

    def peak_memory_bytes(self, party: str) -> int:
        """The largest sample of a party's memory, also after its end."""
        return self._memory.peak_bytes(party)

    def ports(self) -> ProcessPorts:
        """Where the processes of a pod listen."""
        return ProcessPorts(lambda uid: [run.pid for run in self._runs_of(uid) if run.pid is not None])

    def executor(self, agent: NodeAgent) -> ProcessExec:
        """Runs commands beside containers; `agent` gives each what it gives to a container's start."""

        def find(uid: str, container: str) -> ContainerStart | None:
            return next((run.start for run in self._runs_of(uid) if run.start.container == container), None)

        return ProcessExec(self._commands, find, agent)

    def close(self) -> None:
        """End all processes."""
        for run in list(self._runs.values()):
            if run.patience is not None:
                run.patience.cancel()
        self._zygote.close()
        self._memory.close()
        self._processes.clear()

    def _runs_of(self, pod_uid: str) -> list[_Run]:
        return [run for run in self._runs.values() if uid_of(run.start.pod) == pod_uid]

    def _mark(self, knock: Knock) -> None:
        """It stands at a door: what it has written until now was written by now."""
        run = self._runs.get(knock.party)
        if run is not None:
            mark(run.start.log_path, self._kernel.now)

    # -- what is run ------------------------------------------------------------------------------------------------

    def _program(self, start: ContainerStart, scratch: Path) -> Program:
        rewriter = Rewriter(start.mounts)
        argv = [start.argv[0], *(rewriter.rewrite(word) for word in start.argv[1:])]
        env = {name: rewriter.rewrite(value) for name, value in start.env.items()}
        directory = rewriter.rewrite(start.working_dir)
        if directory == start.working_dir:
            directory = str(scratch / "root")
        temporary = str(start.mounts.get("/tmp", scratch / "tmp"))
        is_python = argv[0] in _PYTHON
        module = argv[2] if is_python and len(argv) > 2 and argv[1] == "-m" else None
        if is_python:
            argv[0] = sys.executable
        return Program(
            module=module,
            argv=argv,
            arguments=argv[3:],
            env=env,
            directory=directory,
            temporary=None if "TMPDIR" in env else temporary,
            log=str(start.log_path),
        )

    def _warn(self, start: ContainerStart, rewriter: Rewriter) -> None:
        """Say which paths lead nowhere here."""
        places = [(f"env {name}", value) for name, value in start.env.items() if name != "PATH"]
        places += [(f"argument {word!r}", word) for word in start.argv[1:]]
        for place, text in places:
            for path in rewriter.remaining(text):
                message = f"{place} of container {start.container} names {path}, which no volume mounts: mount one there or change it"
                self._recorder.event(start.pod, "Warning", "PathNotMounted", message)

    # -- ending -----------------------------------------------------------------------------------------------------

    def _ask_to_end(self, run: _Run) -> None:
        if self._runs.get(run.start.party) is not run or self._ignores_sigterm(run):
            return
        self._send(run, signal.SIGTERM)
        self._be_patient(run)

    def _ignores_sigterm(self, run: _Run) -> bool:
        if not run.lives.wait(self._wall_patience_s):
            return False  # no word of it yet: the zygote hands on the signal as soon as it lives
        try:
            text = Path(f"/proc/{run.pid}/status").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False  # it has just ended
        mask = next(int(line.split()[1], 16) for line in text.splitlines() if line.startswith("SigIgn:"))
        return bool(mask >> (signal.SIGTERM - 1) & 1)

    def _send(self, run: _Run, number: int) -> None:
        self._kernel.parties.rouse(run.start.party)
        self._zygote.signal(run.start.party, number)

    def _be_patient(self, run: _Run) -> None:
        grace_s = (run.kill_us - self._kernel.now) / SECOND
        wall_s = max(0.0, min(grace_s, self._wall_patience_s))
        run.patience = threading.Timer(wall_s, lambda: self._kernel.post(lambda: self._lose_patience(run)))
        run.patience.daemon = True
        run.patience.start()

    def _lose_patience(self, run: _Run) -> None:
        if self._runs.get(run.start.party) is not run:
            return
        if not self._kernel.parties.is_busy(run.start.party):
            self._be_patient(run)  # it works at its doors, where virtual time limits it
            return
        run.too_slow = True
        self._zygote.signal(run.start.party, signal.SIGKILL)

    def _left(self, run: _Run, code: int) -> None:
        """The process has ended and it is its turn."""
        del self._runs[run.start.party]
        self._commands.end_beside(run.start.party)
        for timer in (run.deadline, run.patience):
            if timer is not None:
                timer.cancel()
        shutil.rmtree(run.scratch, ignore_errors=True)
        exit_code = code if code >= 0 else 128 - code
        reason = "OOMKilled" if run.out_of_memory else "Error" if exit_code else "Completed"
        exit_ = ContainerExit(exit_code, reason)
        moment_us = self._kernel.now
        if run.too_slow:
            moment_us = max(moment_us, run.kill_us)
        elif run.told_us is not None and code != -signal.SIGKILL:
            moment_us += seconds(self._shutdown_s(run.start))
        if moment_us == self._kernel.now:
            run.ended(exit_)
        else:
            self._kernel.at(moment_us, lambda: run.ended(exit_))

    def _explain(self, run: _Run) -> str:
        """Where a process hangs: the stack that it writes on SIGUSR1, or what it last wrote."""
        log = run.start.log_path
        before = log.stat().st_size if log.exists() else 0
        if run.module is not None and run.lives.is_set():
            self._zygote.signal(run.start.party, signal.SIGUSR1)
            pause, waited_s = threading.Event(), 0.0
            while waited_s < _EXPLANATION_WALL_S and log.stat().st_size == before:
                pause.wait(0.05)
                waited_s += 0.05
        written = log.read_bytes() if log.exists() else b""
        text = (written[before:] or written).decode(errors="replace")
        lines = text.splitlines()[-_EXPLANATION_LINES:]
        return "\n".join(lines) if lines else "it has written nothing"

    # -- from the zygote's thread -----------------------------------------------------------------------------------

    def started(self, name: str, pid: int) -> None:
        """A child (or, without a name, the zygote itself) lives."""
        self._processes.add(pid)
        if self._commands.started(name, pid):
            return
        run = self._runs.get(name)
        if run is None:
            return
        run.pid = pid
        run.lives.set()
        self._memory.add(name, pid, run.start.memory_limit_bytes, lambda: self._kill_for_memory(run))

    def ended(self, name: str, code: int) -> None:
        """A child has ended."""
        if self._commands.ended(name, code):
            return
        self._memory.remove(name)
        run = self._runs.get(name)
        if run is not None:
            mark(run.start.log_path, self._kernel.now)  # time has stood still for it since its last door
            self._kernel.parties.leave(name, lambda: self._left(run, code))

    def slept(self, name: str, duration_s: float, wake: Callable[[], None]) -> None:
        """A child wants virtual time to pass."""
        knock = Knock(party=name, door=CLOCK_DOOR, operation="sleep", target=repr(duration_s), size_bytes=0)

        if self._commands.slept(knock, wake):
            return

        def granted(_grant: object) -> None:
            wake()

        self._kernel.parties.arrive(knock).add_done_callback(granted)

    def resumed(self, name: str) -> None:
        """A child's SIGTERM handler has returned."""
        self._kernel.parties.settle(name)

    def broke(self, message: str) -> None:
        """Without its zygote the run cannot go on."""

        def fail() -> None:
            raise RuntimeError(message)

        self._kernel.post(fail)

    def _kill_for_memory(self, run: _Run) -> None:
        run.out_of_memory = True
        self._zygote.signal(run.start.party, signal.SIGKILL)


def _sleeping(knock: Knock) -> Toll:
    return Toll(seconds(float(knock.target)))
