"""How the values of a type merge: which maps, structs and lists are owned whole, which lists are sets or are merged by keys.

A shape is made from a recorded Go type, from a custom type's schema (`x-kubernetes-list-type`, `-list-map-keys`, `-map-type`) or, where there is neither,
deduced from the value: maps field by field, lists whole. Follows structured-merge-diff v6 `schema` and kube-openapi `schemaconv`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Literal

from harness.cluster.store.registry import Served
from harness.cluster.store.types import Field, Message, find_message, message_of
from harness.kube.resources import CUSTOM_RESOURCE_DEFINITIONS

Kind = Literal["scalar", "list", "map", "deduced"]
_SCALARS = {
    "string": "string",
    "bytes": "string",
    "int32": "numeric",
    "int64": "numeric",
    "uint32": "numeric",
    "uint64": "numeric",
    "double": "numeric",
    "bool": "boolean",
}
_ANY = frozenset({"Raw"})


class Shape:
    """The shape of one type. `fields` are declared, `element` is that of everything else in a map or of a list's items; neither: it may not be there."""

    __slots__ = (
        "_fields",
        "_nested",
        "atomic",
        "defaults",
        "element",
        "is_leaf",
        "keys",
        "kind",
        "make_fields",
        "scalar",
    )

    def __init__(
        self,
        kind: Kind,
        *,
        scalar: str = "untyped",
        atomic: bool = False,
        keys: tuple[str, ...] = (),
        element: Shape | None = None,
        make_fields: Callable[[], Mapping[str, Shape]] | None = None,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.scalar = scalar
        self.atomic = atomic
        self.keys = keys
        self.element = element
        self.defaults = defaults or {}
        self.make_fields = make_fields
        self.is_leaf = atomic or kind == "scalar"
        self._fields: Mapping[str, Shape] | None = None
        self._nested: Mapping[str, Shape] | None = None

    @property
    def fields(self) -> Mapping[str, Shape]:
        """The declared fields; looked up when first asked for, because types may contain themselves."""
        if self._fields is None:
            self._fields = self.make_fields() if self.make_fields is not None else {}
        return self._fields

    @property
    def nested(self) -> Mapping[str, Shape]:
        """The declared fields below which there are others."""
        if self._nested is None:
            self._nested = {name: shape for name, shape in self.fields.items() if not shape.is_leaf}
        return self._nested

    def of(self, name: str) -> Shape | None:
        """The shape of a field."""
        return self.fields.get(name, self.element)

    def for_value(self, value: Any) -> Shape:
        """This shape, or what a deduced one is for this value."""
        if self.kind != "deduced":
            return self
        if isinstance(value, Mapping):
            return DEDUCED_MAP
        return DEDUCED_LIST if isinstance(value, list | tuple) else SCALAR


SCALAR = Shape("scalar")
DEDUCED = Shape("deduced")
DEDUCED_MAP = Shape("map", element=DEDUCED)
DEDUCED_LIST = Shape("list", atomic=True, element=DEDUCED)


def shape_of(served: Served) -> Shape:
    """The shape of a served type."""
    if served.custom:
        return of_schema(served.schema)
    if served.resource == CUSTOM_RESOURCE_DEFINITIONS:
        return _DEFINITION
    message = message_of(served.resource)
    return DEDUCED_MAP if message is None else of_message(message.name)


@cache
def of_message(name: str) -> Shape:
    """The shape of a recorded Go struct."""
    message = find_message(name)
    if message is None:
        return DEDUCED

    def fields() -> Mapping[str, Shape]:
        root = {} if "apiVersion" in message.fields else {"apiVersion": SCALAR, "kind": SCALAR}
        return {**root, **{field.name: _of_field(field) for field in message.fields.values()}}

    defaults = {field.name: _key_default(field) for field in message.fields.values()}
    defaults = {key: value for key, value in defaults.items() if value is not None}
    return Shape("map", atomic=message.atomic, make_fields=fields, defaults=defaults)


def _key_default(field: Field) -> Any:
    """What stands for a key that is left out: its default, or the zero value of a field that is always written."""
    if field.default is None and field.always and not field.kind and not field.pointer:
        return "" if field.item == "string" else 0 if _SCALARS.get(field.item) == "numeric" else None
    return field.default


def _of_field(field: Field) -> Shape:
    item = _of_item(field.item)
    if field.kind == "list":
        merged = field.shape in {"map", "set"}
        return Shape("list", atomic=not merged, keys=field.keys if field.shape == "map" else (), element=item)
    if field.kind == "map":
        return Shape("map", atomic=field.shape == "atomic", element=item)
    if item.kind == "map" and field.shape in {"atomic", "granular"} and item.atomic is not (field.shape == "atomic"):
        return Shape("map", atomic=field.shape == "atomic", make_fields=lambda: item.fields, defaults=item.defaults)
    return item


def _of_item(item: str) -> Shape:
    if item in _SCALARS:
        return _scalar(_SCALARS[item])
    if "." in item:
        return of_message(item)
    if item == "Strings":
        return Shape("list", atomic=True, element=_scalar("string"))
    return DEDUCED if item in _ANY else SCALAR


@cache
def _scalar(kind: str) -> Shape:
    return Shape("scalar", scalar=kind)


def zero_of(message: Message) -> Mapping[str, Any]:
    """What Go writes of an empty struct: its structs, and what has no `omitempty`."""
    return _zero_struct(message.name)


@cache
def _zero_struct(name: str) -> Mapping[str, Any]:
    message = find_message(name)
    if message is None:
        raise LookupError(f"fixtures/facts/kubernetes-types.json has no {name}: record the types again")
    return {field.name: _zero_value(field) for field in message.fields.values() if field.always}


def _zero_value(field: Field) -> Any:
    if field.pointer or field.kind:
        return None
    inner = find_message(field.item) if "." in field.item else None
    if inner is not None:
        return _zero_struct(inner.name)
    return {"string": "", "bytes": None, "bool": False}.get(field.item, 0 if field.item in _SCALARS else None)


_META = "meta.ObjectMeta"
_CONDITIONS = Shape("list", keys=("type",), element=DEDUCED_MAP)
_DEFINITION = Shape(
    "map",
    element=DEDUCED,
    make_fields=lambda: {
        **_system(),
        "status": Shape("map", element=DEDUCED, make_fields=lambda: {"conditions": _CONDITIONS}),
    },
)
"""A CustomResourceDefinition, whose Go type is not recorded: all but its conditions merges as it would without a schema."""
NO_DEFINITION: Mapping[str, Any] = {
    "spec": {"group": "", "names": {"kind": "", "plural": ""}, "scope": "", "versions": None},
    "status": {"acceptedNames": {"kind": "", "plural": ""}, "conditions": None, "storedVersions": None},
}
"""What Go writes of an empty one."""


def of_schema(schema: Mapping[str, Any]) -> Shape:
    """The shape of a custom kind; its metadata is that of every object."""
    if not schema:
        return DEDUCED_MAP
    body = _of_schema(schema)

    def fields() -> Mapping[str, Shape]:
        return {**body.fields, **_system()}

    return Shape("map", atomic=body.atomic, element=body.element, make_fields=fields)


def _system() -> Mapping[str, Shape]:
    return {"apiVersion": _scalar("string"), "kind": _scalar("string"), "metadata": of_message(_META)}


def _of_schema(schema: Mapping[str, Any]) -> Shape:
    if schema.get("x-kubernetes-int-or-string"):
        return SCALAR
    kind = schema.get("type")
    if kind == "array":
        return _of_array(schema)
    extra: Mapping[str, Shape] = _system() if schema.get("x-kubernetes-embedded-resource") else {}
    if kind == "object" or schema.get("properties") or extra:
        return _of_object(schema, extra)
    if kind in {"integer", "number"}:
        return _scalar("numeric")
    if kind in {"string", "boolean"}:
        return _scalar(str(kind))
    return DEDUCED


def _of_object(schema: Mapping[str, Any], extra: Mapping[str, Shape]) -> Shape:
    properties: Mapping[str, Any] = schema.get("properties") or {}
    others = schema.get("additionalProperties")
    element = _of_schema(others) if isinstance(others, Mapping) else DEDUCED if others else None
    if element is None and (schema.get("x-kubernetes-preserve-unknown-fields") or not (properties or extra)):
        element = DEDUCED
    defaults = {key: rule["default"] for key, rule in properties.items() if "default" in rule}
    return Shape(
        "map",
        atomic=schema.get("x-kubernetes-map-type") == "atomic",
        element=element,
        make_fields=lambda: {**extra, **{key: _of_schema(rule) for key, rule in properties.items()}},
        defaults=defaults,
    )


def _of_array(schema: Mapping[str, Any]) -> Shape:
    items = schema.get("items")
    merged = schema.get("x-kubernetes-list-type") in {"map", "set"}
    keys: Sequence[str] = schema.get("x-kubernetes-list-map-keys") or ()
    element = _of_schema(items) if isinstance(items, Mapping) else DEDUCED
    return Shape("list", atomic=not merged, keys=tuple(keys), element=element)
