"""Consolidation of real data sets in a local directory, whole and damaged in every way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConsolidationError
from pipeline.loader import load
from pipeline.records.consolidate import consolidate
from pipeline.settings import Settings
from pipeline.sink import LocalSink
from tests.pipeline.synthetic import SyntheticSource, one_level, settings

Damage = Callable[[Path, Path], None]


@pytest.fixture
def given(tmp_path: Path) -> Settings:
    return settings(tmp_path / "store", tmp_path / "data", "--expected-sources", "epfl,idr")


@pytest.fixture
def sink(given: Settings) -> LocalSink:
    return LocalSink(Path(given.sink_url))


@pytest.fixture
def ingested(given: Settings, sink: LocalSink) -> Path:
    """Two sources are there; the folder of the data set of epfl."""
    for source in ("epfl", "idr"):
        made = SyntheticSource(one_level((65, 30, 70)), source, given.source_id(source))
        load(source, given, sink, lambda _service, _settings, _scratch, made=made: made)  # type: ignore[misc]
    root = next((Path(given.sink_url) / "epfl").glob("*/*.ome.zarr/zarr.json"))
    return root.parent


def read(given: Settings, name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((given.data_dir / "catalogue" / f"{name}.json").read_text())
    return document


def test_whole_data_sets_give_a_catalogue_of_all_records(ingested: Path, given: Settings, sink: LocalSink) -> None:
    consolidate(given, sink)
    catalogue, report = read(given, "catalog"), read(given, "validation_report")
    assert [record["source"] for record in catalogue["records"]] == ["epfl", "idr"]
    assert catalogue["summary"]["by_status"] == {"complete": 2}
    assert catalogue["summary"]["size_bytes"] == sum(record["dataset"]["size_bytes"] for record in catalogue["records"])
    assert report["valid"]
    assert [(entry["valid"], entry["errors"]) for entry in report["records"]] == [(True, [])] * 2


def test_several_workers_find_the_same(ingested: Path, given: Settings, sink: LocalSink) -> None:
    consolidate(settings(given.sink_url, given.data_dir, "--expected-sources", "epfl", "--max-workers", "4"), sink)
    assert read(given, "validation_report")["valid"]


def edit_record(change: Callable[[dict[str, Any]], None]) -> Damage:
    def damage(dataset: Path, record: Path) -> None:
        document = json.loads(record.read_text())
        change(document)
        record.write_text(json.dumps(document))

    return damage


def overwrite(name: str, body: bytes) -> Damage:
    def damage(dataset: Path, _record: Path) -> None:
        (dataset / name).write_bytes(body)

    return damage


def flip(name: str) -> Damage:
    """The same size, another content."""

    def damage(dataset: Path, record: Path) -> None:
        body = bytearray((dataset / name).read_bytes())
        body[0] ^= 1
        (dataset / name).write_bytes(body)

    return damage


def truncate_record(_dataset: Path, record: Path) -> None:
    record.write_text("{")


def remove(name: str) -> Damage:
    return lambda dataset, _record: (dataset / name).unlink()


def add(name: str) -> Damage:
    return overwrite(name, b"")


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (remove("zarr.json"), "no root metadata"),
        (remove("s0/c/0/0/1"), "missing object s0/c/0/0/1"),
        (remove("s1/zarr.json"), "missing object s1/zarr.json"),
        (add("s0/c/0/0/9"), "unexpected object s0/c/0/0/9"),
        (flip("s0/c/1/0/1"), "dataset/digest: "),
        (overwrite("s0/c/0/0/0", b"short"), "dataset/size_bytes: "),
        (flip("s1/zarr.json"), "dataset: metadata that this pipeline did not write"),
        (edit_record(lambda record: record.update(status="failed", error={"message": "gone"})), "status: failed"),
        (edit_record(lambda record: record.update(status="saving-data")), "status: saving-data, wanted complete"),
        (edit_record(lambda record: record.update(source_id="other")), "record: of epfl/other.json lies in"),
        (edit_record(lambda record: record["dataset"].update(root_sha256="0" * 64)), "dataset/root_sha256: "),
        (edit_record(lambda record: record["dataset"].update(url="s3://elsewhere/x")), "correct EM_SINK_URL"),
        (edit_record(lambda record: record.update(id="x")), "id: "),
        (truncate_record, "record: not JSON"),
    ],
)
def test_any_damage_is_one_clear_failure_and_is_in_the_report(
    ingested: Path, given: Settings, sink: LocalSink, damage: Damage, error: str
) -> None:
    damage(ingested, given.data_dir / "records/epfl" / f"{given.source_id('epfl')}.json")
    with pytest.raises(ConsolidationError, match="1 of 2 records are wrong and 0 sources are missing"):
        consolidate(given, sink)
    epfl, idr = read(given, "validation_report")["records"]
    assert any(error in found for found in epfl["errors"]), epfl["errors"]
    assert idr["errors"] == []
    assert read(given, "catalog")["summary"]["valid"] == 1


def test_a_source_without_a_record_is_a_mismatch(given: Settings, sink: LocalSink) -> None:
    with pytest.raises(
        ConsolidationError, match="0 of 0 records are wrong and 2 sources are missing, first: epfl: no rec"
    ):
        consolidate(given, sink)
    assert read(given, "validation_report")["missing_sources"] == [
        "epfl: no record, run its loader",
        "idr: no record, run its loader",
    ]


def test_all_errors_of_a_record_are_reported(ingested: Path, given: Settings, sink: LocalSink) -> None:
    (ingested / "s0/c/0/0/0").unlink()
    (ingested / "s0/c/0/0/1").unlink()
    with pytest.raises(ConsolidationError):
        consolidate(given, sink)
    errors = read(given, "validation_report")["records"][0]["errors"]
    assert [error.partition(":")[0] for error in errors] == ["dataset"] * 2 + ["dataset/size_bytes", "dataset/digest"]
