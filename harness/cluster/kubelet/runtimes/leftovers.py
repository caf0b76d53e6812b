"""The processes that a harness started, written down so that those a SIGKILL left behind can be found; a pid counts
only with its start time and the machine's boot.
"""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

_FILE = "processes.jsonl"


def started_ticks(pid: int) -> int | None:
    """When a process began, in clock ticks since the boot; None when there is none (or only its zombie)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


class ProcessList:
    """The list of one run."""

    def __init__(self, state_dir: Path) -> None:
        state_dir.mkdir(parents=True, exist_ok=True)
        self._path = state_dir / _FILE
        self._boot = _boot()

    def add(self, pid: int) -> None:
        """Note a process that was just started."""
        ticks = started_ticks(pid)
        if ticks is None:
            return
        with self._path.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"pid": pid, "ticks": ticks, "boot": self._boot}) + "\n")

    def clear(self) -> None:
        """All of them have ended."""
        self._path.unlink(missing_ok=True)


def clear_leftovers(state_root: Path) -> list[int]:
    """Kill exactly those processes that runs under `state_root` noted and that still live; their pids. The lists are removed."""
    killed: list[int] = []
    boot = _boot()
    for path in sorted(state_root.rglob(_FILE)):
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            if entry["boot"] == boot and started_ticks(entry["pid"]) == entry["ticks"]:
                os.kill(entry["pid"], signal.SIGKILL)
                killed.append(entry["pid"])
        path.unlink()
    return killed
