"""Directories of worlds: one each below build/worlds of the checkout, gone when the world closes."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from harness.cluster.kubelet.runtimes import clear_leftovers as kill_leftovers


def worlds_root(project_root: Path) -> Path:
    """Where the directories of this checkout's worlds are."""
    return project_root / "build" / "worlds"


def new_state_dir(project_root: Path) -> Path:
    """A fresh directory for one world."""
    root = worlds_root(project_root)
    root.mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix="world-", dir=root))


def clear_leftovers(project_root: Path) -> int:
    """Kill the processes and remove the directories that killed runs left; how many runs those were."""
    root = worlds_root(project_root)
    if not root.is_dir():
        return 0
    kill_leftovers(root)
    left = [path for path in root.iterdir() if path.is_dir()]
    for path in left:
        shutil.rmtree(path)
    return len(left)
