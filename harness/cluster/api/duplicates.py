"""Keys that a JSON body has twice: the last one counts, and a client is told, as Kubernetes' reader tells (sigs.k8s.io/json).

Nearly no body has any, so JSON is read in the fast way, and again in the slow one only if its number of keys does not add up.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import orjson

from harness.cluster.store.types import Message, find_message

_SPACED = re.compile(rb'"\s+:')
_TYPE_META = frozenset({"apiVersion", "kind"})


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all of its keys."""


def may_repeat(body: bytes, value: Any) -> bool:
    """Whether some key may be there twice; False is certain. `value` is what was read."""
    if b"\\u" in body or _SPACED.search(body) is not None:
        return True
    return body.count(b'":') != orjson.dumps(value).count(b'":')


def in_json(body: bytes, message: Message | None, *, json_patch: bool = False) -> list[str]:
    """What is to be told of a JSON body. For a built-in type unknown fields are among it, in the order of the body."""
    value = json.loads(body, object_pairs_hook=_Pairs)
    if json_patch:
        return list(_in_json_patch(value))
    return list(_in_value(value, message, "", top=True))


def _in_value(value: Any, message: Message | None, path: str, *, top: bool = False) -> Iterator[str]:
    if isinstance(value, _Pairs):
        seen = set[str]()
        for key, item in value:
            here = f"{path}.{key}" if path else key
            if key in seen:
                yield f'duplicate field "{here}"'
            seen.add(key)
            field = None if message is None else message.fields.get(key)
            if message is not None and field is None and not (top and key in _TYPE_META):
                yield f'unknown field "{here}"'
            elif field is not None and field.kind == "map":
                yield from _in_map(item, find_message(field.item), here)
            else:
                yield from _in_value(item, None if field is None else find_message(field.item), here)
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _in_value(item, message, f"{path}[{position}]")


def _in_map(value: Any, message: Message | None, path: str) -> Iterator[str]:
    """An object with any keys, each of whose values is of the type."""
    seen = set[str]()
    for key, item in value if isinstance(value, _Pairs) else ():
        if key in seen:
            yield f'duplicate field "{path}.{key}"'
        seen.add(key)
        yield from _in_value(item, message, f"{path}.{key}")


def _in_json_patch(operations: Any) -> Iterator[str]:
    for text in _in_value(operations, None, ""):
        yield f"json patch {text}"
