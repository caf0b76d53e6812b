"""Sets of fields of an object, as `metadata.managedFields` writes them (fieldsV1).

A set is a tree. An edge is a path element in its written form: `f:name` a field, `k:{"name":"x"}` an item of a list that is merged by keys, `v:"x"` an item
of a set, `i:0` a position. `members` are the elements that belong to the set, `children` those below which something does. Sets are immutable and shared.
Follows sigs.k8s.io/structured-merge-diff v6 `fieldpath`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

_KINDS = "fkvi"
_NO_CHILDREN: Mapping[str, FieldSet] = {}


class MalformedFields(ValueError):
    """What stands in a fieldsV1 is no set of fields."""


class FieldSet:
    """An immutable set of field paths."""

    __slots__ = ("_contents", "children", "members")

    def __init__(self, members: frozenset[str], children: Mapping[str, FieldSet]) -> None:
        self.members = members
        self.children = children
        self._contents: bytes | None = None

    def __bool__(self) -> bool:
        return bool(self.members or self.children)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FieldSet) and self.encoded() == other.encoded()

    def __hash__(self) -> int:
        return hash(self.encoded())

    def __repr__(self) -> str:
        return f"FieldSet({self.encoded().decode()})"

    def has(self, path: tuple[str, ...]) -> bool:
        """Whether the field at `path` belongs to the set."""
        node: FieldSet | None = self
        for element in path[:-1]:
            node = None if node is None else node.children.get(element)
        return bool(path) and node is not None and path[-1] in node.members

    def below(self, element: str) -> FieldSet:
        """What the set has below an element."""
        return self.children.get(element, EMPTY)

    def union(self, other: FieldSet) -> FieldSet:
        """What is in either."""
        if not other or self is other:
            return self
        if not self:
            return other
        children = dict(self.children)
        for element, below in other.children.items():
            mine = children.get(element)
            children[element] = below if mine is None else mine.union(below)
        return FieldSet(self.members | other.members, children)

    def intersection(self, other: FieldSet) -> FieldSet:
        """What is in both."""
        if self is other:
            return self
        shared = ((element, below, other.children.get(element)) for element, below in self.children.items())
        children = {element: both for element, mine, theirs in shared if theirs and (both := mine.intersection(theirs))}
        return make(self.members & other.members, children)

    def difference(self, other: FieldSet) -> FieldSet:
        """What is here and not there; a parent that is there takes no child from here."""
        if not other or not self:
            return self
        children = {}
        for element, below in self.children.items():
            theirs = other.children.get(element)
            left = below if theirs is None else below.difference(theirs)
            if left:
                children[element] = left
        return make(self.members - other.members, children)

    def without(self, other: FieldSet) -> FieldSet:
        """What is here and neither there nor below something that is there."""
        if not other or not self:
            return self
        children = {}
        for element, below in self.children.items():
            if element in other.members:
                continue
            theirs = other.children.get(element)
            left = below if theirs is None else below.without(theirs)
            if left:
                children[element] = left
        return make(self.members - other.members, children)

    def paths(self, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
        """Every path, members before what lies deeper, in upstream's order."""
        for element in sorted(self.members, key=_rank):
            yield (*prefix, element)
        for element in sorted(self.children, key=_rank):
            yield from self.children[element].paths((*prefix, element))

    def encoded(self) -> bytes:
        """As fieldsV1."""
        return b"{" + self._written() + b"}"

    def _written(self) -> bytes:
        if self._contents is None:
            parts = []
            for element in sorted({*self.members, *self.children}, key=_rank):
                below = self.children.get(element)
                inner = b"" if below is None else below._written()
                if inner and element in self.members:
                    inner = b'".":{},' + inner
                parts.append(quoted(element) + b":{" + inner + b"}")
            self._contents = b",".join(parts)
        return self._contents


EMPTY = FieldSet(frozenset(), _NO_CHILDREN)


def make(members: frozenset[str], children: Mapping[str, FieldSet]) -> FieldSet:
    """A set of these, the one empty set when there are none."""
    return FieldSet(members, children) if members or children else EMPTY


def of_paths(*paths: tuple[str, ...]) -> FieldSet:
    """The set of these paths."""
    result = EMPTY
    for path in paths:
        node = FieldSet(frozenset((path[-1],)), _NO_CHILDREN)
        for element in reversed(path[:-1]):
            node = FieldSet(frozenset(), {element: node})
        result = result.union(node)
    return result


def read_fields(value: Any) -> FieldSet:
    """The set that a fieldsV1 (decoded JSON) describes. Raises MalformedFields."""
    if not isinstance(value, Mapping):
        raise MalformedFields(f"fieldsV1 has to be an object, got {type(value).__name__}")
    return _read(value)[0]


@lru_cache(maxsize=4096)
def read_encoded(encoded: bytes) -> FieldSet:
    """The set that `FieldSet.encoded` wrote; sets in use are kept."""
    return _read(orjson.loads(encoded))[0]


def _read(value: Mapping[str, Any]) -> tuple[FieldSet, bool]:
    """The set, and whether the element above it is a member."""
    members, children, is_member = set[str](), dict[str, FieldSet](), False
    for key, inner in value.items():
        if key == ".":
            is_member = True
            continue
        element = canonical_element(key)
        if element is None:
            continue
        if not isinstance(inner, Mapping):
            raise MalformedFields(f"fieldsV1: what belongs to {key} has to be an object")
        below, belongs = _read(inner)
        if belongs:
            members.add(element)
        if below:
            children[element] = below
    if not members and not children:
        return EMPTY, True
    return FieldSet(frozenset(members), children), is_member


@lru_cache(maxsize=16_384)
def canonical_element(text: str) -> str | None:
    """The one written form of a path element; None for a kind that is not known, which upstream drops.

    Raises MalformedFields.
    """
    if len(text) < 2 or text[1] != ":":
        raise MalformedFields(f"missing colon: {text}")
    kind, rest = text[0], text[2:]
    if kind not in _KINDS:
        return None
    if kind == "f":
        return text
    try:
        value = orjson.loads(rest)
    except orjson.JSONDecodeError as error:
        raise MalformedFields(f"parsing key as path element: {text}: {error}") from error
    return key_element(value) if kind == "k" and isinstance(value, dict) else f"{kind}:{orjson.dumps(value).decode()}"


def key_element(keys: Mapping[str, Any]) -> str:
    """The element of an item with these keys."""
    return "k:" + orjson.dumps(keys, option=orjson.OPT_SORT_KEYS).decode()


def value_element(value: Any) -> str:
    """The element of an item of a set."""
    return "v:" + orjson.dumps(value).decode()


def show(path: tuple[str, ...]) -> str:
    """A path as messages show it: `.spec.containers[name="x"].image`."""
    return "".join(_shown(element) for element in path)


def _shown(element: str) -> str:
    kind, rest = element[0], element[2:]
    if kind == "f":
        return f".{rest}"
    if kind == "k":
        pairs = (f"{key}={orjson.dumps(value).decode()}" for key, value in orjson.loads(rest).items())
        return f"[{','.join(pairs)}]"
    return f"[={rest}]" if kind == "v" else f"[{rest}]"


@lru_cache(maxsize=16_384)
def _rank(element: str) -> tuple[Any, ...]:
    """Orders fields before keys before values, and keys by their values, numbers as numbers."""
    kind, rest = element[0], element[2:]
    if kind == "f":
        return (0, rest)
    if kind == "k":
        pairs = orjson.loads(rest).items()
        return (1, *((name, isinstance(value, str), value) for name, value in pairs))
    value = orjson.loads(rest)
    return (_KINDS.index(kind), isinstance(value, str), str(value) if not isinstance(value, int | float) else value)


@lru_cache(maxsize=16_384)
def quoted(element: str) -> bytes:
    """A path element as a fieldsV1 has it."""
    return orjson.dumps(element)
