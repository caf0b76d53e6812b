"""The directory that all nodes share, as a disk of its own: it has a size, and can be full without filling this machine's.

It is a tmpfs, mounted by a container in this process's mount namespace, so that who may use the engine needs no other right. Where that is not to be had (an
engine in another namespace, or without privileges) it stays a plain directory, which cannot be filled.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.targets.kind.containers import SHARED
from harness.targets.kind.engine import Engine, EngineError

SIZE_BYTES = 2 << 30  # it takes memory as it is used, and no more
_PAGE_BYTES = 4096
_ATTEMPTS = 10


class NoSize(Exception):
    """The shared directory is no disk of its own; the message says why."""


class SharedDisk:
    """The shared directory of one session."""

    def __init__(self, engine: Engine, helper_image: str, path: Path, *, keeper: str) -> None:
        self._engine = engine
        self._keeper = keeper
        self.path = path
        self.why_not = ""
        path.mkdir()
        options = f"size={SIZE_BYTES},mode=0755,uid={os.getuid()},gid={os.getgid()}"
        try:
            _in_our_namespace(engine, helper_image, ["mount", "-t", "tmpfs", "-o", options, "em-harness", str(path)])
        except EngineError as error:
            self.why_not = str(error)
            return
        if not _is_same(engine, helper_image, path):
            unmount(engine, helper_image, path)
            self.why_not = "the engine does not see what is mounted in this process's namespace"

    @property
    def used_bytes(self) -> int:
        """What is written on it."""
        found = os.statvfs(self.path)
        return (found.f_blocks - found.f_bfree) * found.f_frsize

    def fill(self, leaving_bytes: int) -> None:
        """Let there be no more room than that, counted in pages, until `relieve`. Raises NoSize, EngineError."""
        if self.why_not:
            raise NoSize(f"the shared directory is on this machine's own disk, which is not filled: {self.why_not}")
        for attempt in range(_ATTEMPTS):
            try:
                # a size below what is used is refused, as when somebody wrote in between; none at all would be no limit
                self._resize(max(_PAGE_BYTES, self.used_bytes + leaving_bytes))
            except EngineError:
                if attempt == _ATTEMPTS - 1:
                    raise
            else:
                return

    def relieve(self) -> None:
        """Let it have its room again. Harmless when it has."""
        if not self.why_not:
            self._resize(SIZE_BYTES)

    def _resize(self, size_bytes: int) -> None:
        self._engine.execute(self._keeper, ["mount", "-o", f"remount,size={size_bytes}", SHARED])


def unmount(engine: Engine, helper_image: str, path: Path) -> None:
    """Let the disk go, with all that is on it; harmless when there is none."""
    if path.is_mount():
        _in_our_namespace(engine, helper_image, ["umount", "--lazy", str(path)])


def _is_same(engine: Engine, image: str, path: Path) -> bool:
    """Whether a container that is given the directory has what this process sees there."""
    seen = engine.call(
        *("run", "--rm", "--network=none", f"--volume={path}:{SHARED}", "--entrypoint=stat"),
        *(image, "--format=%d %i", SHARED),
    )
    own = path.stat()
    return seen.split() == [str(own.st_dev), str(own.st_ino)]


def _in_our_namespace(engine: Engine, image: str, argv: Sequence[str]) -> None:
    where = ["--target", str(os.getpid()), "--mount", "--"]
    engine.call(
        "run", "--rm", "--privileged", "--pid=host", "--network=none", "--entrypoint=nsenter", image, *where, *argv
    )
