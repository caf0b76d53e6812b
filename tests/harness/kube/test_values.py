"""Selectors, quantities, objects and errors: tables against what Kubernetes does."""

from __future__ import annotations

import copy
import json
import pickle
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.kube import quantity, selectors, selectortext
from harness.kube.errors import Cause, Conflict, Invalid, NotFound
from harness.kube.objects import freeze, is_true, key_of, split_key, thaw, with_condition
from harness.kube.resources import JOBS, PODS

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        ("app=x", {"app": "x"}, True),
        ("app==x", {"app": "y"}, False),
        ("app!=x", {}, True),
        ("app in (a, b)", {"app": "b"}, True),
        ("app notin (a,b)", {"app": "b"}, False),
        ("app", {"app": ""}, True),
        ("!app", {"app": ""}, False),
        ("app=x,tier in (a,b)", {"app": "x", "tier": "c"}, False),
        ("", {"any": "thing"}, True),
    ],
)
def test_label_selectors(text: str, labels: dict[str, str], expected: bool) -> None:
    assert selectortext.parse(text).matches(labels) is expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("app = = x", "unable to parse requirement: found '=', expected: identifier"),
        ("app in (x", "unable to parse requirement: found '', expected: ',' or ')'"),
        ("app=x y", "found 'y', expected: ',' or 'end of string'"),
        (
            "app>x",
            "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer",
        ),
    ],
)
def test_a_selector_that_cannot_be_read_is_refused_with_the_place(text: str, why: str) -> None:
    with pytest.raises(selectortext.BadSelector) as caught:
        selectortext.parse(text)
    assert str(caught.value) == why


def test_match_expressions_and_labels_hold_together() -> None:
    selector = selectors.from_object(
        {"matchLabels": {"a": "1"}, "matchExpressions": [{"key": "n", "operator": "Gt", "values": ["3"]}]}
    )
    assert selector is not None
    assert selector.matches({"a": "1", "n": "4"})
    assert not selector.matches({"a": "1", "n": "x"})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", "0.5"),
        ("1Gi", "1073741824"),
        ("1e3", "1000"),
        ("1E3", "1000"),
        ("2k", "2000"),
        (".5", "0.5"),
        ("1E", "1e18"),
        (3, "3"),
    ],
)
def test_quantities(text: str | int, value: str) -> None:
    assert quantity.parse(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", "1 Gi", "1GiB", "abc", "1.2.3"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match"):
        quantity.parse(text)


def test_quantities_round_up() -> None:
    assert quantity.milli("0.1m") == 1
    assert quantity.whole("1500m") == 2


@given(JSON)
def test_frozen_objects_are_equal_and_encode_alike(value: object) -> None:
    frozen = freeze(value)
    assert frozen == value
    assert orjson.dumps(frozen) == orjson.dumps(value)
    assert json.dumps(frozen) == json.dumps(value)
    assert thaw(frozen) == value


def test_a_frozen_object_refuses_every_change() -> None:
    frozen = freeze({"a": {"b": [1]}})
    for change in (
        lambda: frozen.update(x=1),
        lambda: frozen["a"].pop("b"),
        lambda: frozen["a"]["b"].append(2),
        frozen["a"]["b"].sort,
        lambda: frozen.setdefault("c", 1),
    ):
        with pytest.raises(TypeError, match="thaw"):
            change()
    assert freeze(frozen) is frozen
    assert copy.deepcopy(frozen) is frozen
    copied = thaw(frozen)
    copied["a"]["b"].append(2)
    assert frozen == {"a": {"b": [1]}}


def test_keys_read_back() -> None:
    assert split_key(key_of({"metadata": {"name": "n", "namespace": "ns"}})) == ("ns", "n")
    assert split_key(key_of({"metadata": {"name": "n"}})) == (None, "n")


def test_a_condition_keeps_its_transition_time_until_its_status_changes() -> None:
    first = with_condition([], {"type": "Ready", "status": "False"}, "t1")
    same = with_condition(first, {"type": "Ready", "status": "False", "reason": "New"}, "t2")
    assert same == [{"type": "Ready", "status": "False", "reason": "New", "lastTransitionTime": "t1"}]
    changed = with_condition(same, {"type": "Ready", "status": "True"}, "t3")
    assert changed[0]["lastTransitionTime"] == "t3"
    assert is_true({"status": {"conditions": changed}}, "Ready")


def test_errors_have_the_texts_of_kubernetes() -> None:
    assert NotFound.of(PODS, "x").message == 'pods "x" not found'
    assert NotFound.of(JOBS, "x").status()["details"] == {"name": "x", "group": "batch", "kind": "jobs"}
    assert Conflict.of(JOBS, "x").message.startswith(
        'Operation cannot be fulfilled on jobs.batch "x": the object has been modified'
    )
    invalid = Invalid.of(JOBS, "x", [Cause("spec.template", "FieldValueRequired", "Required value")])
    assert invalid.message == 'Job.batch "x" is invalid: spec.template: Required value'
    assert invalid.status()["code"] == 422


def test_given_resource_types_then_equality_is_that_of_all_that_is_known_of_them() -> None:
    assert pickle.loads(pickle.dumps(PODS)) == PODS
    assert hash(replace(PODS, short_names=())) == hash(PODS)
    assert replace(PODS, short_names=()) != PODS
    assert replace(PODS, group="metrics.k8s.io").group_resource == "pods.metrics.k8s.io"
    assert PODS.__eq__("pods") is False
