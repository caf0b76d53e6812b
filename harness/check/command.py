"""`harness check PATH [--as-of DATE]`: prints what is wrong, a line each, sorted by place; 0 nothing, 1 findings, 2 the path or the date cannot be read."""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

from harness.check.model import load
from harness.check.reading import Unreadable
from harness.check.rules import findings


def check(path: Path, *, as_of: str | None = None) -> int:
    """Judge the plan below `path` as of a day, by default today: here alone the wall clock is read."""
    try:
        day = datetime.date.fromisoformat(as_of) if as_of else datetime.datetime.now(tz=datetime.UTC).date()
    except ValueError:
        print(f"harness check: --as-of {as_of!r} is not a day, write it like 2026-11-23", file=sys.stderr)
        return 2
    try:
        found = findings(load(path), day)
    except Unreadable as error:
        print(f"harness check: {error}", file=sys.stderr)
        return 2
    for finding in found:
        print(finding)
    return 1 if found else 0
