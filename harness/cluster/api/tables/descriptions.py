"""What the columns of the built-in kinds mean, as the real API server says in a Table; recorded by `python -m tests.conformance.record.definitions`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from fixtures.facts import packed


def of_columns(group_resource: str) -> Mapping[str, str]:
    """Column -> description; empty for a type that was not recorded."""
    return _recorded().get(group_resource, {})


@cache
def _recorded() -> Mapping[str, Mapping[str, str]]:
    columns: Mapping[str, Mapping[str, str]] = packed("kubernetes-columns")["columns"]
    return columns
