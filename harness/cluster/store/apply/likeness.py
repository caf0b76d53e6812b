"""What a change looks like: a key that two changes share only when they change the same fields.

The key of a change has the names of fields and of merged items, and for each value only whether it differs: it is `typed.compare` without building sets, a
few microseconds where that takes hundreds. The one item of a list that is told apart by an address, a uid or its own value (a pod's IP, its owner, a
node's range) is a blank in the key, numbered by its text: such texts are all that tells most objects of one kind apart.
"""

from __future__ import annotations

from typing import Any

from harness.cluster.store.apply.fieldsets import key_element, value_element
from harness.cluster.store.apply.shapes import Shape

Token = Any
_ABSENT: Any = object()
_BLANK_KEYS = frozenset({(), ("ip",), ("uid",)})


class Unlike(Exception):
    """A change that has no key: a list names an item twice, or a value is none of its type."""


class Likeness:
    """The key of a change, and the path elements that its blanks stand for, by number. `spelled` are the elements that the key has itself."""

    __slots__ = ("blanks", "spelled", "tokens")

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self.blanks: dict[str, int] = {}
        self.spelled: set[str] = set()


def likeness(shape: Shape, old: Any, new: Any) -> Likeness:
    """The key of what turns `old` into `new`. Raises Unlike."""
    found = Likeness()
    _change(shape, old, new, found)
    return found


def _change(shape: Shape, old: Any, new: Any, to: Likeness) -> None:
    """What happened to a value that is no leaf by its type."""
    if shape.kind == "deduced":
        shape, right = shape.for_value(old), shape.for_value(new)
        to.tokens.append((shape.kind, right.kind))
        if shape.kind != right.kind:
            _whole(shape, old, to)
            _whole(right, new, to)
            return
    if shape.is_leaf or (not old and not new):
        to.tokens.append(_same(old, new))
    elif shape.kind == "map":
        _change_map(shape, {} if old is None else old, {} if new is None else new, to)
    else:
        _change_list(shape, () if old is None else old, () if new is None else new, to)


def _change_map(shape: Shape, old: Any, new: Any, to: Likeness) -> None:
    if not isinstance(old, dict) or not isinstance(new, dict):
        raise Unlike
    tokens, nested, other = to.tokens, shape.nested, shape.element
    fields = shape.fields if other is not None and not other.is_leaf else nested
    if other is not None and other.is_leaf:
        other = None  # below its values there is nothing to tell
    changed = [key for key, value in new.items() if old.get(key, _ABSENT) is not value]
    tokens += (tuple(old), tuple(new), tuple(changed))
    if not old.keys() <= new.keys():
        for key, value in old.items():
            if key not in new and (key in nested or other is not None):
                _whole(fields.get(key, other), value, to)
    for key in changed:
        inner = fields.get(key, other)
        if key not in old:
            if inner is not None:
                _whole(inner, new[key], to)
        elif inner is None or inner.is_leaf:
            before, value = old[key], new[key]
            tokens.append(before == value and _same(before, value))
        else:
            _change(inner, old[key], new[key], to)


def _change_list(shape: Shape, old: Any, new: Any, to: Likeness) -> None:
    element = shape.element
    is_blank = len(old) <= 1 and len(new) <= 1
    before, after = _named(shape, old, to, is_blank=is_blank), _named(shape, new, to, is_blank=is_blank)
    if element is None:
        return
    for name, item in before.items():
        if name not in after:
            _whole(element, item, to)
    for name, item in after.items():
        if name not in before:
            _whole(element, item, to)
        elif before[name] == item:  # the store takes it as the same, too
            to.tokens.append(True)
        elif element.is_leaf:
            to.tokens.append(False)
        else:
            to.tokens.append(None)
            _change(element, before[name], item, to)


def _whole(shape: Shape | None, value: Any, to: Likeness) -> None:
    """The key of a value that comes or goes as a whole."""
    if shape is None:
        return
    if shape.kind == "deduced":
        shape = shape.for_value(value)
        to.tokens.append(shape.kind)
    if shape.is_leaf:
        return
    if value is None:
        to.tokens.append(())
    elif shape.kind == "map":
        _whole_map(shape, value, to)
    else:
        element = shape.element
        items = _named(shape, value, to, is_blank=len(value) <= 1)
        if element is not None and not element.is_leaf:
            for item in items.values():
                _whole(element, item, to)


def _whole_map(shape: Shape, value: Any, to: Likeness) -> None:
    if not isinstance(value, dict):
        raise Unlike
    to.tokens.append(tuple(value))
    nested, other = shape.nested, shape.element
    if other is not None and not other.is_leaf:
        fields = shape.fields
        for key, item in value.items():
            _whole(fields.get(key, other), item, to)
    elif nested:
        for key in value:
            if key in nested:
                _whole(nested[key], value[key], to)


def _named(shape: Shape, items: Any, to: Likeness, *, is_blank: bool) -> dict[Any, Any]:
    """The items by what tells them apart, which the key then has: each as it is, a single one perhaps as a blank."""
    if not items:
        to.tokens.append(())
        return {}
    if not isinstance(items, list | tuple):
        raise Unlike
    keys = shape.keys
    can_be_blank = keys in _BLANK_KEYS
    named: dict[Any, Any] = {}
    if len(keys) != 1 or (is_blank and can_be_blank):
        for item in items:
            named[_element(shape, item)] = item
    else:
        key = keys[0]
        for item in items:
            named[_name(item, key)] = item
    if len(named) != len(items):
        raise Unlike
    if is_blank and can_be_blank:
        to.tokens.append(tuple([to.blanks.setdefault(element, len(to.blanks)) for element in named]))
        return named
    to.tokens.append(tuple(named))
    if can_be_blank:
        to.spelled.update([_element(shape, item) for item in items])
    return named


def _name(item: Any, key: str) -> Any:
    """What tells an item apart; numbers with their type, since True == 1 == 1.0."""
    name = item.get(key) if isinstance(item, dict) else None
    if name.__class__ is str:
        return name
    if not isinstance(name, int | float):
        raise Unlike
    return name, name.__class__


def _element(shape: Shape, item: Any) -> str:
    if not shape.keys:
        if item is None or isinstance(item, dict | list | tuple):
            raise Unlike
        return value_element(item)
    if not isinstance(item, dict):
        raise Unlike
    defaults = {} if shape.element is None else shape.element.defaults
    keys = {key: item.get(key, defaults.get(key)) for key in shape.keys if key in item or key in defaults}
    if not keys:
        raise Unlike
    return key_element(keys)


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    return bool(left == right)
