"""Records as files, `<data_dir>/records/<source>/<source_id>.json`, each replaced atomically and valid when written.

A file name of a record never depends on the time or the run, so a rerun updates its record and never adds one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pipeline.atomic import write_json
from pipeline.errors import RecordError
from pipeline.records.record import Record
from pipeline.records.validation import errors_of


class RecordStore:
    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / "records"

    def path(self, source: str, source_id: str) -> Path:
        return self.folder / source / f"{source_id}.json"

    def load(self, source: str, source_id: str) -> Record | None:
        """The record, or None when there is none that can be used (then a new one replaces it)."""
        try:
            record = json.loads(self.path(source, source_id).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        except OSError as error:
            raise RecordError(f"{self.path(source, source_id)}: {error.strerror}, check EM_DATA_DIR") from error
        return None if errors_of(record) else record

    def save(self, record: Record) -> None:
        path = self.path(record["source"], record["source_id"])
        errors = errors_of(record)
        if errors:
            raise RecordError(f"{path}: would not follow the schema: {'; '.join(errors)}")
        try:
            write_json(path, record)
        except OSError as error:
            raise RecordError(f"{path}: {error.strerror}, check EM_DATA_DIR") from error

    def files(self) -> Iterator[Path]:
        """Every record's file, in order."""
        yield from sorted(path for path in self.folder.glob("*/*.json") if not path.name.startswith("."))
