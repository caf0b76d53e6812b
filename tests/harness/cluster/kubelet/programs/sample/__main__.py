"""A service for tests: does what its arguments say, e.g. `python -m sample print hello exit 3`."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_held: list[bytearray] = []


def _handle(_number: int, _frame: object) -> None:
    print("terminated", flush=True)
    sys.exit(143)


def _swallow(_number: int, _frame: object) -> None:
    print("swallowed", flush=True)


def _hang_in(_number: int, _frame: object) -> None:
    print("hanging", flush=True)
    threading.Event().wait()


def _hang(_argument: str) -> None:
    threading.Event().wait()


def _descend(path: str) -> None:
    child = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
    Path(path).write_text(str(child.pid))


def _listen(host: str) -> None:
    """Answer every connection with its own bytes; says on which port."""
    server = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    print(server.getsockname()[1], flush=True)

    def serve() -> None:
        while True:
            connection, _ = server.accept()
            with connection:
                connection.sendall(connection.recv(100))

    threading.Thread(target=serve, daemon=True).start()


def _echo(_argument: str) -> None:
    for line in sys.stdin:
        print(f"heard {line.strip()}", flush=True)
    print("end of input", flush=True)


HANDLERS = {"exit": _handle, "swallow": _swallow, "hang": _hang_in}
ACTIONS: dict[str, Callable[[str], object]] = {
    "print": print,
    "complain": lambda text: print(text, file=sys.stderr),
    "env": lambda name: print(f"{name}={os.environ.get(name)}"),
    "environ": lambda _: print(sorted(os.environ)),
    "exit": lambda code: sys.exit(int(code)),
    "raise": lambda text: (_ for _ in ()).throw(RuntimeError(text)),
    "sleep": lambda duration: time.sleep(float(duration)),
    "on-term": lambda what: signal.signal(signal.SIGTERM, HANDLERS[what]),
    "hang": _hang,
    "hold": lambda size: _held.append(bytearray(os.urandom(1 << 20) * int(size))),
    "write": lambda path: Path(path).write_text("written"),
    "descend": _descend,
    "descriptors": lambda _: print(sorted(os.listdir("/proc/self/fd"))),
    "cwd": lambda _: print(os.getcwd()),
    "temporary": lambda _: print(__import__("tempfile").gettempdir()),
    "argv": lambda _: print(sys.argv[1:]),
    "listen": _listen,
    "echo": _echo,
    "terminal": lambda _: print(*os.get_terminal_size(0), os.isatty(1), flush=True),
    "read": lambda path: print(Path(path).read_text(), flush=True),
    "session": lambda _: print(os.getsid(0) == os.getpid()),
}


def main() -> None:
    words: Iterator[str] = iter(sys.argv[1:])
    for action in words:
        ACTIONS[action](next(words))


main()
