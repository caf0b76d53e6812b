"""JSON to objects as Go's decoder does it: types are checked, null and empty lists are unset, unknown fields vanish or (strict) are refused.

Texts are those of Kubernetes 1.34 where they do not depend on byte positions.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from harness.clock import parse_time
from harness.cluster.store.amounts import canonical
from harness.cluster.store.types.schema import UNIONS, Field, Message, find_message
from harness.kube.objects import thaw
from harness.kube.quantity import parse

_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_SCALARS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "int32": (int,),
    "int64": (int,),
    "uint32": (int,),
    "uint64": (int,),
    "bool": (bool,),
    "double": (int, float),
}
_META = frozenset({"apiVersion", "kind"})


class Undecodable(ValueError):
    """A value that Go's decoder refuses; the message is its text."""


def decode(message: Message, value: Mapping[str, Any], unknown: list[str]) -> dict[str, Any]:
    """A copy of `value` that can be changed, without nulls and unknown fields; the paths of these go to `unknown`.

    Raises Undecodable.
    """
    return _message(message, value, "", "", unknown)


def _message(message: Message, value: Mapping[str, Any], path: str, where: str, unknown: list[str]) -> dict[str, Any]:
    """`path` has no positions, as in type errors; `where` has them, as in the errors of strict decoding."""
    result: dict[str, Any] = {}
    for key, item in value.items():
        field = message.fields.get(key)
        if field is None:
            if key in _META and not path:
                result[key] = _scalar("string", item, message, key)
            else:
                unknown.append(f"{where}.{key}" if where else key)
        elif item is not None:
            here = f"{path}.{key}" if path else key
            decoded = _value(field, item, message, here, f"{where}.{key}" if where else key, unknown)
            if not field.kind or decoded:  # an empty list or map is unset: Go's `omitempty`
                result[key] = decoded
    return result


def _value(field: Field, item: Any, owner: Message, path: str, where: str, unknown: list[str]) -> Any:
    if field.kind == "list":
        if not isinstance(item, list | tuple):
            raise _mismatch(item, owner, path, f"[]{_go_type(field.item)}")
        return [_item(field.item, entry, owner, path, f"{where}[{i}]", unknown) for i, entry in enumerate(item)]
    if field.kind == "map":
        if not isinstance(item, Mapping):
            raise _mismatch(item, owner, path, f"map[string]{_go_type(field.item)}")
        if field.item == "string":
            return {key: _scalar("string", "" if entry is None else entry, owner, path) for key, entry in item.items()}
        return {key: _item(field.item, entry, owner, path, f"{where}.{key}", unknown) for key, entry in item.items()}
    return _item(field.item, item, owner, path, where, unknown)


def _item(kind: str, item: Any, owner: Message, path: str, where: str, unknown: list[str]) -> Any:
    if kind in _SCALARS:
        return _scalar(kind, item, owner, path)
    if "." not in kind:
        return _special(kind, item, owner, path)
    if kind in UNIONS:
        if isinstance(item, UNIONS[kind]):
            return thaw(item)
        kind = "apiextensions.JSONSchemaProps"
    message = find_message(kind)
    if not isinstance(item, Mapping):
        raise _mismatch(item, owner, path, _go_type(kind))
    return dict(item) if message is None else _message(message, item, path, where, unknown)


def _scalar(kind: str, item: Any, owner: Message, path: str) -> Any:
    if isinstance(item, _SCALARS[kind]) and (kind == "bool" or not isinstance(item, bool)):
        return item
    if kind in {"int32", "int64"} and isinstance(item, float) and item.is_integer():
        return int(item)
    raise _mismatch(item, owner, path, kind)


def _special(kind: str, item: Any, owner: Message, path: str) -> Any:
    if kind == "Quantity":
        try:
            parse(item)
        except ValueError as error:
            raise Undecodable(_QUANTITY) from error
        return canonical(item)
    if kind == "IntOrString":
        if isinstance(item, str | int) and not isinstance(item, bool):
            return item
        raise _mismatch(item, owner, path, "int32")
    if kind == "bytes":
        text = _scalar("string", item, owner, path)
        try:
            base64.b64decode(text, validate=True)
        except binascii.Error as error:
            raise Undecodable(f"illegal base64 data in {path}: {error}") from error
        return text
    if kind in {"Time", "MicroTime"}:
        text = _scalar("string", item, owner, path)
        try:
            parse_time(text)
        except ValueError as error:
            raise Undecodable(f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}"') from error
        return text
    if kind == "Duration":
        return _scalar("string", item, owner, path)
    if kind == "Strings":
        if not isinstance(item, list | tuple):
            raise _mismatch(item, owner, path, "[]string")
        return [_scalar("string", entry, owner, path) for entry in item]
    return thaw(item)


def _mismatch(item: Any, owner: Message, path: str, wanted: str) -> Undecodable:
    return Undecodable(
        f"json: cannot unmarshal {_json_type(item)} into Go struct field {owner.go_name}.{path} of type {wanted}"
    )


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
    return "array" if isinstance(item, list | tuple) else "object"
