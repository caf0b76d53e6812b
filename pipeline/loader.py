"""One loader service: describe, ingest, and a record that says at any moment how far it is and how it ended."""

from __future__ import annotations

import logging
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.errors import PipelineError, Terminated, VolumeError
from pipeline.records import RecordStore, record
from pipeline.settings import Settings
from pipeline.sink import Sink
from pipeline.sources.base import Description, Source
from pipeline.transfer.errors import ScratchFailed
from pipeline.volume import Outcome, ingest, version12

log = logging.getLogger(__name__)

OpenSource = Callable[[str, Settings, Path], Source]
PROGRESS_STEP_PERCENT = 10


class Tracker:
    """The record of the data set in hand: loaded once, changed by the functions of `record`, saved at every change."""

    def __init__(self, store: RecordStore, source: str, source_id: str) -> None:
        self._store = store
        self._percentage = 0
        found = store.load(source, source_id)
        self.record = found or record.pending(source, source_id, _now())
        if found is None:
            self._save(self.record)

    def describe(self, description: Description) -> None:
        version = version12(description.version)
        is_this = self.record["id"] == record.record_id(description.source, description.source_id, version)
        if is_this and self.record["status"] == "complete":
            return  # most likely ingested already, which the store knows
        self._save(record.described(self.record, version, record.from_facts(_facts(description)), _now()))

    def progress(self, done: int, total: int) -> None:
        percentage = 100 * done // total // PROGRESS_STEP_PERCENT * PROGRESS_STEP_PERCENT
        if done == 1 or percentage > self._percentage:
            self._percentage = percentage
            step = f"{done} of {total} shards"
            self._save(record.stepped(self.record, "saving-data", _now(), step=step, percentage=percentage))

    def complete(self, outcome: Outcome) -> None:
        done = record.complete(
            self.record,
            _now(),
            facts=outcome.facts,
            url=outcome.url,
            prefix=outcome.prefix,
            root_sha256=outcome.root_sha256,
        )
        is_known = self.record["status"] == "complete" and self.record.get("dataset") == done["dataset"]
        if not is_known:
            self._save(done)

    def fail(self, error: Exception) -> None:
        attempts = error.attempts if isinstance(error, PipelineError) else 1
        self._save(
            record.failed(
                self.record,
                _now(),
                message=str(error) or type(error).__name__,
                traceback="".join(traceback.format_exception(error)),
                retry_count=attempts - 1,
            )
        )

    def cancel(self) -> None:
        self._save(record.cancelled(self.record, _now()))

    def _save(self, new: record.Record) -> None:
        self._store.save(new)
        self.record = new


def load(service: str, settings: Settings, sink: Sink, open_source: OpenSource) -> None:
    """Every data set that the settings name for this service. The first failure ends it."""
    for one in settings.one_by_one(service):
        _load_one(service, one, sink, open_source)


def _load_one(service: str, settings: Settings, sink: Sink, open_source: OpenSource) -> None:
    tracker = Tracker(RecordStore(settings.data_dir), service, settings.source_id(service))
    try:
        with (
            _scratch(settings.scratch_dir) as scratch,
            _opened(lambda: open_source(service, settings, scratch)) as source,
        ):
            description = source.describe()
            _check(description, service, settings)
            tracker.describe(description)
            outcome = ingest(source, description, sink, settings, tracker.progress)
        tracker.complete(outcome)
    except Terminated:
        tracker.cancel()
        raise
    except Exception as error:
        tracker.fail(error)
        raise


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    try:
        made = tempfile.TemporaryDirectory(prefix="em-pipeline-", dir=folder)
    except OSError as error:
        raise ScratchFailed(str(folder), str(error.strerror)) from error
    with made as path:
        yield Path(path)


@contextmanager
def _opened(open_source: Callable[[], Source]) -> Iterator[Source]:
    """The source, closed at the end, but not after SIGTERM: a farewell to a slow server could outlast the grace period."""
    source = open_source()
    try:
        yield source
    except Exception:
        source.close()
        raise
    source.close()


def _check(description: Description, service: str, settings: Settings) -> None:
    wanted = (service, settings.source_id(service))
    if (description.source, description.source_id) != wanted:
        raise VolumeError(f"{service}: describes itself as {description.source} {description.source_id}, not {wanted}")


def _facts(description: Description) -> Mapping[str, Any]:
    base = description.levels[0]
    return {
        "description": description.description,
        "shape": list(base.shape),
        "voxel_size_nm": list(base.voxel_size_nm),
        "data_type": base.dtype,
        "modality": description.modality,
        "imaging_start_date": description.imaging_start_date and description.imaging_start_date.isoformat(),
        "download_url": description.download_url,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
