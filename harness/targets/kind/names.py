"""How what a session makes is called: after the process that owns it, so that what a killed run left can be told from a run that goes on."""

from __future__ import annotations

import os
import re
from pathlib import Path

from harness.cluster.kubelet.runtimes.leftovers import started_ticks

OWNER_LABEL = "em-harness.owner"
_NAME = re.compile(r"em-harness-(?P<pid>\d+)-(?P<ticks>\d+)")


def session_name() -> str:
    """The name of this process's session: one at a time."""
    pid = os.getpid()
    return f"em-harness-{pid}-{started_ticks(pid)}"


def is_session(name: str) -> bool:
    """Whether some session is called so."""
    return _NAME.fullmatch(name) is not None


def is_owned(name: str) -> bool:
    """Whether the process that a session is named after still lives."""
    match = _NAME.fullmatch(name)
    return match is not None and started_ticks(int(match["pid"])) == int(match["ticks"])


def owners_space() -> str:
    """Where process ids mean what they mean here: an engine may serve several containers, each with its own."""
    return os.readlink("/proc/self/ns/pid")


def files_volume(session: str) -> str:
    """The volume of a session on which the worlds' file systems are."""
    return f"{session}-files"


def sessions_root(project_root: Path) -> Path:
    """Where the directories of this checkout's sessions are."""
    return project_root / "build" / "kind"
