"""OpenAPI v2 in protobuf, which is the only form in which kubectl and client-go ask for it (gnostic `openapiv2/OpenAPIv2.proto`).

Only what a definition here can hold: schemas with their types, references, properties, items, requirements and extensions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
CONTENT_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
_LENGTH_DELIMITED = 2


def encode(document: Mapping[str, Any]) -> bytes:
    """A Document of swagger, info and definitions."""
    info = _text(1, document["info"]["title"]) + _text(2, document["info"]["version"])
    definitions = b"".join(_part(1, _named(name, schema)) for name, schema in document["definitions"].items())
    return _text(1, document["swagger"]) + _part(2, info) + _part(8, b"") + _part(9, definitions)


def _schema(schema: Mapping[str, Any]) -> bytes:
    texts = ((1, "$ref"), (2, "format"), (4, "description"))
    body = b"".join(_text(number, schema[key]) for number, key in texts if isinstance(schema.get(key), str))
    body += b"".join(_text(19, name) for name in schema.get("required") or ())
    body += b"".join(_part(20, _any(value)) for value in schema.get("enum") or ())
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        body += _part(21, _part(1, _schema(additional)))
    elif additional is not None:
        body += _part(21, _number(2, int(additional)))
    if isinstance(schema.get("type"), str):
        body += _part(22, _text(1, schema["type"]))
    if isinstance(schema.get("items"), Mapping):
        body += _part(23, _part(1, _schema(schema["items"])))
    if isinstance(schema.get("properties"), Mapping):
        properties = b"".join(_part(1, _named(name, value)) for name, value in schema["properties"].items())
        body += _part(25, properties)
    extensions = [(key, value) for key, value in schema.items() if key.startswith("x-")]
    return body + b"".join(_part(31, _text(1, key) + _part(2, _any(value))) for key, value in extensions)


def _named(name: str, schema: Mapping[str, Any]) -> bytes:
    return _text(1, name) + _part(2, _schema(schema))


def _any(value: Any) -> bytes:
    """A value as YAML, of which JSON is a part."""
    return _text(2, orjson.dumps(value).decode() + "\n")


def _text(number: int, text: str) -> bytes:
    return _part(number, text.encode())


def _part(number: int, body: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH_DELIMITED) + _varint(len(body)) + body


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value)


def _varint(value: int) -> bytes:
    return bytes(_digits(value))


def _digits(value: int) -> Iterable[int]:
    while value > 0x7F:
        yield value & 0x7F | 0x80
        value >>= 7
    yield value
