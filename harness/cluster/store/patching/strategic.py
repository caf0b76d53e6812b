"""Strategic merge patch of a recorded type: which lists merge, and by which key, is in fixtures/facts/kubernetes-types.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.cluster.store.types import Message, find_message
from harness.kube.strategic import strategic_merge


class RecordedSchema:
    """Implements `harness.kube.strategic.MergeSchema` for a message."""

    def __init__(self, message: Message) -> None:
        self._message = message

    def inner(self, field: str) -> RecordedSchema | None:
        """The rules of a field's struct or items."""
        found = self._message.fields.get(field)
        message = find_message(found.item) if found is not None and found.kind != "map" else None
        return None if message is None else RecordedSchema(message)

    def merge_key(self, field: str) -> str | None:
        """The key of a list."""
        found = self._message.fields.get(field)
        return None if found is None else found.merge_key


def strategic_merge_patch(target: Any, patch: Mapping[str, Any], message: Message | None) -> Any:
    """`target`, an object of type `message`, with `patch` merged in."""
    return strategic_merge(target, patch, None if message is None else RecordedSchema(message))
