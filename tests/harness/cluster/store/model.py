"""A plain model of the store: what a dict of objects, a counter and a list of changes would do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Place = tuple[str, str]


@dataclass
class Model:
    """Objects by place, each as (version, labels, data, finalizers, deleting); every change in order."""

    objects: dict[Place, dict[str, Any]] = field(default_factory=dict)
    changes: list[tuple[str, Place, int]] = field(default_factory=list)

    def put(self, place: Place, version: int, **content: Any) -> None:
        """An object was created or changed."""
        change = "MODIFIED" if place in self.objects else "ADDED"
        self.objects[place] = {**self.objects.get(place, {}), **content, "version": version}
        self.changes.append((change, place, version))

    def remove(self, place: Place, version: int) -> None:
        """An object went."""
        del self.objects[place]
        self.changes.append(("DELETED", place, version))

    def with_label(self, key: str, value: str) -> list[Place]:
        """Where the label has the value, in order."""
        return sorted(place for place, content in self.objects.items() if content["labels"].get(key) == value)


def content_of(obj: Mapping[str, Any]) -> dict[str, Any]:
    """What the model knows of a stored object."""
    metadata = obj["metadata"]
    return {
        "version": int(metadata["resourceVersion"]),
        "labels": dict(metadata.get("labels") or {}),
        "data": dict(obj.get("data") or {}),
        "finalizers": list(metadata.get("finalizers") or ()),
        "deleting": "deletionTimestamp" in metadata,
    }
