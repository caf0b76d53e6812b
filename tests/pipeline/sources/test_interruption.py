"""SIGTERM while a source waits for its archive: the handler's exception comes out of the read, and nothing is left behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import NoReturn

import pytest

from fixtures.archives import Archives, Request
from fixtures.volumes import DatasetName
from pipeline.errors import Terminated
from pipeline.settings import parse
from pipeline.sources import open_source
from tests.pipeline.sources.conftest import SCALE, whole


class Silence:
    """Lets some requests through; at the next one it sends a signal to this process, and never answers."""

    def __init__(self, before: int) -> None:
        self.left = before

    def knock(self, request: Request) -> Future[None]:
        passed: Future[None] = Future()
        if self.left > 0:
            self.left -= 1
            passed.set_result(None)
        else:
            os.kill(os.getpid(), signal.SIGUSR1)
        return passed


@pytest.fixture
def terminating() -> Iterator[None]:
    def terminate(*_: object) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGUSR1, terminate)
    yield
    signal.signal(signal.SIGUSR1, before)


# How many requests a source makes until the one that is cut: an early one, and one for voxels.
@pytest.mark.parametrize(
    ("service", "before"),
    [
        ("ebi", 0), ("ebi", 1), ("ebi", 20),
        ("epfl", 0), ("epfl", 4),
        ("flyem", 0), ("flyem", 1),
        ("idr", 0), ("idr", 2),
        ("openorganelle", 0), ("openorganelle", 9),
    ],
)  # fmt: skip
def test_given_an_archive_that_does_not_answer_when_terminated_then_the_read_ends_at_once(
    tmp_path: Path, terminating: None, service: DatasetName, before: int
) -> None:
    with Archives(SCALE, 1, gate=Silence(before)) as archives:
        environ = {**archives.environment_for(service), "EM_DATA_DIR": str(tmp_path / "data")}
        _, settings = parse([service], environ)
        scratch = tmp_path / "scratch"
        scratch.mkdir()
        source = open_source(service, settings, scratch)
        try:
            with pytest.raises(Terminated):
                whole(source)
        finally:
            source.close()
    assert list(scratch.iterdir()) == []
