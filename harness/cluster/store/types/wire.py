"""The protobuf form of the built-in kinds, in which kubectl and other Go programs send typed objects: decoded to JSON objects.

A body is the prefix `k8s\\0` and an envelope (runtime.Unknown) of type and raw message. Go's encoder writes every field that is no pointer, so a zero value
of such a field is unset, as `omitempty` makes it in JSON.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from typing import Any

import orjson

from harness.clock import SECOND, format_micro_time, format_time
from harness.cluster.store.types.schema import UNIONS, Field, Message, find_message

PREFIX = b"k8s\0"
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class Malformed(ValueError):
    """Bytes that are no message."""


def decode_body(body: bytes, message: Message) -> dict[str, Any]:
    """The object in a request body of content type application/vnd.kubernetes.protobuf. Raises Malformed."""
    if not body.startswith(PREFIX):
        raise Malformed("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    result: dict[str, Any] = {}
    raw = b""
    for number, value in _fields(body[len(PREFIX) :]):
        if number == 1 and isinstance(value, bytes):
            names = {1: "apiVersion", 2: "kind"}
            result.update(
                {names[n]: v.decode() for n, v in _fields(value) if n in names and isinstance(v, bytes) and v}
            )
        elif number == 2 and isinstance(value, bytes):
            raw = value
    return {**result, **_message(raw, message)}


def _message(data: bytes, message: Message) -> dict[str, Any]:
    by_number = {field.number: field for field in message.own}
    result: dict[str, Any] = {}
    for number, value in _fields(data):
        field = by_number.get(number)
        if field is None:
            continue
        if field.kind == "list":
            result.setdefault(field.name, []).extend(_items(field, value))
        elif field.kind == "map":
            entry = dict(_fields(_as_bytes(value)))
            key = _as_bytes(entry.get(1, b"")).decode()
            result.setdefault(field.name, {})[key] = _item(field.item, entry.get(2, b""))
        else:
            decoded = _item(field.item, value)
            if field.inline:
                result.update(decoded)
            elif field.pointer or decoded not in (None, "", 0, False, {}):
                result[field.name] = decoded
    return result


def _items(field: Field, value: int | bytes) -> Iterator[Any]:
    if isinstance(value, bytes) and field.item in {"int32", "int64", "bool"}:
        position = 0
        while position < len(value):  # packed
            number, position = _varint(value, position)
            yield _item(field.item, number)
    else:
        yield _item(field.item, value)


def _item(kind: str, value: int | bytes) -> Any:
    if kind == "string":
        return _as_bytes(value).decode()
    if kind == "bool":
        return bool(value)
    if kind in {"int32", "int64", "uint32", "uint64"}:
        return _signed(value)
    if kind == "bytes":
        return base64.b64encode(_as_bytes(value)).decode()
    if "." in kind:
        message = find_message(kind)
        found = {} if message is None else _message(_as_bytes(value), message)
        return _union(found) if kind in UNIONS else found
    if kind == "Strings":
        return [_as_bytes(entry).decode() for _, entry in _fields(_as_bytes(value))]
    if kind == "double":
        return float(struct.unpack("<d", _as_bytes(value))[0])
    return _special(kind, dict(_fields(_as_bytes(value))))


def _union(found: dict[str, Any]) -> Any:
    """What stands in JSON for a message that holds a schema or something simpler."""
    for name in ("schema", "jSONSchemas", "property"):
        if name in found:
            return found[name]
    return found.get("allows", False)


def _special(kind: str, fields: dict[int, int | bytes]) -> Any:
    if kind == "Quantity":
        return _as_bytes(fields.get(1, b"")).decode() or "0"
    if kind == "IntOrString":
        return _as_bytes(fields.get(3, b"")).decode() if fields.get(1) else _signed(fields.get(2, 0))
    if kind == "Raw":
        raw = _as_bytes(fields.get(1, b""))
        return orjson.loads(raw) if raw else None
    if kind == "Duration":
        return f"{_signed(fields.get(1, 0)) / 1_000_000_000:g}s"
    if not fields:
        return None
    instant_us = _signed(fields.get(1, 0)) * SECOND + _signed(fields.get(2, 0)) // 1000
    return format_time(instant_us) if kind == "Time" else format_micro_time(instant_us)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The (number, value) pairs of a message."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(data, position)
            yield number, value
            continue
        if wire == _BYTES:
            length, position = _varint(data, position)
        elif wire in {_FIXED64, _FIXED32}:
            length = 8 if wire == _FIXED64 else 4
        else:
            raise Malformed(f"field {number} has the unknown wire type {wire}")
        if position + length > len(data):
            raise Malformed("unexpected EOF")
        yield number, data[position : position + length]
        position += length


def _varint(data: bytes, position: int) -> tuple[int, int]:
    result = shift = 0
    while position < len(data) and shift < 70:
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7
    raise Malformed("unexpected EOF")


def _signed(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise Malformed("a number is expected, bytes were found")
    return value - (1 << 64) if value >= 1 << 63 else value


def _as_bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise Malformed("bytes are expected, a number was found")
    return value
