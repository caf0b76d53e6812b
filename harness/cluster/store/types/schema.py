"""The Go types of the built-in kinds as data: which fields each has, of which type, and by which key its lists merge.

Recorded from upstream's definitions (fixtures/facts/kubernetes-types.json, see `record`). One description serves decoding JSON as Go does (`decode`), the
protobuf form (`wire`), strategic merge patches and OpenAPI.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import orjson

import fixtures.facts
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource

FACTS = Path(fixtures.facts.__file__).parent / "kubernetes-types.json"
_MAIN_VERSIONS = {"metrics.k8s.io": "v1beta1"}

UNIONS: Mapping[str, type] = {
    "apiextensions.JSONSchemaPropsOrBool": bool,
    "apiextensions.JSONSchemaPropsOrArray": list,
    "apiextensions.JSONSchemaPropsOrStringArray": list,
}
"""Messages that stand in JSON for a schema or for a value of the type named here."""


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
    always: bool = False  # written although empty
    shape: str = ""  # "atomic", "set", "map" or "granular", as server-side apply merges a list or map
    keys: tuple[str, ...] = ()  # of a list that is merged as a map
    default: Any = None  # of a key that is left out


@dataclass(frozen=True, slots=True)
class Message:
    """One Go struct; `fields` are those of its JSON form, inlined ones in their place."""

    name: str
    own: tuple[Field, ...]
    fields: Mapping[str, Field]
    atomic: bool = False  # server-side apply owns it whole

    @property
    def go_name(self) -> str:
        """As in a decoder's error."""
        return self.name.rpartition(".")[2]


@cache
def message_of(resource: Resource) -> Message | None:
    """The type of a built-in kind; None for those that are not recorded (definitions, custom kinds)."""
    if resource == CUSTOM_RESOURCE_DEFINITIONS:
        return None
    package = resource.group.partition(".")[0] or "core"
    if resource.version != _MAIN_VERSIONS.get(resource.group, "v1"):
        package = f"{package}/{resource.version}"
    return find_message(f"{package}.{resource.kind}")


@cache
def find_message(name: str) -> Message | None:
    """The message of a name, e.g. `core.PodSpec`."""
    rows = _recorded()["messages"].get(name)
    if rows is None:
        return None
    own = tuple(_field(row) for row in rows)
    fields: dict[str, Field] = {}
    for field in own:
        inner = find_message(field.item) if field.inline else None
        fields.update(inner.fields if inner is not None else {field.name: field})
    return Message(name, own, fields, name in _recorded()["atomic"])


def _field(row: list[Any]) -> Field:
    number, name, kind = int(row[0]), str(row[1]), str(row[2])
    bare = kind.lstrip("*!")
    shape = "list" if bare.startswith("[]") else "map" if bare.startswith("map:") else ""
    traits: Mapping[str, Any] = row[3] if len(row) > 3 else {}
    return Field(
        number,
        name.removeprefix("~"),
        shape,
        bare.removeprefix("[]").removeprefix("map:"),
        inline=name.startswith("~"),
        pointer=kind.startswith("*"),
        merge_key=traits.get("merge"),
        always="!" in kind,
        shape=traits.get("type", ""),
        keys=tuple(traits.get("keys", ())),
        default=traits.get("default"),
    )


@lru_cache(maxsize=1)
def _recorded() -> Mapping[str, Any]:
    recorded: Mapping[str, Any] = orjson.loads(FACTS.read_bytes())
    return recorded
