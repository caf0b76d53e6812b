"""The zygote: a small process that preloads Python modules and forks one child a container. A program of its own: it
imports the standard library only.

How it works. The harness starts it with one end of a SOCK_SEQPACKET pair and an empty environment. It imports the
modules it is told to, as long as no thread appears (a fork takes only the calling thread along), and then serves:
`start` forks, `signal` signals a child that has not been reaped (so never a stranger with its pid), ends are
reported. A child is a session of its own that dies with the zygote, and the zygote dies with the harness. Its SIGTERM
and SIGINT are ignored until the program handles them, as for process 1 of a container. `time.sleep` asks the harness
(a door) instead of the wall: the child sends a pipe's end along with its name and the duration, and the harness
closes it when the time has come.
"""

from __future__ import annotations

import ctypes
import faulthandler
import fcntl
import gc
import io
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from typing import Any, SupportsIndex

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MESSAGE_BYTES_MAX = 1 << 20
_STREAMS = 3  # stdin, stdout and stderr of a command

_real_sleep = time.sleep
_real_signal = signal.signal
_libc = ctypes.CDLL(None, use_errno=True)


class _Door:
    """Where this process asks for time to pass, and the name it goes by; only children have one."""

    socket: socket.socket | None = None
    name = ""


def _sleep(duration_s: float | SupportsIndex, /) -> None:
    """time.sleep: in virtual time where there is a door."""
    if _Door.socket is None or float(duration_s) <= 0:
        _real_sleep(duration_s)
        return
    granted, asking = os.pipe()
    try:
        try:
            question = json.dumps({"name": _Door.name, "duration_s": float(duration_s)})
            socket.send_fds(_Door.socket, [question.encode()], [asking])
        finally:
            os.close(asking)
        os.read(granted, 1)  # ends when the harness closes its copy; a signal's handler may raise out of it
    finally:
        os.close(granted)


def _signal(number: int, handler: Any, /) -> Any:
    """signal.signal: a SIGTERM handler that returns makes Python wait on where it waited, and the harness must know."""
    if number != signal.SIGTERM or not callable(handler):
        return _real_signal(number, handler)

    def handle(caught: int, frame: Any) -> None:
        handler(caught, frame)
        if _Door.socket is not None:
            _Door.socket.send(json.dumps({"name": _Door.name, "resumed": True}).encode())

    return _real_signal(number, handle)


def _die_with_parent(parent: int) -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


class _Zygote:
    def __init__(self, control: socket.socket, door: socket.socket) -> None:
        self._control = control
        self._door = door
        self._children: dict[str, int] = {}
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def serve(self) -> Callable[[], None] | None:
        """Serve until the harness goes (None), or until this is a child (what it is to run)."""
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the harness, which then closes the socket
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._control, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if self._wake_read in ready:
                    self._drain()
                    self._reap()
                if self._control not in ready:
                    continue
                data, streams, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES_MAX, _STREAMS)
                if not data:
                    self._kill_all()
                    return None
                message = json.loads(data)
                if "preload" in message:
                    self._preload(message)
                elif "start" in message:
                    child = self._start(message, streams)
                    for descriptor in streams if child is None else ():
                        os.close(descriptor)
                    if child is not None:
                        return child
                else:
                    self._signal(message["signal"], message["number"])

    def _tell(self, message: dict[str, Any]) -> None:
        self._control.send(json.dumps(message).encode())

    def _preload(self, message: dict[str, Any]) -> None:
        sys.path[:0] = [entry for entry in message["path"] if entry not in sys.path]
        for module in message["preload"]:
            try:
                __import__(module)
            except ImportError as error:
                self._tell({"broken": f"module {module} cannot be preloaded: {error}"})
                return
            if _threads() > 1:
                self._tell(
                    {"broken": f"module {module} starts threads when it is imported: take it off the preload list"}
                )
                return
        gc.collect()
        gc.freeze()
        self._tell({"ready": True})

    def _start(self, message: dict[str, Any], streams: list[int]) -> Callable[[], None] | None:
        name = message["start"]
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            self._control.detach()  # the descriptor is closed below, the object must not do it again
            return lambda: _become(message, parent, self._door, streams)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGCHLD})
        self._children[name] = pid
        self._tell({"started": name, "pid": pid})
        return None

    def _signal(self, name: str, number: int) -> None:
        pid = self._children.get(name)
        if pid is None:
            return
        if number == signal.SIGKILL:
            _kill_group(pid)
        os.kill(pid, number)

    def _drain(self) -> None:
        while True:
            try:
                if not os.read(self._wake_read, 4096):
                    return
            except BlockingIOError:
                return

    def _reap(self) -> None:
        """Report who has ended. The rest of its process group dies with it, as in a container."""
        while self._children:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return
            name = next((name for name, pid in self._children.items() if pid == ended.si_pid), None)
            if name is not None:
                _kill_group(ended.si_pid)
            _, status = os.waitpid(ended.si_pid, 0)
            if name is not None:
                _wait_for_group(ended.si_pid)
                del self._children[name]
                self._tell({"ended": name, "code": os.waitstatus_to_exitcode(status)})

    def _kill_all(self) -> None:
        for pid in self._children.values():
            _kill_group(pid)
            os.kill(pid, signal.SIGKILL)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return  # it has not made its session yet, or there is nobody left in it


def _wait_for_group(pid: int) -> None:
    """Until the last of a killed process group has ended; its orphans are the zygote's children."""
    while True:
        try:
            os.waitpid(-pid, 0)
        except ChildProcessError:
            return


def _become(message: dict[str, Any], parent: int, door: socket.socket, streams: list[int]) -> None:
    """Turn this fork into the container's process, or a command beside it, which has streams of its own. Does not return normally for an exec."""
    os.setsid()
    _die_with_parent(parent)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, source in enumerate(streams or _logged(message["log"])):
        os.dup2(source, target)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for descriptor in [int(name) for name in os.listdir("/proc/self/fd")]:
        if descriptor > 2 and descriptor != door.fileno():
            try:
                os.close(descriptor)
            except OSError:
                continue  # the listing's own descriptor
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    os.umask(0o022)
    os.chdir(message["directory"])
    os.environ.clear()
    os.environ["PATH"] = _DEFAULT_PATH
    os.environ.update(message["env"])
    argv = message["argv"]
    if message["module"] is None:
        _execute(argv)
    for descriptor, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        stream = _text(descriptor, mode)
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)
    tempfile.tempdir = message["temporary"]
    _Door.socket, _Door.name = door, message["start"]
    setattr(signal, "signal", _signal)  # noqa: B010 - its type differs in names only
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
    sys.argv = [argv[0], *message["arguments"]]
    runpy.run_module(message["module"], run_name="__main__", alter_sys=True)


def _logged(log: str) -> list[int]:
    """A container's streams: no input, and both outputs into its log."""
    written = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    return [os.open(os.devnull, os.O_RDONLY), written, written]


def _execute(argv: list[str]) -> None:
    try:
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, f"exec {argv[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _text(descriptor: int, mode: str) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, mode, closefd=False)
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    return io.TextIOWrapper(buffer, encoding="utf-8", errors="backslashreplace", line_buffering=True)


def main() -> None:
    """The zygote's program: `zygote.py <pid of the harness> <descriptor of the control socket> <of the door>`."""
    _die_with_parent(int(sys.argv[1]))
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    control, door = (socket.socket(fileno=int(text)) for text in sys.argv[2:])
    time.sleep = _sleep  # before any preloaded module takes a copy
    child = _Zygote(control, door).serve()
    if child is not None:
        child()


if __name__ == "__main__":
    main()
