"""How one template invokes another, and what stops it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class ParallelismReached(Exception):
    """Nothing more may be started now."""


@dataclass(frozen=True)
class Call:
    """`boundary` is the id of the template instance that calls; `flag` becomes the node's nodeFlag; `local` are tags of the caller."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    boundary: str = ""
    on_exit: bool = False
    flag: Mapping[str, bool] | None = None
    local: Mapping[str, str] = field(default_factory=dict)
