"""Records: the schema with its formats, the transitions, the files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import RecordError
from pipeline.records import RecordStore, errors_of, record
from pipeline.records.record import Record
from pipeline.records.validation import schema

NOW = "2026-01-02T03:04:05+00:00"
LATER = "2026-01-02T04:04:05+00:00"
FACTS = {
    "pipeline_version": "1.0.0",
    "description": "A volume",
    "title": "Volume",
    "shape": [10, 20, 30],
    "voxel_size_nm": [50.0, 8.0, 4.0],
    "data_type": "uint8",
    "modality": "SEM",
    "imaging_start_date": "2015-03-09",
    "download_url": "https://example.org/volume",
    "source_version": {"size": 1},
    "provenance": {},
    "levels": 1,
    "chunk_edge": 64,
    "digest": "ab" * 32,
    "size_bytes": 4711,
    "objects": 2,
    "statistics": {"level": "s0", "minimum": 0, "maximum": 9, "mean": 4.5},
}


def a_pending() -> Record:
    return record.pending("epfl", "volume", NOW)


def a_complete() -> Record:
    started = record.described(a_pending(), "0123456789ab", record.from_facts(FACTS), NOW)
    return record.complete(started, LATER, facts=FACTS, url="s3://b/p", prefix="p", root_sha256="cd" * 32)


@pytest.mark.parametrize(
    "made",
    [
        a_pending(),
        record.described(a_pending(), "v", record.from_facts(FACTS), NOW),
        record.stepped(a_pending(), "saving-data", LATER, step="1 of 2 shards", percentage=50),
        record.failed(a_pending(), LATER, message="gone", traceback="...", retry_count=4),
        record.cancelled(a_pending(), LATER),
        a_complete(),
    ],
    ids=lambda made: made["status"],
)
def test_every_state_of_a_record_is_valid(made: Record) -> None:
    assert errors_of(made) == []


def without(path: str) -> Record:
    document: Record = json.loads(json.dumps(a_complete()))
    place: Any = document
    *folders, last = path.split("/")
    for folder in folders:
        place = place[folder]
    del place[last]
    return document


def having(path: str, value: object) -> Record:
    document: Record = json.loads(json.dumps(a_complete()))
    place: Any = document
    *folders, last = path.split("/")
    for folder in folders:
        place = place.setdefault(folder, {})
    place[last] = value
    return document


@pytest.mark.parametrize(
    "path",
    ["id", "source", "source_id", "status", "created_at", "metadata", "metadata/core", "metadata/core/description"],
)
def test_what_is_required_is_missed(path: str) -> None:
    assert [error for error in errors_of(without(path)) if path.rpartition("/")[2] in error]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "not-a-uuid"),
        ("id", "5eba7bd2eaa850d69d01981c2f6b382e"),
        ("source", "elsewhere"),
        ("source_id", ""),
        ("status", "done"),
        ("created_at", "yesterday"),
        ("created_at", "2026-01-02 03:04:05"),
        ("updated_at", "2026-13-02T03:04:05Z"),
        ("progress/percentage", 101),
        ("error/message", ""),
        ("error/retry_count", -1),
        ("metadata/core/description", ""),
        ("metadata/core/volume_shape", [1]),
        ("metadata/core/volume_shape", [1, 0]),
        ("metadata/core/voxel_size_nm", {"x": 1, "y": 1}),
        ("metadata/core/voxel_size_nm", [0, 1]),
        ("metadata/core/data_type", "uint64"),
        ("metadata/core/modality", "light"),
        ("metadata/core/imaging_start_date", "2015-02-30"),
        ("metadata/technical/sha256", "AB" * 32),
        ("metadata/technical/compression", "zip"),
        ("metadata/provenance/download_url", "not a uri"),
        ("metadata/quality/completeness_score", 1.1),
        ("files/volume", "no uri"),
        ("dataset/digest", "short"),
    ],
)
def test_what_does_not_fit_is_one_error_that_names_its_place(path: str, value: object) -> None:
    errors = errors_of(having(path, value))
    assert [error for error in errors if error.startswith(path)]


def test_all_errors_are_told_at_once() -> None:
    broken = {**a_complete(), "id": "x", "status": "y", "created_at": "z"}
    assert {error.partition(":")[0] for error in errors_of(broken)} == {"id", "status", "created_at"}


def test_a_complete_record_has_its_data_set() -> None:
    assert errors_of(without("dataset")) == ['record: "dataset" is a required property']


def test_the_schema_is_a_schema() -> None:
    assert schema()["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_the_id_is_a_function_of_source_and_version() -> None:
    first = record.described(a_pending(), "one", record.from_facts(FACTS), NOW)
    again = record.described(first, "one", record.from_facts(FACTS), LATER)
    other = record.described(again, "two", record.from_facts(FACTS), LATER)
    assert first["id"] == again["id"] != other["id"]
    assert (again["created_at"], other["created_at"]) == (NOW, LATER)


def test_a_new_attempt_drops_the_old_error_and_completion_tells_everything() -> None:
    broken = record.failed(a_pending(), NOW, message="gone", traceback="", retry_count=0)
    started = record.described(broken, "v", record.from_facts(FACTS), LATER)
    assert "error" not in started
    done = record.complete(started, LATER, facts=FACTS, url="s3://b/p", prefix="p", root_sha256="cd" * 32)
    assert done["metadata"]["technical"]["sha256"] == done["dataset"]["digest"] == FACTS["digest"]
    assert done["metadata"]["core"]["voxel_size_nm"] == {"x": 4.0, "y": 8.0, "z": 50.0}
    assert done["metadata"]["technical"]["dimensions_nm"] == [500.0, 160.0, 120.0]
    assert done["progress"]["percentage"] == 100


def test_a_record_is_one_file_that_is_replaced(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    store.save(a_pending())
    store.save(a_complete())
    assert [path.relative_to(tmp_path).as_posix() for path in store.files()] == ["records/epfl/volume.json"]
    assert store.load("epfl", "volume") == a_complete()
    assert [path.name for path in (tmp_path / "records/epfl").iterdir()] == ["volume.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": 1}'])
def test_a_record_that_cannot_be_used_counts_as_none(tmp_path: Path, content: str) -> None:
    store = RecordStore(tmp_path)
    path = store.path("epfl", "volume")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert store.load("epfl", "volume") is None


def test_an_invalid_record_is_never_written(tmp_path: Path) -> None:
    store = RecordStore(tmp_path)
    with pytest.raises(RecordError, match="would not follow the schema: created_at"):
        store.save({**a_pending(), "created_at": "now"})
    assert list(store.files()) == []


def test_a_shared_directory_that_refuses_is_named(tmp_path: Path) -> None:
    (tmp_path / "records").write_text("a file where a directory should be")
    with pytest.raises(RecordError, match=r"check EM_DATA_DIR"):
        RecordStore(tmp_path).save(a_pending())
