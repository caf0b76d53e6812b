"""Directories of worlds: one each below build/worlds of the checkout, gone when the world closes.

Its name says which process owns it (`world-<pid>-<its start in clock ticks>-...`), so that from its first moment to its last what a
killed run left can be told from a run that goes on.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

from harness.cluster.kubelet.runtimes import clear_leftovers as kill_leftovers
from harness.cluster.kubelet.runtimes.leftovers import started_ticks

_NAME = re.compile(r"world-(?P<pid>\d+)-(?P<ticks>\d+)-")


def worlds_root(project_root: Path) -> Path:
    """Where the directories of this checkout's worlds are."""
    return project_root / "build" / "worlds"


def new_state_dir(project_root: Path) -> Path:
    """A fresh directory for one world of this process."""
    root = worlds_root(project_root)
    root.mkdir(parents=True, exist_ok=True)
    pid = os.getpid()
    return Path(tempfile.mkdtemp(prefix=f"world-{pid}-{started_ticks(pid)}-", dir=root))


def clear_leftovers(project_root: Path) -> int:
    """Kill the processes and remove the directories that killed runs left; how many worlds those were. Worlds of live processes are let alone."""
    root = worlds_root(project_root)
    if not root.is_dir():
        return 0
    left = [path for path in root.iterdir() if path.is_dir() and not _is_owned(path)]
    for path in left:
        kill_leftovers(path)
        shutil.rmtree(path)
    return len(left)


def _is_owned(directory: Path) -> bool:
    """Whether the process that made the directory still lives; a directory without an owner's name is nobody's."""
    name = _NAME.match(directory.name)
    return name is not None and started_ticks(int(name["pid"])) == int(name["ticks"])
