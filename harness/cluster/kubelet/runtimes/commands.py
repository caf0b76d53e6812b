"""Commands beside the containers of real processes (kubectl exec): children of the zygote with streams instead of a log.

A command gets what its container has (environment, mounts, scratch directories, memory limit) and what the node's agents give to a start of its own, so that
its calls are told apart from the container's. It ends with its container. In time: a command without stdin is a party like a container, so time stands
still while it computes, but for no longer than `wall_patience_s` of the wall; one that reads stdin waits for a person, and time goes on beside it: its
doors answer at once, and its sleeps take virtual time. Not modelled: its memory counts for itself and not for the container's.
"""

from __future__ import annotations

import fcntl
import os
import queue
import select
import shutil
import signal
import struct
import termios
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.clock import Kernel, Knock, seconds
from harness.cluster.kubelet.runtimes.entry_points import check_command
from harness.cluster.kubelet.runtimes.memory import MemoryWatch
from harness.cluster.kubelet.runtimes.zygote_client import Program, Zygote
from harness.kube.hooks import ContainerStart, ExecProcess, ExecRefused, ExecStart, NodeAgent
from harness.kube.objects import name_of, uid_of

_PIECE_BYTES = 64 * 1024
_END_OF_TRANSMISSION = b"\x04"  # what ends the input of a terminal
_STDOUT, _STDERR = 1, 2
Output = Callable[[int, bytes], None]


@dataclass(eq=False)
class _Command:
    """One command that runs."""

    party: str
    beside: str  # the container's party
    zygote: Zygote
    outputs: Mapping[int, int]  # descriptor here to the stream that it is
    stdin: int | None
    tty: bool
    holds_time: bool
    code: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    given: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)
    patience: threading.Timer | None = None
    closing: threading.Lock = field(default_factory=threading.Lock)
    closed: bool = False

    def feed(self, data: bytes) -> None:
        """Bytes for its stdin; empty ends it."""
        if self.stdin is not None:
            self.given.put(data)

    def resize(self, width: int, height: int) -> None:
        """Its terminal has another size."""
        with self.closing:
            if self.tty and not self.closed:
                (terminal,) = self.outputs
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def kill(self) -> None:
        """SIGKILL now; harmless when it has ended."""
        self.zygote.signal(self.party, signal.SIGKILL)


class Commands:
    """The commands of one runtime. Calls come on the kernel's thread unless they say otherwise."""

    def __init__(
        self,
        kernel: Kernel,
        zygote: Callable[[], Zygote],
        memory: MemoryWatch,
        program: Callable[[ContainerStart], Program],
        scratch: Path,
        wall_patience_s: float,
    ) -> None:
        self._kernel = kernel
        self._zygote = zygote
        self._memory = memory
        self._program = program
        self._scratch = scratch
        self._wall_patience_s = wall_patience_s
        self._number = 0
        self._running: dict[str, _Command] = {}
        self._limits: dict[str, int | None] = {}

    def run(
        self, start: ContainerStart, asked: ExecStart, agent: NodeAgent, output: Output, ended: Callable[[int], None]
    ) -> ExecProcess:
        """Run a command beside the container that `start` started. Raises ExecRefused."""
        check_command(start.image, asked.argv)
        self._number += 1
        party = f"{start.party}-exec-{self._number}"
        provision = agent.provide(start.pod, start.container, party)
        files = self._write(party, provision.files)
        own = replace(
            start,
            party=party,
            argv=asked.argv,
            env={**start.env, **provision.env, **({"TERM": "xterm"} if asked.tty else {})},
            mounts={**start.mounts, **files},
        )
        theirs, outputs, stdin = _streams(asked)
        command = _Command(party, start.party, self._zygote(), outputs, stdin, asked.tty, holds_time=not asked.stdin)
        self._running[party] = command
        self._limits[party] = start.memory_limit_bytes
        if command.holds_time:
            self._kernel.parties.enter(party, lambda: f"the command {' '.join(asked.argv)} computes")
            self._be_patient(command)
        self._zygote().start(party, self._program(own), theirs)
        for descriptor in set(theirs):
            os.close(descriptor)

        def over() -> None:
            self._forget(command)
            agent.withdraw(party)

        def pump() -> None:
            _copy(command, output)
            command.over.wait()
            _close(command)
            self._kernel.post(lambda: self._left(command, over))
            ended(command.code)

        threading.Thread(target=pump, name="exec-output", daemon=True).start()
        if stdin is not None:
            threading.Thread(target=lambda: _feed(command), name="exec-input", daemon=True).start()
        return command

    def end_beside(self, party: str) -> None:
        """A container has ended, and with it whatever ran in it."""
        for command in list(self._running.values()):
            if command.beside == party:
                self._kernel.parties.rouse(command.party)
                command.kill()

    # -- from the zygote's thread

    def started(self, party: str, pid: int) -> bool:
        """A child lives; False when it is no command."""
        command = self._running.get(party)
        if command is not None:
            self._memory.add(party, pid, self._limits[party], command.kill)
        return command is not None

    def ended(self, party: str, code: int) -> bool:
        """A child has ended; False when it is no command."""
        command = self._running.get(party)
        if command is not None:
            self._memory.remove(party)
            command.code = code if code >= 0 else 128 - code
            command.over.set()
        return command is not None

    def slept(self, knock: Knock, wake: Callable[[], None]) -> bool:
        """A child wants virtual time to pass; False when it is no command or a party."""
        command = self._running.get(knock.party)
        if command is None or command.holds_time:
            return False
        self._kernel.post(lambda: _after(self._kernel, float(knock.target), wake))
        return True

    # -- how

    def _left(self, command: _Command, over: Callable[[], None]) -> None:
        if command.holds_time:
            self._kernel.parties.leave(command.party, over)
        else:
            over()

    def _write(self, party: str, files: Mapping[str, str]) -> dict[str, Path]:
        """What the agents give as files, in a directory of the command's own."""
        mounts: dict[str, Path] = {}
        for number, (path, content) in enumerate(sorted(files.items())):
            place = self._place(party) / str(number)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(content, encoding="utf-8")
            mounts[path] = place
        return mounts

    def _place(self, party: str) -> Path:
        return self._scratch / party.replace("/", "_")

    def _forget(self, command: _Command) -> None:
        del self._running[command.party], self._limits[command.party]
        if command.patience is not None:
            command.patience.cancel()
        shutil.rmtree(self._place(command.party), ignore_errors=True)

    def _be_patient(self, command: _Command) -> None:
        command.patience = threading.Timer(
            self._wall_patience_s, lambda: self._kernel.post(lambda: self._lose_patience(command))
        )
        command.patience.daemon = True
        command.patience.start()

    def _lose_patience(self, command: _Command) -> None:
        """It has computed for long enough: from now on time goes on beside it."""
        if command.party not in self._running or not command.holds_time:
            return
        if not self._kernel.parties.is_busy(command.party):
            self._be_patient(command)  # it waits at a door, in virtual time
            return
        command.holds_time = False
        self._kernel.parties.leave(command.party, lambda: None)


class ProcessExec:
    """`harness.kube.hooks.PodExec` of real processes."""

    def __init__(self, commands: Commands, find: Callable[[str, str], ContainerStart | None], agent: NodeAgent) -> None:
        self._commands = commands
        self._find = find
        self._agent = agent

    def start(self, start: ExecStart, output: Output, ended: Callable[[int], None]) -> ExecProcess:
        """Run a command. Raises ExecRefused."""
        container = self._find(uid_of(start.pod), start.container)
        if container is None:
            raise ExecRefused(
                f"container {start.container} of pod {name_of(start.pod)} is modelled, or its process does not run now, so nothing can "
                "run in it: only services of this repository's Dockerfile are processes, look at others with `kubectl logs` and `kubectl describe`"
            )
        return self._commands.run(container, start, self._agent, output, ended)


def _after(kernel: Kernel, duration_s: float, action: Callable[[], None]) -> None:
    kernel.after(seconds(duration_s), action)


def _streams(asked: ExecStart) -> tuple[tuple[int, int, int], dict[int, int], int | None]:
    """The child's stdin, stdout and stderr; our ends of what it writes; our end of its stdin."""
    if asked.tty:
        here, there = os.openpty()
        return (there, there, there), {here: _STDOUT}, os.dup(here) if asked.stdin else None
    (out, out_there), (err, err_there) = os.pipe(), os.pipe()
    outputs = {out: _STDOUT, err: _STDERR}
    if not asked.stdin:
        return (os.open(os.devnull, os.O_RDONLY), out_there, err_there), outputs, None
    in_there, stdin = os.pipe()
    return (in_there, out_there, err_there), outputs, stdin


def _copy(command: _Command, output: Output) -> None:
    """Until nobody can write any more."""
    reading = set(command.outputs)
    while reading:
        ready, _, _ = select.select(reading, (), ())
        for descriptor in sorted(ready, key=lambda one: command.outputs[one]):
            try:
                piece = os.read(descriptor, _PIECE_BYTES)
            except OSError:
                piece = b""  # a terminal that nobody holds any more says so with EIO
            if piece:
                output(command.outputs[descriptor], piece)
            else:
                reading.discard(descriptor)


def _feed(command: _Command) -> None:
    """Until it is told that stdin has ended, or nobody reads it any more."""
    assert command.stdin is not None
    try:
        while data := command.given.get():
            _write_all(command.stdin, data)
        if command.tty:
            _write_all(command.stdin, _END_OF_TRANSMISSION)
    except OSError:
        return  # nobody reads it any more
    finally:
        os.close(command.stdin)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _close(command: _Command) -> None:
    command.given.put(b"")
    with command.closing:
        command.closed = True
        for descriptor in command.outputs:
            os.close(descriptor)
