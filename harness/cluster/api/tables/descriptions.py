"""What the columns of the built-in kinds mean, as the real API server says in a Table; recorded by `python -m tests.conformance.record.definitions`."""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import orjson

import fixtures.facts

FACTS = Path(fixtures.facts.__file__).parent / "kubernetes-columns.json.xz"


def of_columns(group_resource: str) -> Mapping[str, str]:
    """Column -> description; empty for a type that was not recorded."""
    return _recorded().get(group_resource, {})


@cache
def _recorded() -> Mapping[str, Mapping[str, str]]:
    columns: Mapping[str, Mapping[str, str]] = orjson.loads(lzma.decompress(FACTS.read_bytes()))["columns"]
    return columns
