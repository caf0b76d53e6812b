"""Strategic merge patch: JSON merge patch that merges lists by a key where the type says so.

Follows apimachinery `pkg/util/strategicpatch` (1.36); which lists merge, and by which key, is in the recorded types. Directives: `$patch` (delete, replace,
merge), `$deleteFromPrimitiveList/<field>`, `$retainKeys`; `$setElementOrder/<field>` is ignored, so merged lists keep their order with new items at the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from harness.cluster.store.types import Field, Message, find_message
from harness.kube.errors import BadRequest

_DELETE_PRIMITIVES = "$deleteFromPrimitiveList/"


def strategic_merge_patch(target: Any, patch: Mapping[str, Any], message: Message | None) -> Any:
    """`target`, an object of type `message`, with `patch` merged in."""
    return _merge_map(target, patch, message)


def _merge_map(target: Any, patch: Mapping[str, Any], message: Message | None) -> Any:
    directive = patch.get("$patch")
    if directive == "replace":
        return _without_directives(patch)
    if directive == "delete":
        return {}
    if directive not in {None, "merge"}:
        raise BadRequest(f"unrecognized patch directive $patch: {directive}, write replace, delete or merge")
    result = dict(target) if isinstance(target, Mapping) else {}
    if "$retainKeys" in patch:
        kept = patch["$retainKeys"]
        result = {key: value for key, value in result.items() if key in kept}
    for key, value in patch.items():
        if key.startswith(_DELETE_PRIMITIVES):
            name = key.removeprefix(_DELETE_PRIMITIVES)
            if name in result:
                result[name] = [item for item in result[name] if item not in value]
        elif not key.startswith("$"):
            _merge_field(result, key, value, None if message is None else message.fields.get(key))
    return result


def _merge_field(result: dict[str, Any], key: str, value: Any, field: Field | None) -> None:
    if value is None or (isinstance(value, Mapping) and value.get("$patch") == "delete"):
        result.pop(key, None)
    elif isinstance(value, Mapping):
        inner = find_message(field.item) if field is not None and not field.kind else None
        result[key] = _merge_map(result.get(key), value, inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        result[key] = _merge_list(result.get(key), value, field)
    else:
        result[key] = value


def _merge_list(target: Any, patch: Sequence[Any], field: Field | None) -> list[Any]:
    present = list(target) if isinstance(target, Sequence) else []
    key = None if field is None else field.merge_key
    if key == "":
        return [*present, *(item for item in patch if item not in present)]
    if key is None or any(isinstance(item, Mapping) and item.get("$patch") == "replace" for item in patch):
        return [_without_directives(item) for item in patch if not _is_directive(item)]
    message = find_message(field.item) if field is not None else None
    for item in patch:
        if not isinstance(item, Mapping) or key not in item:
            raise BadRequest(f"map: {item!r} does not contain declared merge key: {key}")
        position = next((i for i, old in enumerate(present) if old.get(key) == item[key]), None)
        if item.get("$patch") == "delete":
            if position is not None:
                del present[position]
        elif position is None:
            present.append(_without_directives(item))
        else:
            present[position] = _merge_map(present[position], item, message)
    return present


def _is_directive(item: Any) -> bool:
    return isinstance(item, Mapping) and set(item) == {"$patch"}


def _without_directives(value: Any) -> Any:
    """What is new has nothing to merge with: its directives only vanish."""
    if isinstance(value, Mapping):
        return {
            key: _without_directives(item)
            for key, item in value.items()
            if not key.startswith("$") and item is not None
        }
    if isinstance(value, list | tuple):
        return [_without_directives(item) for item in value if not _is_directive(item)]
    return value
