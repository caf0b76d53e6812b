"""Operations on values of a known shape: compare, merge, the set of their fields, removal of fields, validation.

Values are plain JSON; `None` is an explicit null, `MISSING` is not there. Nothing is changed in place and what an operation does not touch is shared, so
comparing two versions of an object costs only where they differ. Follows structured-merge-diff v6 `typed`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import orjson

from harness.cluster.store.apply.fieldsets import EMPTY, FieldSet, key_element, make, show, value_element
from harness.cluster.store.apply.shapes import Shape
from harness.kube.gotext import go_syntax, go_value

MISSING: Any = object()
_MEMO_ENTRIES_MAX = 4096
_memo: dict[tuple[int, bytes], FieldSet] = {}


class Mistyped(ValueError):
    """A value that its type does not allow; the message is upstream's, with the path."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the second of two values did to the first; no field is in two of the sets."""

    removed: FieldSet
    modified: FieldSet
    added: FieldSet

    def without(self, fields: FieldSet) -> Comparison:
        """Leave these fields, and what lies below them, out."""
        if not fields:
            return self
        return Comparison(self.removed.without(fields), self.modified.without(fields), self.added.without(fields))


def compare(shape: Shape, old: Any, new: Any) -> Comparison:
    """What turns `old` into `new`, two values that are there."""
    return _compare(shape, old, new)[1]


_SAME = Comparison(EMPTY, EMPTY, EMPTY)


class _Builder:
    """Collects the three sets of a map's or a list's children."""

    def __init__(self) -> None:
        self.members: tuple[set[str], set[str], set[str]] = (set(), set(), set())
        self.children: tuple[dict[str, FieldSet], dict[str, FieldSet], dict[str, FieldSet]] = ({}, {}, {})

    def whole(self, which: int, element: str, below: FieldSet) -> None:
        self.members[which].add(element)
        if below:
            self.children[which][element] = below

    def both(self, element: str, modified: bool, below: Comparison) -> None:
        if modified:
            self.members[1].add(element)
        for which, part in enumerate((below.removed, below.modified, below.added)):
            if part:
                self.children[which][element] = part

    def done(self) -> Comparison:
        sets = (
            make(frozenset(members), children) for members, children in zip(self.members, self.children, strict=True)
        )
        return Comparison(*sets)


def _compare(shape: Shape, old: Any, new: Any) -> tuple[bool, Comparison]:
    """Whether the value itself, as a leaf, is modified, and what happened below it."""
    if old is new:
        return False, _SAME
    left, right = shape.for_value(old), shape.for_value(new)
    if left.kind != right.kind:
        below = _Builder()
        if right.kind == "map" and not right.atomic and new:
            for key, value in new.items():
                below.whole(2, f"f:{key}", whole(right.of(key), value))
        if left.kind == "map" and not left.atomic and old:
            for key, value in old.items():
                below.whole(0, f"f:{key}", whole(left.of(key), value))
        return True, below.done()
    if right.kind == "scalar" or right.atomic or (not old and not new):
        return not _equal(old, new), _SAME
    builder = _Builder()
    if right.kind == "map":
        _compare_maps(right, old or {}, new or {}, builder)
    else:
        _compare_lists(right, old or (), new or (), builder)
    return False, builder.done()


def _compare_maps(shape: Shape, old: Mapping[str, Any], new: Mapping[str, Any], builder: _Builder) -> None:
    for key, value in old.items():
        if key not in new:
            builder.whole(0, f"f:{key}", whole(shape.of(key), value))
    for key, value in new.items():
        before = old.get(key, MISSING)
        if before is MISSING:
            builder.whole(2, f"f:{key}", whole(shape.of(key), value))
        elif before is not value:
            inner = shape.of(key)
            if inner is not None:
                builder.both(f"f:{key}", *_compare(inner, before, value))


def _compare_lists(shape: Shape, old: Sequence[Any], new: Sequence[Any], builder: _Builder) -> None:
    left, right = _by_element(shape, old), _by_element(shape, new)
    for element in dict.fromkeys((*left, *right)):
        befores, afters = left.get(element, []), right.get(element, [])
        if len(befores) <= 1 and len(afters) <= 1:
            if not befores:
                builder.whole(2, element, whole(shape.element, afters[0]))
            elif not afters:
                builder.whole(0, element, whole(shape.element, befores[0]))
            elif shape.element is not None:
                builder.both(element, *_compare(shape.element, befores[0], afters[0]))
        elif len(befores) > 1 and len(afters) > 1:
            if befores != afters:
                builder.members[1].add(element)
        elif len(befores) > 1:
            builder.members[0].add(element)
            if afters:
                builder.whole(2, element, whole(shape.element, afters[0]))
        else:
            if befores:
                builder.whole(0, element, whole(shape.element, befores[0]))
            builder.members[2].add(element)


def whole(shape: Shape | None, value: Any) -> FieldSet:
    """All that lies below a value that comes or goes as a whole; remembered by content, since most objects are made from few templates."""
    if shape is None or not value or not isinstance(value, Mapping | list | tuple):
        return EMPTY
    shape = shape.for_value(value)
    if shape.atomic or shape.kind == "scalar":
        return EMPTY
    if shape.kind == "map" and shape.element is not None and shape.element.kind == "scalar":
        return _named(tuple(value))
    key = (id(shape), orjson.dumps(value))
    found = _memo.get(key)
    if found is None:
        found = _whole(shape, value)
        if len(_memo) >= _MEMO_ENTRIES_MAX:
            _memo.clear()
        _memo[key] = found
        _kept[id(shape)] = shape
    return found


@lru_cache(maxsize=_MEMO_ENTRIES_MAX)
def _named(keys: tuple[str, ...]) -> FieldSet:
    return make(frozenset(f"f:{key}" for key in keys), {})


_kept: dict[int, Shape] = {}  # so that an id in the memo is never given to another shape


def _whole(shape: Shape, value: Any) -> FieldSet:
    members, children = set[str](), dict[str, FieldSet]()
    if shape.kind == "map":
        items = [(f"f:{key}", shape.of(key), item) for key, item in value.items()]
    else:
        grouped = _by_element(shape, value)
        members.update(grouped)
        items = [(element, shape.element, found[0]) for element, found in grouped.items() if len(found) == 1]
    for element, inner, item in items:
        members.add(element)
        below = whole(inner, item)
        if below:
            children[element] = below
    return make(frozenset(members), children)


def _by_element(shape: Shape, items: Sequence[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for item in items:
        element = _element(shape, item)
        if element is not None:
            found.setdefault(element, []).append(item)
    return found


def _element(shape: Shape, item: Any) -> str | None:
    """The path element of a list's item; None when it has none, which validation has said."""
    if not shape.keys:
        return None if item is None or isinstance(item, Mapping | list | tuple) else value_element(item)
    if not isinstance(item, Mapping):
        return None
    defaults = {} if shape.element is None else shape.element.defaults
    keys = {key: item.get(key, defaults.get(key)) for key in shape.keys if key in item or key in defaults}
    return key_element(keys) if keys else None


def _equal(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)


def fields_of(shape: Shape, value: Any) -> FieldSet:
    """The set of fields that an applied value states (`ToFieldSet`): leaves, items, and what is not declared."""
    return _fields(shape, value)[1]


def _fields(shape: Shape | None, value: Any) -> tuple[bool, FieldSet]:
    if shape is None:
        return True, EMPTY
    shape = shape.for_value(value)
    if shape.kind == "scalar" or shape.atomic:
        return True, EMPTY
    members, children = set[str](), dict[str, FieldSet]()
    if shape.kind == "list":
        grouped = _by_element(shape, value or ())
        members.update(grouped)
        for element, items in grouped.items():
            below = _fields(shape.element, items[0])[1] if len(items) == 1 else EMPTY
            if below:
                children[element] = below
    else:
        for key, item in (value or {}).items():
            itself, below = _fields(shape.of(key), item)
            if itself or item is None or item == {} or key not in shape.fields:
                members.add(f"f:{key}")
            if below:
                children[f"f:{key}"] = below
    return False, make(frozenset(members), children)


def merge(shape: Shape | None, old: Any, new: Any) -> Any:
    """`new` applied over `old`; either may be MISSING. Raises Mistyped for duplicates in the applied value."""
    if shape is None:
        return old if new is MISSING else new
    left = shape if old is MISSING else shape.for_value(old)
    right = shape if new is MISSING else shape.for_value(new)
    shape = left if new is MISSING else right
    past = None if old is MISSING or left.kind != shape.kind else old
    wanted = None if new is MISSING else new
    if shape.kind in {"scalar", "deduced"} or shape.atomic or (not past and not wanted):
        return old if new is MISSING else new
    if shape.kind == "list":
        return _merge_lists(shape, past or (), wanted or ())
    result = {}
    for key in dict.fromkeys((*(past or {}), *(wanted or {}))):
        merged = merge(shape.of(key), (past or {}).get(key, MISSING), (wanted or {}).get(key, MISSING))
        if merged is not MISSING:
            result[key] = merged
    return result or MISSING


def _merge_lists(shape: Shape, old: Sequence[Any], new: Sequence[Any]) -> Any:
    """The applied order wins among shared items; what only the old list has keeps its place between them."""
    left = [element for item in old if (element := _element(shape, item)) is not None]
    right = [element for item in new if (element := _element(shape, item)) is not None]
    by_right = dict(zip(right, new, strict=True))
    by_left: dict[str, Any] = {}
    for element, item in zip(left, old, strict=True):
        by_left[element] = item if element not in by_left else None
    shared = [element for element in right if element in by_left]
    next_shared = shared.pop(0) if shared else None
    merged, result = set[str](), list[Any]()
    at_left = at_right = 0
    while at_left < len(left) or at_right < len(right):
        element = left[at_left] if at_left < len(left) else None
        if element is not None and at_right < len(right):
            if element == right[at_right]:
                merged.add(element)
                result.append(merge(shape.element, by_left[element], by_right[element]))
                at_left, at_right = at_left + 1, at_right + 1
                next_shared = shared.pop(0) if shared else None
                continue
            if element in by_right and next_shared is not None and next_shared != element:
                at_left += 1
                continue
        if element is not None:
            if element not in by_right:
                result.append(old[at_left])
                at_left += 1
                continue
            if element in merged:
                at_left += 1
        if at_right < len(right):
            element = right[at_right]
            merged.add(element)
            result.append(merge(shape.element, by_left.get(element, MISSING), by_right[element]))
            at_right += 1
            if next_shared == element:
                next_shared = shared.pop(0) if shared else None
    kept = [item for item in result if item is not MISSING]
    return kept or MISSING


def remove(shape: Shape | None, value: Any, fields: FieldSet) -> Any:
    """`value` without these fields; a map or list of which nothing is left is null, as upstream leaves it."""
    if shape is None or not fields:
        return value
    shape = shape.for_value(value)
    if shape.kind == "scalar":
        return value
    if shape.atomic or not value:
        return None
    if shape.kind == "list":
        items = []
        for item in value:
            element = _element(shape, item)
            if element is not None and element in fields.members:
                continue
            below = EMPTY if element is None else fields.below(element)
            items.append(remove(shape.element, item, below) if below else item)
        return items or None
    result = {}
    for key, item in value.items():
        element = f"f:{key}"
        if element in fields.members:
            continue
        below = fields.below(element)
        result[key] = remove(shape.of(key), item, below) if below else item
    return result or None


def with_named(shape: Shape | None, fields: FieldSet) -> FieldSet:
    """The set with every declared field on the way to a member as a member, too (`EnsureNamedFieldsAreMembers`)."""
    if not fields.children:
        return fields
    members, children = set(fields.members), dict[str, FieldSet]()
    for element, below in fields.children.items():
        inner = None
        if shape is not None and element.startswith("f:") and shape.kind in {"map", "deduced"}:
            name = element[2:]
            inner = shape.of(name) if shape.kind == "map" else shape
            if shape.kind == "map" and name in shape.fields:
                members.add(element)
        elif shape is not None and element.startswith("k:"):
            inner = shape.element
        children[element] = with_named(inner, below)
    return make(frozenset(members), children)


def validate(shape: Shape, value: Any, *, duplicates: bool = False) -> None:
    """Check an applied value against its type. Raises Mistyped with every error."""
    errors = list[tuple[str, str]]()
    _validate(shape, value, (), errors, duplicates=duplicates)
    texts = [f"{path}: {text}" if path else text for path, text in errors]
    if texts:
        raise Mistyped(texts[0] if len(texts) == 1 else "\n".join(["errors:", *(f"  {text}" for text in texts)]))


def _validate(
    shape: Shape, value: Any, path: tuple[str, ...], errors: list[tuple[str, str]], *, duplicates: bool
) -> None:
    shape = shape.for_value(value)
    if value is None:
        return
    if shape.kind == "scalar":
        if (text := _scalar_error(shape.scalar, value)) is not None:
            errors.append((show(path), text))
    elif shape.kind == "list":
        _validate_list(shape, value, path, errors, duplicates=duplicates)
    elif not isinstance(value, Mapping):
        errors.append((show(path), f"expected map, got &{{{go_value(value)}}}"))
    else:
        for key, item in value.items():
            inner = shape.of(key)
            if inner is None:
                errors.append((show((*path, f"f:{key}")), "field not declared in schema"))
                break
            _validate(inner, item, (*path, f"f:{key}"), errors, duplicates=duplicates)


def _validate_list(
    shape: Shape, value: Any, path: tuple[str, ...], errors: list[tuple[str, str]], *, duplicates: bool
) -> None:
    if not isinstance(value, list | tuple):
        errors.append((show(path), f"expected list, got &{{{go_value(value)}}}"))
        return
    seen = set[str]()
    for position, item in enumerate(value):
        element = f"i:{position}"
        if not shape.atomic:
            why = _element_error(shape, item)
            found = _element(shape, item)
            if why is not None or found is None:
                errors.append((show(path), f"element {position}: {why}"))
                return
            element = found
            if element in seen and not duplicates:
                errors.append((show(path), f"duplicate entries for key {show((element,))}"))
            seen.add(element)
        if shape.element is not None:
            _validate(shape.element, item, (*path, element), errors, duplicates=duplicates)


def _element_error(shape: Shape, item: Any) -> str | None:
    if not shape.keys:
        if isinstance(item, Mapping):
            return "associative list without keys has an element that's a map type"
        if isinstance(item, list | tuple):
            return "not supported: associative list with lists as elements"
        return "associative list without keys has an element that's an explicit null" if item is None else None
    if item is None:
        return "associative list with keys may not have a null element"
    if not isinstance(item, Mapping):
        return "associative list with keys may not have non-map elements"
    if _element(shape, item) is None:
        keys = " ".join(f'"{key}"' for key in shape.keys)
        return (
            f"associative list with keys has an element that omits all key fields [{keys}] "
            "(and doesn't have default values for any key fields)"
        )
    return None


def _scalar_error(kind: str, value: Any) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "numeric":
        return None if is_number else f"expected numeric (int or float), got {_go_type(value)}"
    if kind == "string":
        return (
            None
            if isinstance(value, str)
            else f"expected string, got &value.valueUnstructured{{Value:{go_syntax(value)}}}"
        )
    if kind == "boolean":
        return None if isinstance(value, bool) else f"expected boolean, got &{{{go_value(value)}}}"
    if isinstance(value, Mapping | list | tuple):
        return f"expected any scalar, got &{{{go_value(value)}}}"
    return None


def _go_type(value: Any) -> str:
    if isinstance(value, Mapping):
        return "map[string]interface {}"
    if isinstance(value, list | tuple):
        return "[]interface {}"
    if isinstance(value, bool):
        return "bool"
    return {str: "string", int: "int64", float: "float64"}.get(type(value), "<nil>")
