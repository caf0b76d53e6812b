"""Label selectors as text: `app=x,tier in (a,b),!old` (apimachinery `labels/selector.go`, whose errors these are)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import orjson

from harness.kube.names import qualified_name_faults, value_faults
from harness.kube.selectors import Requirement, Selector

_SYMBOL = r"==|!=|[=!(),<>]"
_TOKEN = re.compile(rf"[ \t\r\n]*(?:({_SYMBOL})|([^=!(),<> \t\r\n]+))")
_SYMBOLS = re.compile(_SYMBOL)
_INTEGER = re.compile(r"[+-]?[0-9]+")
_OPERATORS = {"in": "In", "notin": "NotIn", "=": "In", "==": "In", "!=": "NotIn", ">": "Gt", "<": "Lt"}
_INT64_MIN = -(2**63)
_NEEDS_INTEGER = "for 'Gt', 'Lt' operators, the value must be an integer"
_END = ""


class BadSelector(ValueError):
    """A text that is no selector, in upstream's words."""


def parse(text: str) -> Selector:
    """The selector of a text. Raises BadSelector."""
    return Selector(tuple(_Parser(text).requirements()))


def _is_word(token: str) -> bool:
    return token != _END and _SYMBOLS.fullmatch(token) is None


class _Parser:
    """Reads the tokens of one text from left to right; after the last one there is `_END`."""

    def __init__(self, text: str) -> None:
        self._tokens = [match.group(1) or match.group(2) for match in _TOKEN.finditer(text)]
        self._position = 0

    def requirements(self) -> Iterator[Requirement]:
        """All of them. Raises BadSelector."""
        if self._next != _END and not self._begins_requirement:
            raise BadSelector(f"found '{self._next}', expected: !, identifier, or 'end of string'")
        while self._next != _END:
            try:
                yield self._requirement()
            except BadSelector as error:
                raise BadSelector(f"unable to parse requirement: {error}") from error
            after = self._take()
            if after not in {",", _END}:
                raise BadSelector(f"found '{after}', expected: ',' or 'end of string'")
            if after == "," and not self._begins_requirement:
                raise BadSelector(f"found '{self._next}', expected: identifier after ','")

    @property
    def _next(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else _END

    @property
    def _begins_requirement(self) -> bool:
        return self._next == "!" or _is_word(self._next)

    def _take(self) -> str:
        token = self._next
        self._position += 1
        return token

    def _requirement(self) -> Requirement:
        is_absent = self._next == "!"
        if is_absent:
            self._take()
        key = self._take()
        if not _is_word(key):
            raise BadSelector(f"found '{key}', expected: identifier")
        _require(_invalid("<nil>", key, qualified_name_faults(key)))
        if is_absent:
            return Requirement(key, "DoesNotExist")
        if self._next in {",", _END}:
            return Requirement(key, "Exists")
        sign = self._take()
        if sign not in _OPERATORS:
            raise BadSelector(f"found '{sign}', expected: in, notin, =, ==, !=, gt, lt")
        operator = _OPERATORS[sign]
        values = self._values() if sign in {"in", "notin"} else (self._value(),)
        _require(list(_value_faults(key, operator, values)))
        return Requirement(key, operator, values)

    def _value(self) -> str:
        if self._next in {",", _END}:
            return ""
        value = self._take()
        if not _is_word(value):
            raise BadSelector(f"found '{value}', expected: identifier")
        return value

    def _values(self) -> tuple[str, ...]:
        """`(a,b)`, sorted; a value that is left out is the empty one."""
        begin = self._take()
        if begin != "(":
            raise BadSelector(f"found '{begin}' expected: '('")
        if self._next == ")":
            self._take()
            return ("",)
        if self._next != "," and not _is_word(self._next):
            raise BadSelector(f"found '{self._next}', expected: ',', ')' or identifier")
        values = set[str]()
        while not (values and self._next == ")"):
            self._add_value(values)
        self._take()
        return tuple(sorted(values))

    def _add_value(self, values: set[str]) -> None:
        """A value, or a comma with the empty ones beside it; of three commas in a row upstream takes the first two together."""
        token = self._take()
        if _is_word(token):
            values.add(token)
            if self._next not in {",", ")"}:
                raise BadSelector(f"found '{self._next}', expected: ',' or ')'")
        elif token == ",":
            if not values or self._next in {",", ")"}:
                values.add("")
            if self._next == ",":
                self._take()
                if self._next != "," and not _is_word(self._next):
                    raise BadSelector(f"found '{self._next}', expected: ',', or identifier")
        else:
            raise BadSelector(f"found '{token}', expected: ',', or identifier")


def _value_faults(key: str, operator: str, values: tuple[str, ...]) -> Iterator[str]:
    for position, value in enumerate(values):
        if operator in {"Gt", "Lt"} and not _is_int64(value):
            yield from _invalid(f"values[{position}]", value, (_NEEDS_INTEGER,))
    for position, value in enumerate(values):
        yield from _invalid(f"values[{position}][{key}]", value, value_faults(value))


def _is_int64(text: str) -> bool:
    return _INTEGER.fullmatch(text) is not None and _INT64_MIN <= int(text) <= -_INT64_MIN - 1


def _invalid(field: str, value: str, faults: Sequence[str]) -> list[str]:
    shown = orjson.dumps(value).decode()
    return [f"{field}: Invalid value: {shown}: {'; '.join(faults)}"] if faults else []


def _require(faults: list[str]) -> None:
    """As upstream's aggregate of errors prints itself."""
    if faults:
        raise BadSelector(faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")
