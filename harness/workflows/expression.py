"""Expressions: the subset of expr-lang that `retryStrategy.expression` and `{{=...}}` use, and of govaluate for `when`.

Known: numbers, strings, true, false, nil, names with dots and `["key"]`, `== != < <= > >=`, `in`, `not in`, lists, `+ - * / %`, `&& || !` (and `and
or not`), `a ? b : c`, parentheses, and the functions of `harness.workflows.functions`. An unknown function or name is an error that says which. In
`when` a bare word stands for itself, as a string (`{{item}} == even`), and numbers that are compared with strings never match, as upstream.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from harness.workflows.errors import ExpressionError
from harness.workflows.functions import FUNCTIONS, kind_of, plain_text

_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w-]))
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<operator>==|!=|<=|>=|&&|\|\||[-+*/%<>!()\[\],.?:])
  | (?P<name>[A-Za-z_]\w*)
)""",
    re.VERBOSE,
)
_BARE_TOKEN = re.compile(
    r"""\s*(?:
    (?P<number>-?\d+(?:\.\d+)?(?![\w.-]))
  | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<operator>==|!=|<=|>=|&&|\|\||[<>!(),])
  | (?P<name>[\w.:/-]+)
)""",
    re.VERBOSE,
)
_WORDS = {"and": "&&", "or": "||", "not": "!"}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def evaluate(text: str, variables: Mapping[str, Any], *, bare_words: bool = False) -> Any:
    """The value of an expression. `variables` has dotted names. Raises ExpressionError."""
    parser = _Parser(text, _tokenize(text, _BARE_TOKEN if bare_words else _TOKEN), variables, bare_words)
    value = parser.ternary()
    if parser.peek().kind != "end":
        raise parser.unexpected()
    return value


def evaluate_bool(text: str, variables: Mapping[str, Any]) -> bool:
    """Like `evaluate`, for what has to be true or false."""
    value = evaluate(text, variables)
    if not isinstance(value, bool):
        raise ExpressionError(f"unable to cast expression result '{plain_text(value)}' to bool")
    return value


def should_execute(when: str) -> bool:
    """Whether a `when`, with its tags replaced already, lets its step run. Raises ExpressionError."""
    if not when.strip():
        return True
    try:
        value = evaluate(when, {}, bare_words=True)
    except ExpressionError as error:
        raise ExpressionError(f"Invalid 'when' expression '{when}': {error}") from error
    if not isinstance(value, bool):
        raise ExpressionError(f"Expected boolean evaluation for '{when}'. Got {plain_text(value)}")
    return value


def _tokenize(text: str, pattern: re.Pattern[str]) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while text[position:].strip():
        found = pattern.match(text, position)
        if found is None:
            raise ExpressionError(f"'{text}' cannot be read at '{text[position:].strip()}'")
        kind = str(found.lastgroup)
        word = found.group(kind)
        if kind == "name" and word in _WORDS:
            kind, word = "operator", _WORDS[word]
        tokens.append(_Token(kind, word))
        position = found.end()
    return [*tokens, _Token("end", "")]


class _Parser:
    """Evaluates while it reads. Both sides of && and || are read; the right one's errors count only when its value does."""

    def __init__(self, text: str, tokens: list[_Token], variables: Mapping[str, Any], bare_words: bool) -> None:
        self._text = text
        self._tokens = tokens
        self._variables = variables
        self._bare_words = bare_words
        self._position = 0
        self._skipping = 0  # inside an operand whose value does not matter

    def peek(self) -> _Token:
        return self._tokens[self._position]

    def unexpected(self) -> ExpressionError:
        found = self.peek()
        what = "the end" if found.kind == "end" else f"'{found.text}'"
        return ExpressionError(f"'{self._text}' cannot be read: unexpected {what}")

    def ternary(self) -> Any:
        value = self._or()
        if not self._take("?"):
            return value
        chosen = bool(value)
        first = self._unless(not chosen, self.ternary)
        self._expect(":")
        second = self._unless(chosen, self.ternary)
        return first if chosen else second

    def _or(self) -> Any:
        value = self._and()
        while self._take("||"):
            right = self._unless(self._bool(value), self._and)
            value = True if value is True else self._bool(right)
        return value

    def _and(self) -> Any:
        value = self._comparison()
        while self._take("&&"):
            right = self._unless(not self._bool(value), self._comparison)
            value = self._bool(right) if value else False
        return value

    def _comparison(self) -> Any:
        value = self._sum()
        while True:
            token = self.peek()
            if token.kind == "operator" and token.text in {"==", "!=", *_COMPARE}:
                self._position += 1
                value = self._compare(token.text, value, self._sum())
            elif token == _Token("name", "in"):
                self._position += 1
                value = self._contains(value, self._sum())
            elif token == _Token("operator", "!") and self._tokens[self._position + 1] == _Token("name", "in"):
                self._position += 2
                value = not self._contains(value, self._sum())
            else:
                return value

    def _compare(self, operator: str, left: Any, right: Any) -> bool:
        if self._skipping:
            return False
        if operator in {"==", "!="}:
            same = kind_of(left) == kind_of(right) and left == right
            return same if operator == "==" else not same
        if kind_of(left) != kind_of(right) or kind_of(left) not in {"number", "string"}:
            raise ExpressionError(
                f"invalid operation: {operator} (mismatched types {kind_of(left)} and {kind_of(right)}) in '{self._text}'"
            )
        return _COMPARE[operator](left, right)

    def _contains(self, item: Any, container: Any) -> bool:
        if self._skipping:
            return False
        if isinstance(container, str):
            return isinstance(item, str) and item in container
        if isinstance(container, list | tuple | Mapping):
            return item in container
        raise ExpressionError(f"operator in: {plain_text(container)!r} is not a list in '{self._text}'")

    def _sum(self) -> Any:
        value = self._product()
        while (token := self.peek()).kind == "operator" and token.text in {"+", "-"}:
            self._position += 1
            value = self._arithmetic(token.text, value, self._product())
        return value

    def _product(self) -> Any:
        value = self._unary()
        while (token := self.peek()).kind == "operator" and token.text in {"*", "/", "%"}:
            self._position += 1
            value = self._arithmetic(token.text, value, self._unary())
        return value

    def _arithmetic(self, operator: str, left: Any, right: Any) -> Any:
        if self._skipping:
            return 0
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return left + right
        if kind_of(left) != "number" or kind_of(right) != "number":
            raise ExpressionError(
                f"invalid operation: {operator} (mismatched types {kind_of(left)} and {kind_of(right)}) in '{self._text}'"
            )
        if operator in {"/", "%"} and right == 0:
            raise ExpressionError(f"division by zero in '{self._text}'")
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case _:
                return left % right

    def _unary(self) -> Any:
        if self._take("!"):
            return not self._bool(self._unary())
        if self._take("-"):
            value = self._unary()
            return self._arithmetic("-", 0, value)
        return self._postfix(self._atom())

    def _atom(self) -> Any:
        token = self.peek()
        self._position += 1
        if token.kind == "number":
            return float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
        if token.kind == "string":
            return re.sub(r"\\(.)", r"\1", token.text[1:-1])
        if token.kind == "name":
            return self._name(token.text)
        if token == _Token("operator", "("):
            value = self.ternary()
            self._expect(")")
            return value
        if token == _Token("operator", "["):
            return self._list("]")
        self._position -= 1
        raise self.unexpected()

    def _name(self, name: str) -> Any:
        if name in {"true", "false"}:
            return name == "true"
        if name == "nil":
            return None
        if self._take("("):
            arguments = self._list(")")
            if name not in FUNCTIONS:
                raise ExpressionError(
                    f"unknown function '{name}' in '{self._text}': known here are {', '.join(FUNCTIONS)}"
                )
            return None if self._skipping else FUNCTIONS[name](*arguments)
        if self._bare_words:
            return name
        return self._lookup(name)

    def _lookup(self, name: str) -> Any:
        """A variable, by the longest dotted name that is defined."""
        path = name
        while path not in self._variables:
            segment = self._segment()
            if segment is None:
                if self._skipping:
                    return None
                raise ExpressionError(f"unknown name '{path}' in '{self._text}'")
            path = f"{path}.{segment}"
        return self._variables[path]

    def _segment(self) -> str | None:
        if self._take("."):
            token = self.peek()
            if token.kind != "name":
                raise self.unexpected()
            self._position += 1
            return token.text
        if self.peek() == _Token("operator", "[") and self._tokens[self._position + 1].kind == "string":
            self._position += 1
            token = self.peek()
            self._position += 1
            self._expect("]")
            return token.text[1:-1]
        return None

    def _postfix(self, value: Any) -> Any:
        while True:
            if self.peek() == _Token("operator", "[") and not self._bare_words:
                self._position += 1
                index = self.ternary()
                self._expect("]")
            elif (index := self._segment()) is None:
                return value
            if self._skipping:
                continue
            try:
                value = value[index]
            except (KeyError, IndexError, TypeError):
                raise ExpressionError(f"cannot fetch {index!r} in '{self._text}'") from None

    def _list(self, closing: str) -> list[Any]:
        items: list[Any] = []
        if self._take(closing):
            return items
        while True:
            items.append(self.ternary())
            if self._take(closing):
                return items
            self._expect(",")

    def _unless(self, skip: bool, read: Callable[[], Any]) -> Any:
        self._skipping += skip
        try:
            return read()
        finally:
            self._skipping -= skip

    def _bool(self, value: Any) -> bool:
        if isinstance(value, bool) or self._skipping:
            return bool(value)
        raise ExpressionError(f"'{plain_text(value)}' is not true or false in '{self._text}'")

    def _take(self, text: str) -> bool:
        if self.peek() == _Token("operator", text):
            self._position += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self.unexpected()
