"""JSON to objects as Go reads and writes them.

Types are checked; null, empty and zero values that Go leaves out (`omitempty`) vanish, and what it always writes (`status: {}`, `rules: null`) is there;
unknown fields vanish and are named. Each message is compiled once to a function, because every write passes here. Texts are those of Kubernetes 1.34 where
they do not depend on byte positions. A value that equals what is stored at its place has passed here already and is taken from there.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from harness.clock import parse_time
from harness.cluster.store.types.schema import UNIONS, Field, Message, find_message
from harness.kube.amounts import canonical
from harness.kube.objects import OBJECTS, thaw
from harness.kube.quantity import parse

_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_INTEGERS = frozenset({"int32", "int64", "uint32", "uint64"})
_ARRAY = (list, tuple)
_META = ("apiVersion", "kind")
_INT32_MAX = 2**31 - 1
Convert = Callable[[Any, list[str], Any], Any]
"""Turns a value; adds to the list the paths of unknown fields below it; the third is what is stored at its place, or None."""


class Undecodable(ValueError):
    """A value that Go's decoder refuses; the message is its text."""


class _Mismatch(Exception):
    """A value of another type. Grows its path on the way out."""

    def __init__(self, item: Any, wanted: str) -> None:
        self.item = item
        self.wanted = wanted
        self.owner = ""
        self.path: list[str] = []

    def text(self) -> str:
        path = ".".join(reversed(self.path))
        found = _json_type(self.item)
        return f"json: cannot unmarshal {found} into Go struct field {self.owner}.{path} of type {self.wanted}"


def decode(
    message: Message, value: Mapping[str, Any], unknown: list[str], known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A copy of `value` that can be changed, in the form in which Go would write it; the paths of unknown fields go to `unknown`.

    With `known`, a decoded object of the same message, the parts that equal its own are shared with it. Raises Undecodable.
    """
    try:
        result: dict[str, Any] = _compiled(message.name)(value, unknown, known)
    except _Mismatch as error:
        raise Undecodable(error.text()) from error
    for key in _META:
        if key in value and key not in message.fields:
            unknown.remove(key)
            if value[key] is not None and not isinstance(value[key], str):
                raise Undecodable(
                    f"json: cannot unmarshal {_json_type(value[key])} into Go struct field TypeMeta.{key} of type string"
                )
            if value[key]:
                result[key] = value[key]
    return result


def zero(message: Message) -> dict[str, Any]:
    """The message with nothing set, as Go writes it."""
    return {field.name: _zero_of(field) for field in message.fields.values() if field.always}


def _zero_of(field: Field) -> Any:
    if field.kind or field.item in {"Time", "MicroTime", "Raw"} or field.pointer:
        return None
    if "." in field.item:
        inner = find_message(field.item)
        return {} if inner is None else zero(inner)
    if field.item in {"Quantity", "Duration"}:
        return "0"
    return {"string": "", "bool": False, "bytes": None}.get(field.item, 0)


@cache
def _compiled(name: str) -> Convert:
    message = find_message(name)
    if message is None:
        raise LookupError(f"no message {name}: record the types again")
    plan = {field.name: _converter(field) for field in message.fields.values()}
    kept = frozenset(f.name for f in message.fields.values() if f.always or (f.pointer and not f.kind) or _is_struct(f))
    always = tuple((field.name, _zero_of(field)) for field in message.fields.values() if field.always)
    nested = frozenset(name for name, default in always if isinstance(default, dict) and default)
    collections = frozenset(f.name for f in message.fields.values() if f.kind)  # storage turns empty ones into null
    texts = frozenset(field.name for field in message.fields.values() if field.item == "string" and not field.kind)
    owner = message.go_name

    def run(value: Any, unknown: list[str], known: Any) -> dict[str, Any]:
        result: dict[str, Any] = {}
        count = len(unknown)
        before = None
        for key, item in value.items():
            if type(item) is str and key in texts:  # most fields of most objects
                if item or key in kept:
                    result[key] = item
                continue
            if known is not None:
                before = known.get(key)
                if before is not None and before == item:
                    result[key] = before
                    continue
            convert = plan.get(key)
            if convert is None:
                unknown.append(key)
                count += 1
            elif item is not None:
                try:
                    decoded = convert(item, unknown, before)
                except _Mismatch as error:
                    error.path.append(key)
                    error.owner = error.owner or owner
                    raise
                if unknown and len(unknown) > count:
                    _prefix(unknown, count, key)
                    count = len(unknown)
                if decoded or key in kept:
                    result[key] = decoded
        for key, default in always:
            if key not in result or (default is None and not result[key] and key in collections):
                result[key] = {} if default == {} else thaw(default) if key in nested else default
        return result

    return run


def _is_struct(field: Field) -> bool:
    """A struct is written even when it is empty; an empty pointer to one, too."""
    return not field.kind and ("." in field.item or field.item in {"Raw", "IntOrString"})


def _prefix(unknown: list[str], count: int, key: str) -> None:
    for position in range(count, len(unknown)):
        path = unknown[position]
        unknown[position] = f"{key}{path}" if path.startswith("[") else f"{key}.{path}"


def _converter(field: Field) -> Convert:
    convert = _item(field.item)
    wanted = _go_type(field.item)
    if field.kind == "list":

        def read_list(item: Any, unknown: list[str], known: Any) -> Any:
            if not isinstance(item, _ARRAY):
                raise _Mismatch(item, f"[]{wanted}")
            result = []
            there = 0 if known is None else len(known)
            for position, entry in enumerate(item):
                before = known[position] if position < there else None
                if before is not None and before == entry:
                    result.append(before)
                    continue
                count = len(unknown)
                result.append(convert(entry, unknown, before))
                if len(unknown) > count:
                    _prefix(unknown, count, f"[{position}]")
            return result

        return read_list
    if field.kind == "map":
        is_text = field.item == "string"

        def read_map(item: Any, unknown: list[str], _known: Any) -> Any:
            if not isinstance(item, OBJECTS):
                raise _Mismatch(item, f"map[string]{wanted}")
            if is_text and all(type(entry) is str for entry in item.values()):
                return dict(item)
            result = {}
            for key, entry in item.items():
                count = len(unknown)
                result[key] = "" if is_text and entry is None else convert(entry, unknown, None)
                if len(unknown) > count:
                    _prefix(unknown, count, key)
            return result

        return read_map
    return convert


@cache
def _item(kind: str) -> Convert:
    if kind == "string":
        return _string
    if kind in _INTEGERS:
        return _integer(kind)
    if "." in kind:
        return _message(kind)
    return _SPECIAL[kind]


def _message(kind: str) -> Convert:
    wanted, union = _go_type(kind), UNIONS.get(kind)
    name = kind if union is None else "apiextensions.JSONSchemaProps"
    found: list[Convert] = []

    def read(item: Any, unknown: list[str], known: Any) -> Any:
        if not isinstance(item, OBJECTS):
            if union is not None and isinstance(item, union):
                return thaw(item)
            raise _Mismatch(item, wanted)
        if not found:
            found.append(_compiled(name))
        return found[0](item, unknown, known)

    return read


def _string(item: Any, _unknown: list[str], _known: Any) -> str:
    if isinstance(item, str):
        return item
    raise _Mismatch(item, "string")


def _integer(kind: str) -> Convert:
    def read(item: Any, _unknown: list[str], _known: Any) -> int:
        if isinstance(item, int) and not isinstance(item, bool):
            return item
        if isinstance(item, float) and item.is_integer():
            return int(item)
        raise _Mismatch(item, kind)

    return read


def _bool(item: Any, _unknown: list[str], _known: Any) -> bool:
    if isinstance(item, bool):
        return item
    raise _Mismatch(item, "bool")


def _double(item: Any, _unknown: list[str], _known: Any) -> float:
    if isinstance(item, int | float) and not isinstance(item, bool):
        return item
    raise _Mismatch(item, "float64")


def _quantity(item: Any, _unknown: list[str], _known: Any) -> Any:
    try:
        parse(item)
    except ValueError as error:
        raise Undecodable(_QUANTITY) from error
    return canonical(item)


def _int_or_string(item: Any, _unknown: list[str], _known: Any) -> Any:
    if isinstance(item, str | int) and not isinstance(item, bool):
        return item
    raise _Mismatch(item, "int32")


def _bytes(item: Any, _unknown: list[str], _known: Any) -> str:
    if not isinstance(item, str):
        raise _Mismatch(item, "[]uint8")
    try:
        base64.b64decode(item, validate=True)
    except binascii.Error as error:
        raise Undecodable(f"illegal base64 data at input byte {_first_illegal(item)}") from error
    return item


def _first_illegal(text: str) -> int:
    alphabet = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    body = text.rstrip("=")
    wrong = next((position for position, mark in enumerate(body) if mark not in alphabet), None)
    return wrong if wrong is not None else len(text) if len(text) % 4 else len(body)


def _time(item: Any, unknown: list[str], _known: Any) -> str:
    text = _string(item, unknown, None)
    try:
        parse_time(text)
    except ValueError as error:
        raise Undecodable(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}"') from error
    return text


def _strings(item: Any, unknown: list[str], _known: Any) -> list[str]:
    if not isinstance(item, _ARRAY):
        raise _Mismatch(item, "[]string")
    return [_string(entry, unknown, None) for entry in item]


_SPECIAL: Mapping[str, Convert] = {
    "bool": _bool,
    "double": _double,
    "Quantity": _quantity,
    "IntOrString": _int_or_string,
    "bytes": _bytes,
    "Time": _time,
    "MicroTime": _time,
    "Duration": _string,
    "Strings": _strings,
    "Raw": lambda item, _unknown, _known: thaw(item),
}


def _go_type(kind: str) -> str:
    if kind == "bytes":
        return "[]uint8"
    if "." in kind or kind in {"Time", "MicroTime"}:
        return f"v1.{kind.rpartition('.')[2]}"
    return {"Quantity": "resource.Quantity", "IntOrString": "intstr.IntOrString", "double": "float64"}.get(kind, kind)


def _json_type(item: Any) -> str:
    if isinstance(item, bool):
        return "bool"
    if isinstance(item, int | float):
        return "number"
    if isinstance(item, str):
        return "string"
    if item is None:
        return "null"
    return "array" if isinstance(item, _ARRAY) else "object"
