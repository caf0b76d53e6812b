"""Values of a shape: comparing, merging, removing, and what is wrong with one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from harness.cluster.store.apply.fieldsets import EMPTY, of_paths
from harness.cluster.store.apply.typed import Mistyped, compare, fields_of, merge, remove, validate
from tests.harness.cluster.store.apply.houses import SHAPE, house, houses

R, S = 'k:{"name":"r"}', 'k:{"name":"s"}'


def spec(**fields: Any) -> dict[str, Any]:
    return house(spec=fields)


@pytest.mark.parametrize(
    ("old", "new", "removed", "modified", "added"),
    [
        ({"size": 1}, {"size": 2}, [], [("f:size",)], []),
        ({"size": 1}, {}, [("f:size",)], [], []),
        ({"names": {"a": "u"}}, {"names": {"a": "u", "b": "v"}}, [], [], [("f:names", "f:b")]),
        ({"list": ["u"]}, {"list": ["u", "v"]}, [], [("f:list",)], []),
        ({"whole": {"a": "u"}}, {"whole": {"b": "u"}}, [], [("f:whole",)], []),
        ({"tags": ["x", "y"]}, {"tags": ["y", "z"]}, [("f:tags", 'v:"x"')], [], [("f:tags", 'v:"z"')]),
        ({"tags": ["x", "y"]}, {"tags": ["y", "x"]}, [], [], []),
        (
            {"rooms": [{"name": "r", "floor": 1}]},
            {"rooms": [{"name": "s"}, {"name": "r", "floor": 2}]},
            [],
            [("f:rooms", R, "f:floor")],
            [("f:rooms", S), ("f:rooms", S, "f:name")],
        ),
        ({"free": {"a": {"b": 1}}}, {"free": {"a": {"b": 1, "c": 2}}}, [], [], [("f:free", "f:a", "f:c")]),
    ],
)
def test_given_two_values_then_their_comparison_names_the_fields(
    old: Any, new: Any, removed: Any, modified: Any, added: Any
) -> None:
    found = compare(SHAPE, spec(**old), spec(**new))
    parts = [(found.removed, removed), (found.modified, modified), (found.added, added)]
    for fields, wanted in parts:
        assert fields == of_paths(*(("f:spec", *path) for path in wanted))


@settings(derandomize=True, deadline=None)
@given(houses(), houses())
def test_given_two_values_then_no_field_is_in_two_of_the_sets_and_the_way_back_is_the_mirror(
    old: Any, new: Any
) -> None:
    there, back = compare(SHAPE, old, new), compare(SHAPE, new, old)
    assert not there.removed.intersection(there.added)
    assert not there.removed.intersection(there.modified)
    assert not there.modified.intersection(there.added)
    assert (there.removed, there.modified, there.added) == (back.added, back.modified, back.removed)


@settings(derandomize=True, deadline=None)
@given(houses())
def test_given_a_value_then_applying_it_to_itself_changes_nothing(value: Any) -> None:
    found = compare(SHAPE, value, merge(SHAPE, value, value))
    assert (found.modified, found.added) == (EMPTY, EMPTY)  # an empty list may go, as upstream


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        ({"tags": ["a", "b", "c"]}, {"tags": ["c", "a"]}, ["b", "c", "a"]),
        ({"tags": ["a", "b"]}, {"tags": ["x"]}, ["a", "b", "x"]),
        ({"tags": ["a", "b"]}, {"tags": ["b", "x"]}, ["a", "b", "x"]),
    ],
)
def test_given_sets_then_the_applied_order_wins_among_what_both_have(old: Any, new: Any, merged: list[str]) -> None:
    assert merge(SHAPE, spec(**old), spec(**new))["spec"]["tags"] == merged


def test_given_fields_then_removing_them_leaves_the_rest() -> None:
    value = spec(size=1, rooms=[{"name": "r", "floor": 1}, {"name": "s"}], tags=["x", "y"])
    gone = of_paths(("f:spec", "f:size"), ("f:spec", "f:rooms", R, "f:floor"), ("f:spec", "f:tags", 'v:"x"'))
    assert remove(SHAPE, value, gone)["spec"] == {"rooms": [{"name": "r"}, {"name": "s"}], "tags": ["y"]}
    assert "tags" in value["spec"]


def test_given_an_applied_value_then_its_fields_are_leaves_and_items() -> None:
    value = spec(size=1, rooms=[{"name": "r", "floor": 1}], whole={"a": "u"})
    assert fields_of(SHAPE, value).below("f:spec") == of_paths(
        ("f:size",), ("f:whole",), ("f:rooms", R), ("f:rooms", R, "f:name"), ("f:rooms", R, "f:floor")
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"size": "x"}, ".spec.size: expected numeric (int or float), got string"),
        ({"nothing": 1}, ".spec.nothing: field not declared in schema"),
        ({"tags": ["x", "x"]}, '.spec.tags: duplicate entries for key [="x"]'),
        (
            {"rooms": [{"floor": 1}]},
            ".spec.rooms: element 0: associative list with keys has an element that omits all key",
        ),
        ({"rooms": ["r"]}, ".spec.rooms: element 0: associative list with keys may not have non-map elements"),
        ({"list": {"a": 1}}, ".spec.list: expected list, got &{map[a:1]}"),
    ],
)
def test_given_a_value_that_its_type_does_not_allow_then_the_text_is_upstream_s(value: Any, text: str) -> None:
    with pytest.raises(Mistyped) as refused:
        validate(SHAPE, spec(**value))
    assert str(refused.value).startswith(text)
