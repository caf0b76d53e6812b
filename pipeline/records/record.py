"""The record of a data set through its life: pure functions from a record to the next one.

    pending -> processing -> saving-data -> complete
                                  any of them -> failed, cancelled

A record has one id for each version of the source data (uuid5), so that a rerun continues the same record and a new version
of the data gets another.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID, uuid5

from pipeline import __version__

Record = dict[str, Any]

_NAMESPACE: Final = UUID("b2f6a7a4-6f0e-5d4f-9a57-0f2d6f0a3c11")


def record_id(source: str, source_id: str, version: str | None) -> str:
    return str(uuid5(_NAMESPACE, "/".join((source, source_id, version or "unknown"))))


def pending(source: str, source_id: str, now: str) -> Record:
    """The first record, before the source was asked anything."""
    return {
        "id": record_id(source, source_id, None),
        "source": source,
        "source_id": source_id,
        "status": "pending",
        "created_at": now,
        "updated_at": now,
        "metadata": {"core": {"description": f"{source} {source_id}, not described yet"}},
    }


def stepped(record: Record, status: str, now: str, *, step: str, percentage: int) -> Record:
    """Processing or saving: what is being done, and how far it is."""
    rest = {key: value for key, value in record.items() if key != "error"}
    progress = {"percentage": percentage, "current_step": step}
    return {**rest, "status": status, "updated_at": now, "progress": progress}


def described(record: Record, version: str, metadata: Mapping[str, Any], now: str) -> Record:
    """The source said what it offers. Another version than the one recorded so far starts a new record."""
    new_id = record_id(record["source"], record["source_id"], version)
    kept = dict(record) if record["id"] == new_id else {**pending(record["source"], record["source_id"], now)}
    return stepped(
        {**kept, "id": new_id, "metadata": dict(metadata)}, "processing", now, step="described", percentage=0
    )


def failed(record: Record, now: str, *, message: str, traceback: str, retry_count: int) -> Record:
    error = {"message": message, "traceback": traceback, "retry_count": retry_count}
    return {**record, "status": "failed", "updated_at": now, "error": error}


def cancelled(record: Record, now: str) -> Record:
    return {**record, "status": "cancelled", "updated_at": now}


def complete(record: Record, now: str, *, facts: Mapping[str, Any], url: str, prefix: str, root_sha256: str) -> Record:
    """The data set is there; everything is taken from its root metadata, whoever wrote it."""
    done = stepped(record, "complete", now, step="complete", percentage=100)
    return {
        **done,
        "metadata": from_facts(facts),
        "files": {"volume": url, "metadata": f"{url}/zarr.json"},
        "dataset": {
            "url": url,
            "prefix": prefix,
            "digest": facts["digest"],
            "root_sha256": root_sha256,
            "size_bytes": facts["size_bytes"],
            "objects": facts["objects"],
        },
        "additional_metadata": {
            "axes": "zyx",
            "title": facts["title"],
            "levels": facts["levels"],
            "source_version": facts["source_version"],
            "provenance": facts["provenance"],
        },
    }


def from_facts(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The `metadata` part, from what the root says (or, before there is one, from what the source said)."""
    z, y, x = facts["voxel_size_nm"]
    core = {
        "description": facts["description"],
        "volume_shape": facts["shape"],
        "voxel_size_nm": {"x": x, "y": y, "z": z},
        "data_type": facts["data_type"],
        "modality": facts["modality"],
    }
    if facts.get("imaging_start_date"):
        core["imaging_start_date"] = facts["imaging_start_date"]
    provenance = {"download_url": facts["download_url"], "processing_pipeline": f"em-pipeline {__version__}"}
    dimensions = [size * count for size, count in zip(facts["voxel_size_nm"], facts["shape"], strict=True)]
    technical = {"dtype": facts["data_type"], "dimensions_nm": dimensions, "compression": "zarr"}
    if "digest" not in facts:
        return {"core": core, "technical": technical, "provenance": provenance}
    statistics = facts["statistics"]
    return {
        "core": core,
        "technical": {
            **technical,
            "file_size_bytes": facts["size_bytes"],
            "sha256": facts["digest"],
            "chunk_size": [facts["chunk_edge"]] * 3,
            "global_mean": statistics["mean"],
        },
        "provenance": {**provenance, "processing_pipeline": f"em-pipeline {facts['pipeline_version']}"},
        "quality": {"completeness_score": 1.0, "validation_errors": [], "metrics": dict(statistics)},
    }
