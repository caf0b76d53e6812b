"""The `depends` expression of a DAG task: read once, evaluated against the results of the tasks that it names.

Follows Argo Workflows 4.1 `workflow/common/ancestry.go` and the evaluation in `workflow/controller/dag.go`: `!` binds before `&&`, `&&` before
`||`; a bare task name stands for `(A.Succeeded || A.Skipped || A.Daemoned)`; `dependencies` is the conjunction of bare names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.workflows.errors import InvalidSpec

RESULTS = ("Succeeded", "Failed", "Errored", "Skipped", "Omitted", "Daemoned", "AnySucceeded", "AllFailed")
_BARE = ("Succeeded", "Skipped", "Daemoned")
_TOKEN = re.compile(r"\s*(&&|\|\||!|\(|\)|[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z]+)?)")

Outcome = Mapping[str, bool]


@dataclass(frozen=True)
class Result:
    """`task.Result`, or any of the three of a bare name."""

    task: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class Not:
    """`!operand`."""

    operand: Node


@dataclass(frozen=True)
class All:
    """`a && b && ...`."""

    operands: tuple[Node, ...]


@dataclass(frozen=True)
class Any:
    """`a || b || ...`."""

    operands: tuple[Node, ...]


Node = Result | Not | All | Any


def parse(text: str) -> Node:
    """The tree of a depends expression. Raises InvalidSpec when it cannot be read."""
    tokens = list(_tokens(text))
    parser = _Parser(text, tokens)
    tree = parser.any()
    if parser.position != len(tokens):
        raise parser.unexpected()
    return tree


def conjunction(tasks: Sequence[str], let_pass: Mapping[str, Sequence[str]] | None = None) -> Node:
    """What a `dependencies` list means; `let_pass` gives the failures of a task that do not hold back (its continueOn)."""
    return All(tuple(Result(task, (*_BARE, *(let_pass or {}).get(task, ()))) for task in tasks))


def tasks_of(tree: Node) -> list[str]:
    """The tasks that an expression names, in the order of first appearance."""
    return list(dict.fromkeys(_walk(tree)))


def evaluate(tree: Node, outcome_of: Callable[[str], Outcome]) -> bool:
    """Whether the expression holds, given what became of each task."""
    match tree:
        case Result(task, names):
            outcome = outcome_of(task)
            return any(outcome.get(name, False) for name in names)
        case Not(operand):
            return not evaluate(operand, outcome_of)
        case All(operands):
            return all(evaluate(operand, outcome_of) for operand in operands)
        case Any(operands):
            return any(evaluate(operand, outcome_of) for operand in operands)


def _walk(tree: Node) -> Iterator[str]:
    match tree:
        case Result(task, _):
            yield task
        case Not(operand):
            yield from _walk(operand)
        case All(operands) | Any(operands):
            for operand in operands:
                yield from _walk(operand)


def _tokens(text: str) -> Iterator[str]:
    position = 0
    while text[position:].strip():
        found = _TOKEN.match(text, position)
        if found is None:
            raise InvalidSpec(
                f"depends '{text}' cannot be read at '{text[position:].strip()}': write task names, their results, &&, ||, ! and ()"
            )
        yield found.group(1)
        position = found.end()


class _Parser:
    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text = text
        self.tokens = tokens
        self.position = 0

    def any(self) -> Node:
        operands = [self.all()]
        while self._take("||"):
            operands.append(self.all())
        return operands[0] if len(operands) == 1 else Any(tuple(operands))

    def all(self) -> Node:
        operands = [self.one()]
        while self._take("&&"):
            operands.append(self.one())
        return operands[0] if len(operands) == 1 else All(tuple(operands))

    def one(self) -> Node:
        if self._take("!"):
            return Not(self.one())
        if self._take("("):
            inner = self.any()
            if not self._take(")"):
                raise self.unexpected()
            return inner
        if self.position == len(self.tokens) or self.tokens[self.position] in {"&&", "||", ")"}:
            raise self.unexpected()
        token = self.tokens[self.position]
        self.position += 1
        task, _, result = token.partition(".")
        if result and result not in RESULTS:
            raise InvalidSpec(f"task result '{result}' for task '{task}' is invalid")
        return Result(task, (result,) if result else _BARE)

    def _take(self, token: str) -> bool:
        if self.position < len(self.tokens) and self.tokens[self.position] == token:
            self.position += 1
            return True
        return False

    def unexpected(self) -> InvalidSpec:
        found = f"'{self.tokens[self.position]}'" if self.position < len(self.tokens) else "the end"
        return InvalidSpec(
            f"depends '{self.text}' cannot be read: {found} stands where an operand or operator was expected"
        )
