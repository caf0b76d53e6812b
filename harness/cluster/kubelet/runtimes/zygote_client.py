"""The harness's end of the zygote: starts it, talks to it, and tells a listener what happens. See `zygote.py` for the other end."""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

_PROGRAM = Path(__file__).with_name("zygote.py")
_MESSAGE_BYTES_MAX = 1 << 20
# Hashes and the linear algebra's threads must not differ from run to run; a child does not inherit these.
_ENVIRONMENT = {"PYTHONHASHSEED": "0", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Program:
    """What a child becomes: a Python module run as `__main__` (then `arguments` are its argv[1:]), or an executable."""

    module: str | None
    argv: Sequence[str]
    arguments: Sequence[str]
    env: Mapping[str, str]
    directory: str
    temporary: str | None  # where Python's tempfile goes
    log: str


class Listener(Protocol):
    """Hears what happens; called on the zygote client's thread."""

    def started(self, name: str, pid: int) -> None:
        """A child lives."""

    def ended(self, name: str, code: int) -> None:
        """A child has ended: its exit code, or the negative number of the signal that killed it."""

    def slept(self, name: str, duration_s: float, wake: Callable[[], None]) -> None:
        """A child called time.sleep; `wake` lets it go on."""

    def resumed(self, name: str) -> None:
        """A child's SIGTERM handler has returned: it goes on waiting where it waited."""

    def broke(self, message: str) -> None:
        """The zygote cannot serve."""


class Zygote:
    """One zygote process. `start` and `signal` may be called from any thread and return at once."""

    def __init__(self, search_path: Sequence[Path], preload: Sequence[str], log_path: Path, listener: Listener) -> None:
        self._listener = listener
        self._log_path = log_path
        self._control, self._control_there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door, self._door_there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._closing = False
        self.pid: int | None = None
        self._send({"preload": list(preload), "path": [str(path) for path in search_path]})
        # The zygote dies with the thread that started it: that is this one, which lives until `close`.
        self._thread = threading.Thread(target=self._main, name="zygote-client", daemon=True)
        self._thread.start()

    def start(self, name: str, program: Program, streams: Sequence[int] = ()) -> None:
        """Fork a child; `streams` are its stdin, stdout and stderr, which the caller closes, or none, when it writes into its log."""
        self._send({"start": name, **asdict(program)}, streams)

    def signal(self, name: str, number: int) -> None:
        """Signal a child; nothing happens when it has ended."""
        self._send({"signal": name, "number": number})

    def close(self) -> None:
        """End the zygote and all its children. Harmless when called twice."""
        if self._closing:
            return
        self._closing = True
        self._control.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._control.close()
        self._door.close()

    def _send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        data = json.dumps(message).encode()
        if len(data) > _MESSAGE_BYTES_MAX:
            raise ValueError(
                f"a container's environment and arguments take {len(data)} bytes, {_MESSAGE_BYTES_MAX} fit"
            )
        try:
            socket.send_fds(self._control, [data], list(descriptors))
        except (BrokenPipeError, ConnectionResetError):
            return  # the zygote is gone, which the thread reports

    def _main(self) -> None:
        try:
            process = self._launch()
        except OSError as error:
            self._listener.broke(f"the zygote {_PROGRAM.name} cannot be started: {error}")
            return
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._door, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._door in ready:
                    self._hear_door()
                if self._control in ready and not self._hear_zygote():
                    break
        process.wait()
        if not self._closing:
            self._listener.broke(f"the zygote has ended with exit code {process.returncode}: see {self._log_path.name}")

    def _launch(self) -> subprocess.Popen[bytes]:
        theirs = (self._control_there.fileno(), self._door_there.fileno())
        arguments = [str(os.getpid()), *map(str, theirs)]
        with self._log_path.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-s", str(_PROGRAM), *arguments],
                env=_ENVIRONMENT,
                pass_fds=theirs,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._control_there.close()
        self._door_there.close()
        self.pid = process.pid
        self._listener.started("", process.pid)
        return process

    def _hear_door(self) -> None:
        data, fds, _, _ = socket.recv_fds(self._door, _MESSAGE_BYTES_MAX, 1)
        if not data:
            return
        question = json.loads(data)
        if "resumed" in question:
            self._listener.resumed(question["name"])
            return
        (asking,) = fds
        self._listener.slept(question["name"], float(question["duration_s"]), lambda: os.close(asking))

    def _hear_zygote(self) -> bool:
        try:
            data = self._control.recv(_MESSAGE_BYTES_MAX)
        except ConnectionResetError:
            return False
        if not data:
            return False
        message = json.loads(data)
        if "started" in message:
            self._listener.started(message["started"], message["pid"])
        elif "ended" in message:
            self._listener.ended(message["ended"], message["code"])
        elif "broken" in message:
            self._listener.broke(message["broken"])
        return True
