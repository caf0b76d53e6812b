"""What Go's decoders say of a body that they cannot read, as clients see it (encoding/json `scanner.go`; apiserver `rest.transformDecodeError`)."""

from __future__ import annotations

import json
from typing import Any

_SHOWN_BYTES_MAX = 30
_LITERALS = {"t": "true", "f": "false", "n": "null"}
_KINDS: tuple[tuple[type, str], ...] = ((bool, "bool"), (str, "string"), (list, "array"), (dict, "object"))
_TYPE_META = r"""struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }"""


def json_error(body: bytes) -> str:
    """Why these bytes are no JSON."""
    text = body.decode(errors="replace")
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        at, why = error.pos, error.msg
    else:
        return "invalid character after top-level value"  # what Python's reader takes and ours does not: NaN, a lone surrogate
    if why == "Expecting value" and text[at : at + 1] in _LITERALS:
        return _literal_error(text, at)
    if at >= len(text.rstrip()) or why.startswith("Unterminated string"):
        return "unexpected end of JSON input"
    return f"invalid character {_quoted(text[at])} {_place(text, at, why)}"


def unmarshal_error(value: Any) -> str:
    """Why a JSON value is no object of the API."""
    return f"json: cannot unmarshal {kind_of(value)} into Go value of type {_TYPE_META}"


def kind_of(value: Any) -> str:
    """What encoding/json calls a value."""
    return next((name for kind, name in _KINDS if isinstance(value, kind)), "number")


def value(item: Any) -> str:
    """A JSON value as fmt prints it."""
    if isinstance(item, dict):
        return f"map[{' '.join(f'{key}:{value(item[key])}' for key in sorted(item))}]"
    if isinstance(item, list):
        return f"[{' '.join(map(value, item))}]"
    if item is None:
        return "<nil>"
    return str(item).lower() if isinstance(item, bool) else str(item)


def quoted(text: str) -> str:
    """A string as `%q` prints it."""
    return json.dumps(text, ensure_ascii=False)


def summary(body: bytes) -> str:
    """The beginning of a body, as text if it may be an object, else in hexadecimal digits."""
    if not body:
        return "<empty>"
    more = " ..." if len(body) > _SHOWN_BYTES_MAX else ""
    begin = body[:_SHOWN_BYTES_MAX]
    return (begin.decode(errors="replace") if body.startswith(b"{") else begin.hex()) + more


def _literal_error(text: str, at: int) -> str:
    wanted = _LITERALS[text[at]]
    for position, expected in enumerate(wanted):
        found = text[at + position : at + position + 1]
        if not found:
            break
        if found != expected:
            return f"invalid character {_quoted(found)} in literal {wanted} (expecting {_quoted(expected)})"
    return "unexpected end of JSON input"


def _place(text: str, at: int, why: str) -> str:
    if why.startswith("Expecting property name"):
        return "looking for beginning of object key string"
    if why.startswith("Expecting ':'"):
        return "after object key"
    if why.startswith("Expecting ','"):
        return "after object key:value pair" if _is_in_object(text[:at]) else "after array element"
    if why.startswith("Extra data"):
        return "after top-level value"
    if why.startswith("Invalid control character"):
        return "in string literal"
    if why.startswith("Invalid \\escape"):
        return "in string escape code"
    return "looking for beginning of value"


def _is_in_object(text: str) -> bool:
    """Whether the innermost bracket that is open at the end of `text` is a brace."""
    is_open: list[str] = []
    is_string = is_escaped = False
    for character in text:
        if is_escaped:
            is_escaped = False
        elif is_string:
            is_escaped, is_string = character == "\\", character != '"'
        elif character == '"':
            is_string = True
        elif character in "{[":
            is_open.append(character)
        elif character in "}]":
            is_open.pop()
    return is_open[-1:] == ["{"]


def _quoted(character: str) -> str:
    if character == "'":
        return r"'\''"
    if character == '"':
        return "'\"'"
    return f"'{character.encode('unicode_escape').decode() if not character.isprintable() else character}'"
