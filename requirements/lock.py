"""Pins what the .in files here ask for: installs each into an environment of its own and writes what pip chose into the .lock file beside it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
OURS = {"pip", "setuptools", "wheel"}


def lock(source: Path) -> None:
    """Write the .lock file of one .in file."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
        python = Path(scratch) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-compile", "-r", source], check=True)
        frozen = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True).stdout
    pins = [line for line in frozen.splitlines() if line.split("==")[0] not in OURS]
    header = f"# Pinned from {source.name} by `make lock`. Do not edit.\n"
    source.with_suffix(".lock").write_text(header + "\n".join(pins) + "\n")


def main(names: list[str]) -> None:
    """Lock the named files, or all."""
    for source in sorted(HERE.glob("*.in")):
        if not names or source.stem in names:
            print(f"locking {source.name}")
            lock(source)


if __name__ == "__main__":
    main(sys.argv[1:])
