"""How Go prints JSON values, for messages that quote them (`fmt`, verbs `%v` and `%#v`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson


def go_value(value: Any) -> str:
    """As `%v` prints it: `map[a:1 b:[x y]]`."""
    if isinstance(value, Mapping):
        return f"map[{' '.join(f'{key}:{go_value(item)}' for key, item in sorted(value.items()))}]"
    if isinstance(value, list | tuple):
        return f"[{' '.join(go_value(item) for item in value)}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)


def go_syntax(value: Any) -> str:
    """As `%#v` prints it: `map[string]interface {}{"a":1}`."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{orjson.dumps(key).decode()}:{go_syntax(item)}" for key, item in sorted(value.items()))
        return f"map[string]interface {{}}{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[]interface {{}}{{{', '.join(map(go_syntax, value))}}}"
    return orjson.dumps(value).decode() if isinstance(value, str) else go_value(value)
