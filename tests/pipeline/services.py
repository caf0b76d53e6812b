"""The five services through the front door, against their archives, in this process: what most tests of whole runs share."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixtures.archives import Archives, LoggedRequest
from fixtures.volumes import DATASET_NAMES, DatasetName
from pipeline.cli import main

SERVICES: tuple[DatasetName, ...] = DATASET_NAMES


@dataclass(frozen=True)
class Place:
    """A data directory, a store and a client of the archives."""

    folder: Path
    archives: Archives
    client: str = "tests"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def environ(self) -> dict[str, str]:
        return {
            **self.archives.environment_for(self.client),
            "EM_DATA_DIR": str(self.folder / "data"),
            "EM_SINK_URL": str(self.store),
            "EM_RETRY_BACKOFF_S": "0.001",
            "EM_TIMEOUT_S": "10",
            "ZARR_CHUNK_SIZE_MB": "0.6",
        }

    def run(self, service: str, *flags: str, **environ: str) -> int:
        return main([service, *flags], {**self.environ(), **environ})

    def record(self, service: str) -> dict[str, Any]:
        (path,) = (self.folder / "data/records" / service).glob("*.json")
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    def digest(self, service: str) -> str:
        return str(self.record(service)["dataset"]["digest"])

    def roots(self, service: str) -> list[Path]:
        return sorted((self.store / service).glob("*/*.ome.zarr/zarr.json"))

    def asked(self, since: int = 0) -> list[LoggedRequest]:
        return self.archives.log[since:]
