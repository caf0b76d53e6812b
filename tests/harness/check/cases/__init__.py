"""For each rule, small plans in which it finds something (renamed or reshaped from what it was written for) and near misses in which it does not.

A plan is a dictionary of files; text stands as it is, anything else becomes YAML.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Files = Mapping[str, Any]


@dataclass(frozen=True)
class Cases:
    """`found` maps a title to files and the places of the findings, `silent` a title to files."""

    found: Mapping[str, tuple[Files, list[str]]]
    silent: Mapping[str, Files]
