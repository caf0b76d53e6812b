"""CEL rules of custom types, apart from what `answers/tables/rules` compares with a real server."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from harness.cluster.store.rules import check_definitions, check_rules


def schema(rule: str, **more: Any) -> dict[str, Any]:
    integers = {"type": "array", "items": {"type": "integer"}}
    properties = {"l": integers, "s": {"type": "string"}, "t": {"type": "string", "format": "date-time"}}
    spec = {"type": "object", "properties": properties, "x-kubernetes-validations": [{"rule": rule, **more}]}
    return {"type": "object", "properties": {"spec": spec}}


def said(rule: str, value: dict[str, Any], old: dict[str, Any] | None = None, **more: Any) -> list[str]:
    def obj(spec: dict[str, Any]) -> dict[str, Any]:
        return {"metadata": {"name": "x"}, "spec": spec}

    causes = check_rules(schema(rule, **more), obj(value), None if old is None else obj(old))
    return [f"{cause.field}: {cause.message}" for cause in causes]


@pytest.mark.parametrize(
    ("rule", "value", "kept"),
    [
        ("self.l.sum() == 6 && self.l.max() == 3 && self.l.min() == 1", {"l": [1, 2, 3]}, True),
        ("self.l.isSorted()", {"l": [1, 3, 2]}, False),
        ("self.s.find('[0-9]+') == '12' && self.s.findAll('[a-z]').size() == 2", {"s": "a12b"}, True),
        ("self.s.lowerAscii().split(',').size() == 2", {"s": "A,B"}, True),
        ("self.?s.orValue('none') == 'none'", {}, True),
        ("self.s.matches('^a+$')", {"s": "b"}, False),
    ],
)
def test_given_functions_that_kubernetes_adds_then_rules_may_call_them(
    rule: str, value: dict[str, Any], kept: bool
) -> None:
    assert (said(rule, value) == []) is kept


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({"l": [0]}, "division by zero"),
        ({"l": []}, "index out of bounds: 0"),
        ({}, "no such key: l"),
    ],
)
def test_given_a_rule_that_fails_then_the_error_is_told_with_the_message(value: dict[str, Any], error: str) -> None:
    wanted = f'spec: Invalid value: "object": {error} evaluating rule: an inverse'
    assert said("1 / self.l[0] == 1", value, message="an inverse") == [wanted]


@pytest.mark.parametrize(
    "rule",
    [
        "self.t > timestamp('2020-01-01T00:00:00Z')",
        "quantity(self.s).isGreaterThan(quantity('1Gi'))",
        "isURL(self.s) && url(self.s).getScheme() == 'https'",
    ],
)
def test_given_what_cannot_be_decided_here_then_the_definition_is_taken_and_nothing_refused(rule: str) -> None:
    assert check_definitions(schema(rule), "spec") == []
    assert said(rule, {"s": "x", "t": "2019-01-01T00:00:00Z"}) == []


def test_given_a_value_that_breaks_a_newer_rule_then_it_may_stay_as_it_is() -> None:
    assert said("self.s == 'a'", {"s": "b"}) == ["spec: Invalid value: \"object\": failed rule: self.s == 'a'"]
    assert said("self.s == 'a'", {"s": "b"}, {"s": "b"}) == []
    assert said("self.s == 'a'", {"s": "c"}, {"s": "b"}) != []


def test_given_no_rule_then_the_runtime_is_not_loaded() -> None:
    code = (
        "import sys\n"
        "from harness.cluster.store.rules import check_rules\n"
        "schema = {'type': 'object', 'properties': {'spec': {'type': 'object'}}}\n"
        "assert check_rules(schema, {'metadata': {'name': 'x'}, 'spec': {}}, None) == []\n"
        "sys.exit('cel_expr_python' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
