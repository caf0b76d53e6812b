"""The Go types of the built-in kinds as data: which fields each has, of which type, and by which key its lists merge.

Recorded from upstream's definitions (fixtures/facts/kubernetes-types.json, see `record`). One description serves decoding JSON as Go does (`decode`), the
protobuf form (`wire`), strategic merge patches and OpenAPI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import orjson

import fixtures.facts
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource

FACTS = Path(fixtures.facts.__file__).parent / "kubernetes-types.json"
_PACKAGES = {
    "": "core",
    "rbac.authorization.k8s.io": "rbac",
    "scheduling.k8s.io": "scheduling",
    "storage.k8s.io": "storage",
    "coordination.k8s.io": "coordination",
    "authorization.k8s.io": "authorization",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One field. `item` is the element's type of a list or a map; `merge_key` is None where a patch replaces the list, empty where it is a set."""

    number: int
    name: str
    kind: str  # "", "list" or "map"
    item: str  # a scalar, a special type or the name of a message
    inline: bool = False
    pointer: bool = False  # unset and zero differ
    merge_key: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One Go struct; `fields` are those of its JSON form, inlined ones in their place."""

    name: str
    own: tuple[Field, ...]
    fields: Mapping[str, Field]

    @property
    def go_name(self) -> str:
        """As in a decoder's error."""
        return self.name.rpartition(".")[2]


def message_of(resource: Resource) -> Message | None:
    """The type of a built-in kind; None for those that are not recorded (definitions, custom kinds)."""
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        return None
    package = _PACKAGES.get(resource.group, resource.group)
    return find_message(f"{package}.{resource.kind}")


@cache
def find_message(name: str) -> Message | None:
    """The message of a name, e.g. `core.PodSpec`."""
    rows = _recorded().get(name)
    if rows is None:
        return None
    own = tuple(_field(row) for row in rows)
    fields: dict[str, Field] = {}
    for field in own:
        inner = find_message(field.item) if field.inline else None
        fields.update(inner.fields if inner is not None else {field.name: field})
    return Message(name, own, fields)


def _field(row: list[object]) -> Field:
    number, name, kind = int(str(row[0])), str(row[1]), str(row[2]).removeprefix("*")
    shape = "list" if kind.startswith("[]") else "map" if kind.startswith("map:") else ""
    item = kind.removeprefix("[]").removeprefix("map:")
    key = str(row[3]) if len(row) > 3 else None
    return Field(number, name.removeprefix("~"), shape, item, name.startswith("~"), str(row[2]).startswith("*"), key)


@lru_cache(maxsize=1)
def _recorded() -> Mapping[str, list[list[object]]]:
    messages: Mapping[str, list[list[object]]] = orjson.loads(FACTS.read_bytes())["messages"]
    return messages
