"""Consolidation: the catalogue of all records, checked against the schema and against what the store really holds.

A record counts when it follows the schema, says complete, and its data set is there: the root with the recorded digest,
exactly the objects that the metadata of the arrays implies, the recorded size in all, and the recorded digest over all keys and
their SHA-256 (which the store tells; nothing is downloaded but metadata). Every error of every record goes into
the report, and any of them, or a source without a record, fails the run.
"""

from __future__ import annotations

import itertools
import json
import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline import __version__
from pipeline.atomic import write_json
from pipeline.errors import ConsolidationError, SinkError, SinkNotFound
from pipeline.lanes import Lanes
from pipeline.records.store import RecordStore
from pipeline.records.validation import errors_of
from pipeline.settings import Settings
from pipeline.sink import Sink, StoredObject

log = logging.getLogger(__name__)


@dataclass
class Finding:
    """One record's file, what it holds, and everything that is wrong with it."""

    file: str
    record: Any
    errors: list[str] = field(default_factory=list)


def consolidate(settings: Settings, sink: Sink) -> None:
    """Write the catalogue and the report; ConsolidationError when anything does not match."""
    store = RecordStore(settings.data_dir)
    findings = [_inspect(path, store, settings, sink) for path in store.files()]
    missing = _missing_sources(findings, settings.expected_sources)
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    folder = settings.data_dir / "catalogue"
    write_json(folder / "catalog.json", _catalogue(findings, now))
    write_json(folder / "validation_report.json", _report(findings, missing, now))
    for finding in findings:
        log.info("checked", extra={"file": finding.file, "errors": finding.errors})
    wrong = [finding for finding in findings if finding.errors]
    if wrong or missing:
        first = missing[0] if missing else f"{wrong[0].file}: {wrong[0].errors[0]}"
        raise ConsolidationError(
            f"{len(wrong)} of {len(findings)} records are wrong and {len(missing)} sources are missing, first: {first}; "
            f"see {folder / 'validation_report.json'}"
        )


def _inspect(path: Path, store: RecordStore, settings: Settings, sink: Sink) -> Finding:
    finding = Finding(str(path.relative_to(store.folder)), None)
    try:
        finding.record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        finding.errors.append(f"record: not JSON, {error}")
        return finding
    finding.errors += errors_of(finding.record)
    if finding.errors:
        return finding
    place = f"{finding.record['source']}/{finding.record['source_id']}.json"
    if place != finding.file:
        finding.errors.append(f"record: of {place} lies in {finding.file}")
    if finding.record["status"] != "complete":
        cause = finding.record.get("error", {}).get("message", "run its loader again")
        finding.errors.append(f"status: {finding.record['status']}, wanted complete; {cause}")
        return finding
    try:
        finding.errors += _compare(finding.record["dataset"], sink, Lanes(settings.max_workers))
    except SinkError as error:
        finding.errors.append(f"dataset: {error}")
    return finding


def _compare(dataset: dict[str, Any], sink: Sink, lanes: Lanes) -> list[str]:
    """What the store holds that the record does not say, and the other way round."""
    prefix = dataset["prefix"]
    if dataset["url"] != f"{sink.url}/{prefix}":
        return [f"dataset: recorded at {dataset['url']}, looked for at {sink.url}/{prefix}, correct EM_SINK_URL"]
    root = sink.stat(f"{prefix}/zarr.json")
    if root is None:
        return [f"dataset: no root metadata at {dataset['url']}/zarr.json"]
    errors = []
    if root.sha256 != dataset["root_sha256"]:
        errors.append(f"dataset/root_sha256: {root.sha256}, recorded {dataset['root_sha256']}")
    listed = {found.key[len(prefix) + 1 :]: found for found in sink.list(f"{prefix}/")}
    try:
        expected = set(_expected_keys(sink, prefix))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        errors.append(f"dataset: metadata that this pipeline did not write, {error!r}")
        expected = set(listed)
    for word, keys in (("missing", expected - set(listed)), ("unexpected", set(listed) - expected)):
        errors += [f"dataset: {word} object {key}" for key in sorted(keys)]
    others = [listed[key] for key in sorted(listed) if key != "zarr.json"]
    size_bytes = sum(found.size_bytes for found in others)
    if size_bytes != dataset["size_bytes"]:
        errors.append(f"dataset/size_bytes: {size_bytes}, recorded {dataset['size_bytes']}")
    digest = _digest(others, len(prefix) + 1, sink, lanes)
    if digest != dataset["digest"]:
        errors.append(f"dataset/digest: {digest}, recorded {dataset['digest']}")
    return errors


def _expected_keys(sink: Sink, prefix: str) -> Iterator[str]:
    """The keys that the root and its arrays imply."""
    yield "zarr.json"
    root = json.loads(sink.get(f"{prefix}/zarr.json"))
    for level in root["attributes"]["ome"]["multiscales"][0]["datasets"]:
        path = level["path"]
        yield f"{path}/zarr.json"
        try:
            array = json.loads(sink.get(f"{prefix}/{path}/zarr.json"))
        except SinkNotFound:
            continue
        shard = array["chunk_grid"]["configuration"]["chunk_shape"]
        counts = [-(-size // edge) for size, edge in zip(array["shape"], shard, strict=True)]
        for index in itertools.product(*(range(count) for count in counts)):
            yield "/".join((path, "c", *map(str, index)))


def _digest(objects: Sequence[StoredObject], skip: int, sink: Sink, lanes: Lanes) -> str:
    def stat(key: str) -> str:
        with lanes.outside():
            found = sink.stat(key)
        return found.sha256 if found and found.sha256 else "gone"

    lines = sha256()
    tasks = (lambda key=found.key: (key, stat(key)) for found in objects)
    for key, value in lanes.in_order(tasks):
        lines.update(f"{key[skip:]} {value}\n".encode())
    return lines.hexdigest()


def _missing_sources(findings: Sequence[Finding], expected: Sequence[str]) -> list[str]:
    there = {Path(finding.file).parts[0] for finding in findings}
    return [f"{source}: no record, run its loader" for source in expected if source not in there]


def _catalogue(findings: Sequence[Finding], now: str) -> dict[str, Any]:
    """All records that can be read, and sums over those without errors."""
    good = [finding.record for finding in findings if not finding.errors]
    return {
        "generated_at": now,
        "pipeline_version": __version__,
        "summary": {
            "records": len(findings),
            "valid": len(good),
            "size_bytes": sum(record["dataset"]["size_bytes"] for record in good),
            "by_source": dict(Counter(Path(finding.file).parts[0] for finding in findings)),
            "by_status": dict(
                Counter(f.record["status"] for f in findings if isinstance(f.record, dict) and "status" in f.record)
            ),
        },
        "records": [finding.record for finding in findings if finding.record is not None],
    }


def _report(findings: Sequence[Finding], missing: Sequence[str], now: str) -> dict[str, Any]:
    return {
        "generated_at": now,
        "valid": not missing and not any(finding.errors for finding in findings),
        "missing_sources": list(missing),
        "records": [
            {"file": finding.file, "valid": not finding.errors, "errors": finding.errors} for finding in findings
        ],
    }
