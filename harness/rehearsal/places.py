"""Where a command is to write: refused before the work begins, not after it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.targets.project import ProjectError


def require_directory(directory: Path, option: str) -> None:
    """Make the directory that `option` asks for. Raises ProjectError when it cannot be made or nothing can be written in it."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        raise ProjectError(
            f"{option} {directory}: {error.strerror}: name a directory that can be made and written"
        ) from error
