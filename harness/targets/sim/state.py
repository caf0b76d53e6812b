"""Directories of worlds: one each below build/worlds of the checkout, gone when the world closes.

Each names the process that owns it, so that what a killed run left can be told from a run that goes on.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import psutil

from harness.cluster.kubelet.runtimes import clear_leftovers as kill_leftovers

_OWNER = "owner.json"


def worlds_root(project_root: Path) -> Path:
    """Where the directories of this checkout's worlds are."""
    return project_root / "build" / "worlds"


def new_state_dir(project_root: Path) -> Path:
    """A fresh directory for one world of this process."""
    root = worlds_root(project_root)
    root.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="world-", dir=root))
    owner = psutil.Process()
    (directory / _OWNER).write_text(json.dumps({"pid": owner.pid, "started": owner.create_time()}))
    return directory


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
    try:
        owner = json.loads((directory / _OWNER).read_text())
        return bool(psutil.Process(owner["pid"]).create_time() == owner["started"])
    except (FileNotFoundError, json.JSONDecodeError, psutil.NoSuchProcess):
        return False
