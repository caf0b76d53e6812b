"""The memory of process trees: proportional set size, sampled in wall time, against a limit.

PSS and not RSS, as children share the zygote's pages. Between two samples a process may exceed its limit unseen: a real cgroup is stricter.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_PERIOD_S = 0.2


def tree_of(pid: int) -> list[int]:
    """A process and all its descendants that live."""
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        found.append(current)
        for task in _tasks(current):
            try:
                text = Path(f"/proc/{current}/task/{task}/children").read_text(encoding="ascii")
            except OSError:
                continue  # it has just ended
            waiting.extend(int(child) for child in text.split())
    return found


def _tasks(pid: int) -> list[str]:
    try:
        return [entry.name for entry in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []


def pss_bytes(pid: int) -> int:
    """The proportional set size of one process; 0 once it has ended."""
    try:
        with Path(f"/proc/{pid}/smaps_rollup").open(encoding="ascii") as rollup:
            for line in rollup:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


@dataclass
class _Watched:
    pid: int
    limit_bytes: int | None
    exceeded: Callable[[], None]
    held_bytes: int = 0
    peak_bytes: int = 0


class MemoryWatch:
    """A thread that samples trees; `exceeded` is called on it, once."""

    def __init__(self) -> None:
        self._watched: dict[str, _Watched] = {}
        self._peaks: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._main, name="memory-watch", daemon=True)
        self._thread.start()

    def add(self, name: str, pid: int, limit_bytes: int | None, exceeded: Callable[[], None]) -> None:
        """Begin to watch a tree."""
        with self._lock:
            self._watched[name] = _Watched(pid, limit_bytes, exceeded)

    def remove(self, name: str) -> None:
        """It has ended."""
        with self._lock:
            gone = self._watched.pop(name, None)
            if gone is not None:
                self._peaks[name] = gone.peak_bytes

    def peak_bytes(self, name: str) -> int:
        """The largest sample of a tree, living or ended; 0 when it ended before the first."""
        with self._lock:
            living = self._watched.get(name)
            return living.peak_bytes if living is not None else self._peaks.get(name, 0)

    def now_bytes(self, name: str) -> int:
        """The latest sample of a living tree; 0 before the first."""
        with self._lock:
            living = self._watched.get(name)
            return living.held_bytes if living is not None else 0

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        self._thread.join()

    def _main(self) -> None:
        while not self._stop.wait(_PERIOD_S):
            with self._lock:
                watched = list(self._watched.values())
            for tree in watched:
                self._sample(tree)

    def _sample(self, tree: _Watched) -> None:
        held = sum(pss_bytes(pid) for pid in tree_of(tree.pid))
        tree.held_bytes = held
        tree.peak_bytes = max(tree.peak_bytes, held)
        if tree.limit_bytes is not None and held > tree.limit_bytes:
            tree.limit_bytes = None
            tree.exceeded()
