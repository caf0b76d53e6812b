"""The depends expression: against Python's own evaluation of a translated form, and its errors."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.workflows import InvalidSpec
from harness.workflows.depends import RESULTS, conjunction, evaluate, parse, tasks_of

TASKS = ("a", "b-1", "load_all", "C")
operands = st.builds(
    lambda task, result: f"{task}.{result}" if result else task, st.sampled_from(TASKS), st.sampled_from(("", *RESULTS))
)
expressions = st.recursive(
    operands,
    lambda inner: st.one_of(
        inner.map(lambda text: f"!({text})"),
        inner.map(lambda text: f"({text})"),
        st.tuples(inner, st.sampled_from([" && ", "||", " || "]), inner).map("".join),
    ),
    max_leaves=8,
)
outcomes = st.fixed_dictionaries(
    {task: st.fixed_dictionaries({name: st.booleans() for name in RESULTS}) for task in TASKS}
)


def python_form(text: str) -> str:
    """The same expression for Python: operators by name, operands as lookups."""

    def operand(found: re.Match[str]) -> str:
        task, result = found.group(1), found.group(2)
        if result:
            return f"outcome['{task}']['{result}']"
        return "(" + " or ".join(f"outcome['{task}']['{name}']" for name in ("Succeeded", "Skipped", "Daemoned")) + ")"

    translated = re.sub(r"([A-Za-z_][\w-]*)(?:\.([A-Za-z]+))?", operand, text)
    return translated.replace("&&", " and ").replace("||", " or ").replace("!", " not ")


@settings(deadline=None)
@given(expressions, outcomes)
def test_an_expression_has_the_value_that_python_gives_it(text: str, outcome: dict[str, dict[str, bool]]) -> None:
    expected = eval(python_form(text), {"outcome": outcome})  # the oracle; the text is generated above
    assert evaluate(parse(text), lambda task: outcome[task]) is bool(expected)


@settings(deadline=None)
@given(expressions)
def test_the_tasks_are_those_named_in_order(text: str) -> None:
    named = re.findall(r"([A-Za-z_][\w-]*)(?:\.[A-Za-z]+)?", text)
    assert tasks_of(parse(text)) == list(dict.fromkeys(named))


@pytest.mark.parametrize(
    ("text", "succeeded", "value"),
    [
        ("a", {"a"}, True),
        ("a && b", {"a"}, False),
        ("a || b && c", {"a"}, True),  # && binds first
        ("(a || b) && c", {"a"}, False),
        ("!a && b", {"b"}, True),  # ! binds first
    ],
)
def test_precedence(text: str, succeeded: set[str], value: bool) -> None:
    assert evaluate(parse(text), lambda task: {"Succeeded": task in succeeded}) is value


@pytest.mark.parametrize("result", ["Succeeded", "Skipped", "Daemoned"])
def test_a_bare_name_and_a_dependency_are_met_by_success_skip_and_daemon(result: str) -> None:
    assert evaluate(parse("a"), lambda _task: {result: True})
    assert evaluate(conjunction(["a", "b"]), lambda _task: {result: True})


@pytest.mark.parametrize("result", ["Failed", "Errored", "Omitted", "AnySucceeded", "AllFailed"])
def test_a_bare_name_is_not_met_by_anything_else(result: str) -> None:
    assert not evaluate(parse("a"), lambda _task: {result: True})


def test_no_dependencies_are_always_met() -> None:
    assert evaluate(conjunction([]), lambda _task: {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a &&", "depends 'a &&' cannot be read: the end stands where an operand or operator was expected"),
        ("&& a", "depends '&& a' cannot be read: '&&' stands where an operand or operator was expected"),
        ("(a", "depends '(a' cannot be read: the end stands where an operand or operator was expected"),
        ("a b", "depends 'a b' cannot be read: 'b' stands where an operand or operator was expected"),
        ("a.Fine", "task result 'Fine' for task 'a' is invalid"),
        ("a & b", "depends 'a & b' cannot be read at '& b': write task names, their results, &&, ||, ! and ()"),
    ],
)
def test_what_cannot_be_read_says_where(text: str, message: str) -> None:
    with pytest.raises(InvalidSpec) as raised:
        parse(text)
    assert str(raised.value) == message
