"""JSON merge patch, RFC 7386."""

from __future__ import annotations

from typing import Any

from harness.kube.objects import LEAVES, OBJECTS


def merge_patch(target: Any, patch: Any) -> Any:
    """`target` with `patch` merged in: objects merge, null removes, everything else replaces."""
    if type(patch) in LEAVES or not isinstance(patch, OBJECTS):
        return patch
    result = dict(target) if isinstance(target, OBJECTS) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
            continue
        before = result.get(key)
        if value is not before:  # a writer that sends what it did not change sends the stored value itself
            result[key] = merge_patch(before, value)
    return result
