"""JSON merge patch, RFC 7386."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with `patch` merged in: objects merge, null removes, everything else replaces."""
    if not isinstance(patch, dict | Mapping):
        return patch
    result = dict(target) if isinstance(target, dict | Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result
