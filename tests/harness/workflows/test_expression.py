"""Expressions and tags, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.workflows import ExpressionError, Unresolved
from harness.workflows.expression import evaluate, evaluate_bool, should_execute
from harness.workflows.substitute import substitute, tags_of

LAST = {
    "lastRetry.exitCode": "3",
    "lastRetry.status": "Failed",
    "lastRetry.duration": "12.5",
    "lastRetry.message": "main: x",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("asInt(lastRetry.exitCode) == 3", True),
        ('lastRetry.exitCode == "3"', True),
        ("lastRetry.exitCode == 3", False),  # a text is no number
        ("asInt(lastRetry.exitCode) in [1, 2, 3]", True),
        ("asInt(lastRetry.exitCode) not in [1, 2]", True),
        ("asFloat(lastRetry.duration) > 12", True),
        ('lastRetry.status == "Error" || lastRetry.exitCode == "143" || lastRetry.exitCode == "-1"', False),
        ('lastRetry.status == "Failed" && !(asInt(lastRetry.exitCode) > 5)', True),
        ('not (lastRetry.status == "Error") and lastRetry.exitCode != "0"', True),
        ('"main" in lastRetry.message', True),
        ("lastRetry[\"status\"] == 'Failed'", True),
        ("false && asInt(lastRetry.message) == 1", False),  # the right side does not matter
        ("true || asInt(lastRetry.message) == 1", True),
        ("1 + 2 * 3 - 4 / 2", 5),
        ("(1 + 2) * 3 % 4", 1),
        ("-2 + 1", -1),
        ('asInt(lastRetry.exitCode) > 2 ? "many" : "few"', "many"),
        ('lower("AB") + string(3)', "ab3"),
        ("[1, 2, 3][1]", 2),
        ("nil == nil", True),
    ],
)
def test_an_expression_has_this_value(text: str, value: Any) -> None:
    assert evaluate(text, LAST) == value


@settings(deadline=None)
@given(st.integers(0, 1000), st.integers(0, 1000), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]))
def test_comparisons_are_those_of_numbers(left: int, right: int, operator: str) -> None:
    expected = eval(f"{left} {operator} {right}")  # the oracle
    assert evaluate(f"{left} {operator} {right}", {}) is expected
    assert evaluate(f'asInt("{left}") {operator} asInt("{right}")', {}) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sprig.add(1, 2)", "unknown name 'sprig.add' in 'sprig.add(1, 2)'"),
        ("lastRetry.colour == 1", "unknown name 'lastRetry.colour' in 'lastRetry.colour == 1'"),
        ("asInt(lastRetry.message)", "asInt: 'main: x' is not a whole number"),
        ("1 <", "'1 <' cannot be read: unexpected the end"),
        ("1 1", "'1 1' cannot be read: unexpected '1'"),
        ("lastRetry.exitCode", "unable to cast expression result '3' to bool"),
        (
            "1 < lastRetry.exitCode",
            "invalid operation: < (mismatched types number and string) in '1 < lastRetry.exitCode'",
        ),
        ("1 / 0 == 1", "division by zero in '1 / 0 == 1'"),
        ("1 && true", "'1' is not true or false in '1 && true'"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate_bool(text, LAST)
    assert str(raised.value) == message


def test_an_unknown_function_is_named_with_those_that_are_known() -> None:
    with pytest.raises(ExpressionError, match=r"^unknown function 'jsonpath' in .*: known here are asInt, asFloat, "):
        evaluate("jsonpath('a')", {})


@pytest.mark.parametrize(
    ("when", "value"),
    [
        ("", True),
        ("true", True),
        ("false", False),
        ("odd == even", False),
        ("even == even", True),
        ("a-b.c/d != x", True),
        ("3 > 2", True),
        ("Succeeded == Succeeded && (1 < 2)", True),
        ("'two words' == \"two words\"", True),
        ("!(a == b)", True),
        ("-1 == -1", True),
    ],
)
def test_a_when_takes_bare_words_as_texts(when: str, value: bool) -> None:
    assert should_execute(when) is value


@pytest.mark.parametrize("when", ["a", "a ==", "two words == x", "{{item}} == x"])
def test_a_when_that_is_no_condition_is_an_error_that_shows_it(when: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        should_execute(when)
    assert f"'{when}'" in str(raised.value)


SCOPE = {"workflow.name": "wf", "inputs.parameters.n": "4", "inputs.parameters.a-b": "x"}


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("{{workflow.name}}-{{ inputs.parameters.n }}", "wf-4"),
        ({"a": ["{{workflow.name}}", 3, None]}, {"a": ["wf", 3, None]}),
        ("{{tasks.later.status}}", "{{tasks.later.status}}"),
        ("{{=asInt(inputs.parameters.n) * 2}}", "8"),
        ("{{=inputs.parameters['a-b'] + '!'}}", "x!"),
        ("{{=tasks.later.status}}", "{{=tasks.later.status}}"),
        ("{{=1 == 1}}", "true"),
        ("{{=[1, 'a']}}", '[1,"a"]'),
        ("no tag { } }}", "no tag { } }}"),
    ],
)
def test_tags_are_replaced_where_they_are_known(value: Any, result: Any) -> None:
    assert substitute(value, SCOPE) == result


def test_an_unknown_tag_is_an_error_where_it_has_to_be_known() -> None:
    with pytest.raises(Unresolved) as raised:
        substitute("{{inputs.parameters.m}}", SCOPE, strict=True)
    assert str(raised.value) == "failed to resolve {{inputs.parameters.m}}"


@settings(deadline=None)
@given(st.text(alphabet="ab{}= .", max_size=20))
def test_a_text_without_known_tags_comes_back_as_it_was_and_none_is_lost(text: str) -> None:
    tags = list(tags_of(text))
    if not any(tag.startswith("=") for tag in tags):
        assert substitute(text, SCOPE) == text
