"""The patch types of the API: JSON merge patch, JSON patch and strategic merge patch.

All are functions from the present object (frozen or not) and the patch to a new object that shares what the patch did not touch.
"""

from __future__ import annotations

from typing import Any

from harness.cluster.store.patching.json_patch import json_patch
from harness.cluster.store.patching.merge import merge_patch
from harness.cluster.store.patching.strategic import strategic_merge_patch
from harness.cluster.store.types import Message
from harness.kube.client import PatchType
from harness.kube.errors import BadRequest

__all__ = ["apply_patch", "json_patch", "merge_patch", "strategic_merge_patch"]

_TYPES = {str: "string", bool: "bool", int: "number", float: "number"}


def apply_patch(target: Any, patch: Any, kind: PatchType, message: Message | None = None) -> Any:
    """`target`, of the built-in type `message`, with `patch` applied. Raises BadRequest or Invalid when the patch itself is wrong."""
    if kind == "json":
        return json_patch(target, patch)
    if not isinstance(patch, dict):
        prefix = "error decoding patch: " if kind == "merge" else ""
        found = _TYPES.get(type(patch), "array")
        raise BadRequest(f"{prefix}json: cannot unmarshal {found} into Go value of type map[string]interface {{}}")
    return merge_patch(target, patch) if kind == "merge" else strategic_merge_patch(target, patch, message)
