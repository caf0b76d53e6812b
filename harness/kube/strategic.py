"""Strategic merge patch: JSON merge patch that merges lists by a key where the type says so.

Which lists merge, and by which key, says a `MergeSchema`. Directives: `$patch` (replace, delete), `$deleteFromPrimitiveList/<field>`,
`$setElementOrder/<field>`, `$retainKeys`. Without an order in the patch, what the patch names comes in its order and what only the server has keeps its
place relative to that.
Follows apimachinery `pkg/util/strategicpatch` v0.36; answers are compared with a real server's. Pure: nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from harness.kube.errors import ApiError, BadRequest
from harness.kube.gotext import go_value

_MISSING: Any = object()
_DELETE, _ORDER, _RETAIN, _PATCH = "$deleteFromPrimitiveList/", "$setElementOrder/", "$retainKeys", "$patch"


class Unmergeable(ApiError):
    """A patch that cannot be understood; upstream gives it an internal error's code and no reason."""

    code, reason = 500, ""

    def status(self) -> dict[str, Any]:
        """Without a reason."""
        return {key: value for key, value in super().status().items() if key != "reason"}


class MergeSchema(Protocol):
    """The merge rules of one type."""

    def inner(self, field: str) -> MergeSchema | None:
        """Those of a field's struct, or of its items; None when there are none to know."""

    def merge_key(self, field: str) -> str | None:
        """The key by which a list is merged: empty for a set of scalars, None for a list that is replaced."""


def strategic_merge(target: Any, patch: Mapping[str, Any], schema: MergeSchema | None) -> Any:
    """`target` with `patch` merged in. Raises BadRequest, Unmergeable."""
    if _PATCH in patch:
        if patch[_PATCH] == "replace":
            return {key: value for key, value in patch.items() if key != _PATCH}
        if patch[_PATCH] == "delete":
            return {}
        raise _unknown(patch)
    result = dict(target) if isinstance(target, Mapping) else {}
    rest = dict(patch)
    if _RETAIN in rest:
        result = _retained(result, rest)
    for key in [key for key in rest if key.startswith(_ORDER)]:
        _order(result, rest, key, schema)
    for key, value in rest.items():
        _merge_field(result, key, value, schema)
    return result


def _merge_field(result: dict[str, Any], key: str, value: Any, schema: MergeSchema | None) -> None:
    deletes = key.startswith(_DELETE)
    name = key.removeprefix(_DELETE)
    if deletes and not isinstance(value, list | tuple):
        raise BadRequest("invalid patch format of primitive list")
    if value is None:
        result.pop(name, None)
        return
    present = result.get(name, _MISSING)
    if deletes:
        if isinstance(present, list | tuple):
            result[name] = [item for item in present if item not in value]
    elif isinstance(value, Mapping) and isinstance(present, Mapping):
        result[name] = strategic_merge(present, value, None if schema is None else schema.inner(name))
    elif isinstance(value, list | tuple) and isinstance(present, list | tuple):
        result[name] = _merge_list(present, value, name, schema)
    else:
        plain = _plain(value)
        if plain is _MISSING:
            result.pop(name, None)
        else:
            result[name] = plain


def _merge_list(present: Sequence[Any], patch: Sequence[Any], name: str, schema: MergeSchema | None) -> list[Any]:
    key = None if schema is None else schema.merge_key(name)
    if key is None:
        return list(patch)
    if not present and not patch:
        return []
    merged, original, named = _merged_items(present, patch, key, None if schema is None else schema.inner(name))
    return _arranged(merged, named, original, key)


def _merged_items(
    present: Sequence[Any], patch: Sequence[Any], key: str, inner: MergeSchema | None
) -> tuple[list[Any], list[Any], list[Any]]:
    """The items in no particular order; what was there before, and what the patch names, to order them by."""
    if key == "":
        return list(dict.fromkeys((*present, *patch))), list(present), list(patch)
    original, named, replaces = list(present), list[Any](), False
    for item in patch:
        if not isinstance(item, Mapping):
            raise Unmergeable(f"map: {go_value(item)} does not contain declared merge key: {key}")
        directive = item.get(_PATCH, _MISSING)
        if directive is _MISSING:
            named.append(item)
        elif directive == "replace":
            replaces = True
        elif directive == "merge":
            raise Unmergeable("merging lists cannot yet be specified in the patch")
        elif directive == "delete":
            wanted = _key_of(item, key)
            original = [old for old in original if old.get(key) != wanted]
        else:
            raise _unknown(item)
    if replaces:
        original, named = named, []
    merged = list(original)
    for item in named:
        wanted = _key_of(item, key)
        place = next((position for position, old in enumerate(merged) if old.get(key) == wanted), None)
        if place is None:
            merged.append(item)
        else:
            merged[place] = strategic_merge(merged[place], item, inner)
    return merged, original, named


def _arranged(merged: list[Any], order: Sequence[Any], before: Sequence[Any], key: str) -> list[Any]:
    """What `order` names in that order; what it does not name keeps its place before what followed it."""
    wanted, were = [_key_of(item, key) for item in order], [_key_of(item, key) for item in before]
    named = _sorted([item for item in merged if _key_of(item, key) in wanted], wanted, key)
    others = _sorted([item for item in merged if _key_of(item, key) not in wanted], were, key)
    result: list[Any] = []
    while named and others:
        left, right = _key_of(others[0], key), _key_of(named[0], key)
        first = left in were and right in were and were.index(left) < were.index(right)
        result.append((others if first else named).pop(0))
    return [*result, *named, *others]


def _sorted(items: list[Any], order: list[Any], key: str) -> list[Any]:
    known = {
        position: order.index(_key_of(item, key)) for position, item in enumerate(items) if _key_of(item, key) in order
    }
    return [items[position] for position in sorted(range(len(items)), key=lambda position: known.get(position, -1))]


def _order(result: dict[str, Any], rest: dict[str, Any], directive: str, schema: MergeSchema | None) -> None:
    """A list together with the order that the patch wants for it."""
    name, order = directive.removeprefix(_ORDER), rest.pop(directive)
    patch, present = rest.get(name), result.get(name)
    if not isinstance(order, list | tuple) or not isinstance(patch, list | tuple | None):
        raise BadRequest("invalid patch format of setElementOrder list")
    key = (None if schema is None else schema.merge_key(name)) or ""
    _require_order(patch or (), order, key)
    if patch is None and present is None:
        return
    if patch is None:
        merged = list(present or ())
    elif present is None:
        merged = [item for item in map(_plain, patch) if item is not _MISSING]
    else:
        merged = _merge_list(present, patch, name, schema)
    rest.pop(name, None)
    result[name] = _arranged(merged, order, present or (), key)


def _require_order(patch: Sequence[Any], order: Sequence[Any], key: str) -> None:
    """What the patch names has to come in the order that it wants."""
    named = [item for item in patch if not (isinstance(item, Mapping) and _PATCH in item)]
    position = 0
    for entry in order:
        if position < len(named) and _key_of(named[position], key) == _key_of(entry, key):
            position += 1
    if named and order and position < len(named):
        raise Unmergeable(
            f"The order in patch list:\n{go_value(patch)}\n doesn't match $setElementOrder list:\n{go_value(order)}\n"
        )


def _retained(result: dict[str, Any], rest: dict[str, Any]) -> dict[str, Any]:
    kept = rest.pop(_RETAIN)
    stated = [key for key, value in rest.items() if value is not None and not key.startswith((_DELETE, _ORDER))]
    if not isinstance(kept, list | tuple) or any(key not in kept for key in stated):
        raise BadRequest("invalid patch format of retainKeys")
    return {key: value for key, value in result.items() if key in kept}


def _plain(value: Any) -> Any:
    """What has nothing to merge with: nulls vanish, and so does everything with a directive (MISSING)."""
    if isinstance(value, Mapping):
        if _PATCH in value:
            return _MISSING
        inner = {key: _plain(item) for key, item in value.items() if item is not None}
        return {key: item for key, item in inner.items() if item is not _MISSING}
    if isinstance(value, list | tuple):
        return [item for item in map(_plain, value) if item is not _MISSING]
    return value


def _key_of(item: Any, key: str) -> Any:
    if not key:
        return item
    if not isinstance(item, Mapping) or key not in item:
        raise Unmergeable(f"map: {go_value(item)} does not contain declared merge key: {key}")
    return item[key]


def _unknown(patch: Mapping[str, Any]) -> Unmergeable:
    return Unmergeable(f"unknown patch type: {go_value(patch[_PATCH])} in map: {go_value(patch)}")
