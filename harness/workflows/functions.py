"""The functions of expressions, and how a value is written and compared: the part of expr-lang's and Argo's own that is known here."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from harness.workflows.errors import ExpressionError


def _as_int(value: Any) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise ExpressionError(f"asInt: {value!r} is not a whole number") from None


def _as_float(value: Any) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise ExpressionError(f"asFloat: {value!r} is not a number") from None


def plain_text(value: Any) -> str:
    """A value as a text, numbers without a needless fraction."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nil"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if isinstance(value, str) else str(value)


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "asInt": _as_int,
    "asFloat": _as_float,
    "int": _as_int,
    "float": _as_float,
    "string": plain_text,
    "len": len,
    "toJson": lambda value: json.dumps(value, separators=(",", ":")),
    "trim": lambda value: str(value).strip(),
    "lower": lambda value: str(value).lower(),
    "upper": lambda value: str(value).upper(),
}


def text_of(value: Any) -> str:
    """A value as it is put in the place of `{{=...}}`."""
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list | dict) else plain_text(value)


def kind_of(value: Any) -> str:
    """The type that decides what a value can be compared with."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else type(value).__name__
