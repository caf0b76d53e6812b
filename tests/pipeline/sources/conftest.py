"""What is real here: the sources, their sockets and protocols. What is not: the archives, stand-ins on loopback with computed voxels."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from fixtures.archives import Archives, FailurePlan, FailureRule
from pipeline.settings import parse
from pipeline.sources import open_source
from pipeline.sources.base import Region, Source, Voxels

SCALE = 0.0002


@dataclass
class Rehearsal:
    """A source in front of its archive, and what was asked of it."""

    archives: Archives
    scratch_dir: Path
    data_dir: Path
    opened: list[Source] = field(default_factory=list)

    def open(self, service: str, *flags: str) -> Source:
        environment = {
            **self.archives.environment_for(service),
            "EM_DATA_DIR": str(self.data_dir),
            "EM_RETRY_BACKOFF_S": "0",
            "EM_TIMEOUT_S": "10",
        }
        _, settings = parse([service, *flags], environment)
        source = open_source(service, settings, self.scratch_dir)
        self.opened.append(source)
        return source

    def asked(self, operation: str = "") -> list[str]:
        return [record.target for record in self.archives.log if not operation or record.operation == operation]


class Rehearse(Protocol):
    """The archives at a scale, with failures that have all happened at the end."""

    def __call__(self, *rules: FailureRule, scale: float = SCALE) -> AbstractContextManager[Rehearsal]: ...


@pytest.fixture
def rehearse(tmp_path: Path) -> Rehearse:
    scratch_dir = tmp_path / "scratch"
    scratch_dir.mkdir()

    @contextmanager
    def with_failures(*rules: FailureRule, scale: float = SCALE) -> Iterator[Rehearsal]:
        plan = FailurePlan(rules)
        with Archives(scale, 1, failures=plan) as archives:
            rehearsal = Rehearsal(archives, scratch_dir, tmp_path / "data")
            yield rehearsal
            for source in rehearsal.opened:
                source.close()
        assert plan.unfired == ()
        assert list(scratch_dir.iterdir()) == []

    return with_failures


def whole(source: Source, number: int = 0) -> Voxels:
    """All voxels of a level, read in boxes that divide nothing evenly."""
    level = source.describe().levels[number]
    step = 7 if level.read_unit[0] == 1 else 50
    voxels: Voxels = np.zeros(level.shape, level.dtype)
    for z in range(0, level.shape[0], step):
        for y in range(0, level.shape[1], 50):
            stop = (min(z + step, level.shape[0]), min(y + 50, level.shape[1]), level.shape[2])
            voxels[z : stop[0], y : stop[1]] = source.read(number, Region((z, y, 0), stop))
    return voxels
