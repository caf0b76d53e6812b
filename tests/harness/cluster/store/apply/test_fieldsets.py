"""Sets of fields: what they hold, how they are written, and that operations on them are those on sets of paths."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cluster.store.apply.fieldsets import (
    EMPTY,
    FieldSet,
    MalformedFields,
    canonical_element,
    of_paths,
    read_encoded,
    read_fields,
    show,
)

Path = tuple[str, ...]
elements = st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'k:{"name":"y"}', 'v:"x"', "v:1", "i:0", "i:10", "i:9"])
paths = st.sets(st.lists(elements, min_size=1, max_size=3).map(tuple), max_size=6)


def paths_of(fields: FieldSet) -> set[Path]:
    return set(fields.paths())


def is_below(path: Path, others: set[Path]) -> bool:
    return any(path[: len(other)] == other for other in others)


@settings(derandomize=True)
@given(paths, paths)
def test_given_two_sets_then_operations_are_those_on_their_paths(left: set[Path], right: set[Path]) -> None:
    mine, theirs = of_paths(*left), of_paths(*right)
    assert paths_of(mine.union(theirs)) == left | right
    assert paths_of(mine.intersection(theirs)) == left & right
    assert paths_of(mine.difference(theirs)) == left - right
    assert paths_of(mine.without(theirs)) == {path for path in left if not is_below(path, right)}
    assert all(mine.has(path) for path in left)


@settings(derandomize=True)
@given(paths)
def test_given_a_set_then_what_it_writes_reads_as_the_same_set(drawn: set[Path]) -> None:
    fields = of_paths(*drawn)
    assert read_fields(orjson.loads(fields.encoded())) == fields == read_encoded(fields.encoded())


def test_given_elements_of_every_kind_then_they_are_written_in_upstream_s_order() -> None:
    fields = of_paths(
        ("i:10",), ("i:9",), ('v:"b"',), ("v:2",), ("v:10",), ('k:{"port":80}',), ('k:{"port":9}',), ("f:z",)
    )
    assert fields.encoded() == (
        b'{"f:z":{},"k:{\\"port\\":9}":{},"k:{\\"port\\":80}":{},"v:2":{},"v:10":{},"v:\\"b\\"":{},"i:9":{},"i:10":{}}'
    )


def test_given_a_member_with_members_below_then_a_dot_says_that_it_is_one() -> None:
    assert of_paths(("f:a",), ("f:a", "f:b")).encoded() == b'{"f:a":{".":{},"f:b":{}}}'
    assert of_paths(("f:a", "f:b")).encoded() == b'{"f:a":{"f:b":{}}}'


@pytest.mark.parametrize("value", [[], "f:a", {"f:a": 1}, {"a": {}}, {"k:{": {}}])
def test_given_what_is_no_set_then_it_is_refused(value: object) -> None:
    with pytest.raises(MalformedFields):
        read_fields(value)


def test_given_an_element_of_an_unknown_kind_then_it_is_dropped_as_upstream() -> None:
    assert canonical_element("x:1") is None
    assert read_fields({"x:1": {}}) is EMPTY or not read_fields({"x:1": {}})


def test_given_keys_in_another_order_then_it_is_the_same_element() -> None:
    assert canonical_element('k:{"protocol":"TCP","port":80}') == canonical_element('k:{"port": 80, "protocol": "TCP"}')


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:spec", "f:replicas"), ".spec.replicas"),
        (("f:c", 'k:{"name":"x"}', "f:image"), '.c[name="x"].image'),
        (("f:p", 'k:{"port":80,"protocol":"TCP"}'), '.p[port=80,protocol="TCP"]'),
        (("f:finalizers", 'v:"a/b"'), '.finalizers[="a/b"]'),
        (("f:l", "i:3"), ".l[3]"),
    ],
)
def test_given_a_path_then_messages_show_it_as_upstream(path: Path, text: str) -> None:
    assert show(path) == text
