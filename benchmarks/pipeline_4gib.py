"""4 GiB through the whole program to a local directory: peak private memory, and CPU time as a ratio to the codec alone.

The limit is measured in the same run, on this machine and these voxels: zstd of every chunk of every level, with nothing
around it. A ratio of 1 would be a program that costs nothing but its compression. `python -m benchmarks.pipeline_4gib [GIB]`
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from functools import lru_cache
from pathlib import Path

import numpy as np

from pipeline.cli import main
from pipeline.settings import Settings
from pipeline.sources.base import Description, Level, Region, Source, Voxels
from pipeline.volume import shard

EDGE = 256
MEMORY_LIMIT_MB = 300


@lru_cache
def tile() -> Voxels:
    """Blurred noise, which compresses about as much as a micrograph does."""
    noise = np.random.default_rng(0)
    made: Voxels = np.empty((EDGE, EDGE, EDGE), "uint8")
    for plane in made:
        row = noise.normal(128, 20, (EDGE, EDGE + 2))
        plane[:] = np.clip((row[:, :-2] + 2 * row[:, 1:-1] + row[:, 2:]) / 4, 0, 255)
    return made


class Tiled:
    def __init__(self, source_id: str, shape: tuple[int, int, int]) -> None:
        self._source_id = source_id
        self._shape = shape

    def describe(self) -> Description:
        return Description(
            source="epfl",
            source_id=self._source_id,
            version={"shape": list(self._shape)},
            levels=(Level(self._shape, "uint8", (5.0, 5.0, 5.0)),),
            title="Benchmark",
            description="Blurred noise",
            modality="EM",
            download_url="https://example.org/benchmark",
        )

    def read(self, level: int, region: Region) -> Voxels:  # noqa: ARG002 - the Protocol's parameter
        shift = sum(region.start) // EDGE * 17
        return np.roll(tile(), shift, axis=2)[tuple(slice(0, size) for size in region.shape)]

    def close(self) -> None:
        """Nothing is open."""


def shape_of(gib: float) -> tuple[int, int, int]:
    return (max(EDGE, round(gib * 1024) // EDGE * EDGE), 1024, 1024)


def codec_cpu_s(voxels: int) -> float:
    """CPU seconds that the codec alone takes for that many voxels and their pyramid, from a few shards."""
    shard.encode(tile(), EDGE, 1)
    began_s, rounds = time.process_time(), 5
    for number in range(rounds):
        shard.encode(np.roll(tile(), number, axis=2), EDGE, 1)
    return (time.process_time() - began_s) / (rounds * EDGE**3) * voxels * 8 / 7


def run_program(gib: float, folder: str) -> None:
    def open_source(_service: str, settings: Settings, _scratch: Path) -> Source:
        return Tiled(settings.source_id("epfl"), shape_of(gib))

    code = main(["epfl", "--sink-url", f"{folder}/store", "--data-dir", f"{folder}/data"], {}, open_source)
    sys.stdout.flush()
    os._exit(code)


def anonymous_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    return 0


def measure(gib: float) -> None:
    voxels = int(np.prod(shape_of(gib)))
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.pipeline_4gib", str(gib), folder]
        began_s, peak = time.monotonic(), 0
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                try:
                    peak = max(peak, anonymous_bytes(process.pid))
                    process.wait(0.02)
                except subprocess.TimeoutExpired:
                    continue
                except (FileNotFoundError, ProcessLookupError):
                    break
        if process.returncode:
            sys.exit(f"benchmark: the program ended with {process.returncode}")
        wall_s = time.monotonic() - began_s
        stored = sum(path.stat().st_size for path in Path(folder, "store").rglob("*") if path.is_file())
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = used.ru_utime + used.ru_stime
    limit_s = codec_cpu_s(voxels)
    print(f"voxels        {voxels / 2**30:.2f} GiB, stored {stored / 2**30:.2f} GiB with the pyramid")
    print(f"wall          {wall_s:.1f} s, {voxels / 1e6 / wall_s:.0f} MB/s")
    print(f"CPU           {cpu_s:.1f} s, codec alone {limit_s:.1f} s, ratio {cpu_s / limit_s:.2f}")
    print(f"memory        {peak / 1e6:.0f} MB private at the peak, limit {MEMORY_LIMIT_MB} MB")
    if peak > MEMORY_LIMIT_MB * 1e6:
        sys.exit("benchmark: more memory than the limit")


if __name__ == "__main__":
    wanted_gib = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    if len(sys.argv) > 2:
        run_program(wanted_gib, sys.argv[2])
    else:
        measure(wanted_gib)
