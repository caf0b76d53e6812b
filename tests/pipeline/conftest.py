"""What is expensive and can be shared: the archives without failures, one run of every service, moto."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from fixtures.archives import Archives
from tests.pipeline.services import SERVICES, Place

SCALE = 1 / 1024


@pytest.fixture(scope="session", autouse=True)
def _no_waiting_for_the_disk() -> Iterator[None]:
    """What fsync is for, no test can see, and it takes most of the time of a small run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: None)
        yield


@pytest.fixture(scope="session")
def archives() -> Iterator[Archives]:
    with Archives(SCALE, 1) as running:
        yield running


@pytest.fixture(scope="session")
def ingested(archives: Archives, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """All five data sets; not to be changed by a test."""
    place = Place(tmp_path_factory.mktemp("ingested"), archives, "ingested")
    for service in SERVICES:
        assert place.run(service) == 0
    return place


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
