"""The schema of a record (JSON Schema draft-07), with its formats enforced: uuid, date-time, date and uri."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

import jsonschema_rs


@lru_cache
def schema() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files(__package__).joinpath("schema.json").read_text())
    return document


@lru_cache
def _validator() -> jsonschema_rs.Draft7Validator:
    # Draft 7 leaves formats to the reader, and has no uuid: without these two a malformed id is valid.
    return jsonschema_rs.Draft7Validator(schema(), validate_formats=True, formats={"uuid": _is_uuid})


def _is_uuid(text: str) -> bool:
    parts = text.split("-")
    return [len(part) for part in parts] == [8, 4, 4, 4, 12] and all(
        letter in "0123456789abcdefABCDEF" for part in parts for letter in part
    )


def errors_of(record: object) -> list[str]:
    """Every error of a record, as `place: finding`; none when it is valid."""
    found = []
    for error in _validator().iter_errors(record):
        place = "/".join(str(part) for part in error.instance_path) or "record"
        found.append(f"{place}: {error.message}")
    return sorted(found)
