"""Private memory of a whole run does not grow with the volume, and stays below 300 MB."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 2**20
VOLUMES = {256: "256,512,512", 1024: "1024,512,512"}


def private_bytes(pid: int) -> int:
    """Anonymous private memory; pages of files that are mapped can be dropped at any time."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    return 0


def peak_of_a_run(folder: Path, shape: str) -> int:
    flags = ["--sink-url", str(folder / "store"), "--data-dir", str(folder / "data")]
    command = [sys.executable, "-m", "tests.pipeline.program", shape, "0", *flags]
    peak = 0
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ
    ) as process:
        while process.poll() is None:
            try:
                peak = max(peak, private_bytes(process.pid))
                process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
            except (FileNotFoundError, ProcessLookupError):
                break
        errors = process.stderr.read() if process.stderr else b""
    assert process.returncode == 0, errors.decode()
    return peak


@pytest.mark.slow
def test_four_times_the_volume_takes_the_same_memory(tmp_path: Path) -> None:
    peaks = {size: peak_of_a_run(tmp_path / str(size), shape) for size, shape in VOLUMES.items()}
    assert max(peaks.values()) < 300e6, peaks
    # Up to one more open shard of the pyramid (16 MiB) for three times 64 MiB more.
    assert peaks[1024] - peaks[256] < 24 * MIB, peaks
