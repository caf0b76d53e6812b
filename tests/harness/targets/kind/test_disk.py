"""A shared directory that cannot be a disk of its own is a plain one, and says so when it is asked to be full. The engine is a script."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.targets.kind.disk import NoSize, SharedDisk, unmount
from tests.harness.targets.kind.engines import scripted_engine


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ('run*nsenter*) echo "permission denied" >&2; exit 1;;', "permission denied"),
        ('run*stat*) echo "1 2";;', "the engine does not see what is mounted"),
    ],
)
def test_given_no_mount_then_it_is_a_plain_directory_that_is_never_full(tmp_path: Path, answers: str, why: str) -> None:
    engine, asked = scripted_engine(tmp_path / "bin", answers)
    disk = SharedDisk(engine, "image", tmp_path / "shared", keeper="keeper")
    assert disk.path.is_dir()
    with pytest.raises(NoSize, match=why):
        disk.fill(0)
    disk.relieve()
    unmount(engine, "image", disk.path)
    assert "remount" not in asked.read_text()
